import { expect, test } from 'vitest'
import { ProviderRejectedError } from '#connectors/sdk/errors.ts'
import { Book, type GuestMeeting } from '#core/contracts/meetings.ts'
import { book } from '#core/features/meetings/booking.ts'
import { BookingDesk } from '#core/features/meetings/desk.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { connectedCalendar, Guest } from './a-booking.ts'

/** What a booking or a move that the calendar does not take leaves as it was. */

const refusal = new ProviderRejectedError('Not this one.')

test('a booking that failed does not hide one that stands, in the card of the chat', async () => {
  const { foyer, calendar, guest, slots, visitor, token } = await connectedCalendar()
  const theirs = new Guest(foyer.origin, token, visitor)
  const booked = await theirs.books(slots.at(-1)?.start)
  foyer.clock.advance(1_000)
  for (let n = 0; n < 21; n++) {
    calendar.fails({ action: 'insertEvent', when: 'before', error: refusal })
    await expect(guest.books(slots.at(-3)?.start)).rejects.toMatchObject({ code: 'calendar_refused' })
    // an address is booked under twenty times a day
    if (n === 10) foyer.clock.advance(86_400_000)
    await foyer.pool.query('update calendars set busy_read_at = $1', [foyer.clock.now()])
  }
  const { meetings } = await theirs.page()
  expect(meetings[0]).toMatchObject({ id: booked.id, state: 'booked' })
  expect(meetings.slice(1).map(({ state }) => state)).toEqual(Array(19).fill('failed'))
})

test('a move that is refused leaves the guest’s zone too, and one that is made changes it', async () => {
  const { foyer, calendar, guest, slots } = await connectedCalendar()
  const { token, wallTime } = await guest.books(slots[0]?.start, { timeZone: 'Europe/Rome' })
  const http = new HttpClient(foyer.origin)
  const moves = (place: number, timeZone?: string) =>
    http.post<GuestMeeting>(`/meeting/${token}/reschedule`, { start: slots[place]?.start, timeZone })
  calendar.fails({ action: 'changeEvent', when: 'before', error: refusal })
  await expect(moves(3, 'Asia/Tokyo')).rejects.toMatchObject({ code: 'calendar_refused' })
  expect(await http.get(`/meeting/${token}`)).toMatchObject({ timeZone: 'Europe/Rome', wallTime })
  const inKolkata = new Date(Date.parse(slots[3]?.start ?? '') + 330 * 60_000).toISOString().slice(0, 16)
  expect(await moves(3, 'Asia/Kolkata')).toMatchObject({ timeZone: 'Asia/Kolkata', wallTime: inKolkata })
  // nor does the zone of a refused move come with the next one
  calendar.fails({ action: 'changeEvent', when: 'before', error: refusal })
  await expect(moves(5, 'Asia/Tokyo')).rejects.toMatchObject({ code: 'calendar_refused' })
  expect((await moves(5)).timeZone).toBe('Asia/Kolkata')
})

/** Tells when somebody has seen what was booked under their key. */
class WatchedDesk extends BookingDesk {
  readonly seen = Promise.withResolvers<void>()
  override async bookedBefore(...asked: Parameters<BookingDesk['bookedBefore']>) {
    const before = await super.bookedBefore(...asked)
    this.seen.resolve()
    return before
  }
}

test('the twin of a booking whose time is taken in the calendar is told so too, though nothing is kept of it', async () => {
  const { foyer, calendar, guest, slots, token } = await connectedCalendar()
  const { services } = foyer.app
  const [slot] = slots
  calendar.busy = [{ calendarId: 'main', start: new Date(slot?.start ?? ''), end: new Date(slot?.end ?? '') }]
  const goesOn = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  calendar.answersAfter('busy', () => {
    asked.resolve()
    return goesOn.promise
  })
  const wish = guest.wish(slot?.start)
  const first = guest.raw(slot?.start, wish)
  await asked.promise
  const desk = new WatchedDesk(services)
  const twin = book(services, desk, token, Book.parse(wish), {
    visitor: null,
    network: null,
    counts: async () => undefined,
  })
  const told = expect(twin).rejects.toMatchObject({
    code: 'slot_taken',
    details: { slots: expect.any(Array) },
  })
  await desk.seen.promise
  goesOn.resolve()
  expect(await (await first).json()).toMatchObject({ code: 'slot_taken' })
  await told
  const { rows } = await foyer.pool.query('select from meetings')
  expect(rows).toEqual([])
})
