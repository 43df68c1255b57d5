import type { BusyAsked, NewEvent } from '../calendar.ts'
import type { Session } from './session.ts'
import type { CalendarVendor } from './vendor.ts'

export type CalendarSession = Session<CalendarVendor>

/** An hour of a day in summer, in UTC. */
export const at = (hour: number, day = 15): Date => new Date(Date.UTC(2027, 5, day, hour))

/** A meeting of Foyer's, an hour long. */
export const aMeeting = (given: Partial<NewEvent> = {}): NewEvent => ({
  id: '0195f3c2a1b47c3d9e8f001122334455',
  title: 'Sofia Ricci and Dana Whitfield',
  body: 'About the order of March.\nSofia: <b>see you</b>',
  location: null,
  start: at(9),
  end: at(10),
  timeZone: 'Europe/Berlin',
  host: { name: 'Dana Whitfield', email: 'dana@foyer.test' },
  guest: { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' },
  wantsVideo: false,
  ...given,
})

/** Busy times of the main calendar, as `[start, end]` in milliseconds, ascending. */
export async function busyTimes(
  session: CalendarSession,
  asked: Partial<BusyAsked> = {},
): Promise<number[][]> {
  const { main } = session.vendor.calendars
  const times = await session.calendar.busy(session.connection(), {
    calendarIds: [main],
    timeZone: session.vendor.timeZone,
    from: at(0, 1),
    to: at(0, 30),
    ...asked,
  })
  return times.map(({ start, end }) => [start.getTime(), end.getTime()]).sort(([a = 0], [b = 0]) => a - b)
}

export const stretch = (from: Date, until: Date): number[] => [from.getTime(), until.getTime()]
