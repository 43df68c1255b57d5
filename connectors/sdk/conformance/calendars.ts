import { calendarBookingTests } from './calendar-booking.ts'
import { calendarBusyTests } from './calendar-busy.ts'
import { calendarFeedTests } from './calendar-feed.ts'
import type { Rule } from './index.ts'
import type { CalendarVendor } from './vendor.ts'

/** What booking relies on: busy time that is never guessed, one event for one meeting, and news of what others changed. */
export const calendarTests: Rule<CalendarVendor>[] = [
  ...calendarBusyTests,
  ...calendarBookingTests,
  ...calendarFeedTests,
]
