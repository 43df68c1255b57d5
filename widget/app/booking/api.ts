import type { z } from 'zod'
import type { Book, BookingLink, BookingPage, FreeSlots, GuestMeeting } from '#core/contracts/meetings.ts'
import { ask } from '../api.ts'

/** The calendar that somebody shared, or a meeting that stands already: whoever has the token may. */
export type Place = { share: string } | { meeting: string }

const pathOf = (place: Place) => ('share' in place ? `booking/${place.share}` : `meeting/${place.meeting}`)

/** Foyer's HTTP as a guest uses it. Throws `Refusal` or `NoAnswer`. */
export const api = {
  /** What the visitor's site leads to. */
  link: (visitor: string | null) =>
    ask<z.infer<typeof BookingLink>>('POST', 'widget/booking-links', visitor, {}),
  /** @param visitor the token of the chat's visitor, who alone is shown what was booked */
  page: (share: string, visitor: string | null) => ask<BookingPage>('GET', `booking/${share}`, visitor),
  slots: (place: Place, from: number, to: number) =>
    ask<FreeSlots>(
      'GET',
      `${pathOf(place)}/slots?from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`,
      null,
    ),
  /** @param visitor the token of the chat's visitor, who is known by what they say here from then on */
  book: (share: string, wish: z.input<typeof Book>, visitor: string | null) =>
    ask<GuestMeeting>('POST', `booking/${share}`, visitor, wish),
  meeting: (token: string) => ask<GuestMeeting>('GET', `meeting/${token}`, null),
  cancel: (token: string) => ask<GuestMeeting>('POST', `meeting/${token}/cancel`, null, {}),
  move: (token: string, start: string, timeZone: string) =>
    ask<GuestMeeting>('POST', `meeting/${token}/reschedule`, null, { start, timeZone }),
  file: (token: string) => `/api/v1/meeting/${token}/calendar.ics`,
}
