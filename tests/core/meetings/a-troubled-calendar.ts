import { expect } from 'vitest'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { ProviderUnavailableError } from '#connectors/sdk/errors.ts'
import type { GuestMeeting, Meeting } from '#core/contracts/meetings.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import { findContradictions } from '#core/verify/contradictions.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { connectedCalendar } from './a-booking.ts'

export const guestEmail = 'sofia.ricci@northwind.test'
export const lost = new ProviderUnavailableError('The line was cut.', 'unknown')
export const away = new ProviderUnavailableError('It does not answer.', 'nothing')
export const eventIdOf = ({ id }: { id: string }) => id.replaceAll('-', '')

/** A meeting's calendar in which things go wrong, or are changed by hand. */
export async function world(options: { tellsGuests?: boolean } = {}) {
  const connected = await connectedCalendar(options)
  const { foyer, calendar, connectionId, slots, host } = connected
  const http = new HttpClient(foyer.origin)
  const at = (place: number) => new Date(slots[place]?.start ?? '')
  const times = (place: number) => ({ start: at(place), end: new Date(slots[place]?.end ?? '') })
  return {
    ...connected,
    at,
    times,
    /** Another process finds what is left, after the lease of the one that died. */
    async found() {
      foyer.clock.advance(400_000)
      await sweepMeetings(foyer.app.services, new AbortController().signal)
    },
    meeting: ({ id }: { id: string }) => host.http.get<Meeting>(`/meetings/${id}`),
    moves: ({ token }: GuestMeeting, place: number) =>
      http.post<GuestMeeting>(`/meeting/${token}/reschedule`, { start: slots[place]?.start }),
    /** And has tried to tell the calendar, for which no answer waits: what goes on behind it would read the clock that a test moves next. */
    async cancels({ id }: { id: string }) {
      await host.http.post(`/meetings/${id}/cancel`)
      await waitFor('the calendar was tried', async () => {
        const { rows } = await foyer.pool.query(
          'select from meetings where id = $1 and (event_due is null or attempts > 0)',
          [id],
        )
        return rows.length > 0
      })
    },
    heard: (
      meeting: { id: string },
      event: CalendarEvent | null = calendar.events.get(eventIdOf(meeting)) ?? null,
    ) =>
      applyCalendarChange(foyer.app.services, {
        connectionId,
        calendarId: 'main',
        eventId: eventIdOf(meeting),
        event: event && structuredClone(event),
        read: async () => event && structuredClone(event),
      }),
    async mailsTo(address: string) {
      const { rows } = await foyer.pool.query<{ subject: string; text: string; method: string | null }>(
        `select subject, text, invitation ->> 'method' as method from mails where to_address = $1 order by created_at, subject`,
        [address],
      )
      return rows
    },
    /** Places of the times that can be booked. */
    async free() {
      const free = new Set((await connected.guest.slots()).slots.map(({ start }) => start))
      return [0, 1, 2, 3, 4, 5, 6, 7].filter((place) => free.has(slots[place]?.start ?? ''))
    },
    contradictions: () => findContradictions(foyer.pool, new Date(0)),
  }
}

type World = Awaited<ReturnType<typeof world>>

/** The calendar has made the move, and the answer was lost. */
export async function aMoveInDoubt({ calendar, guest, slots, moves }: World, to = 3) {
  const booked = await guest.books(slots[0]?.start)
  calendar.fails({ action: 'changeEvent', when: 'after', error: lost })
  expect(await moves(booked, to)).toMatchObject({ start: slots[0]?.start, movingTo: slots[to]?.start })
  return booked
}
