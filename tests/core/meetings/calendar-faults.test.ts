import { expect, test } from 'vitest'
import {
  ProviderRejectedError,
  ProviderUnavailableError,
  ReconnectNeededError,
} from '#connectors/sdk/errors.ts'
import type { GuestMeeting, Meeting, MeetingPage } from '#core/contracts/meetings.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { connectedCalendar as connected } from './a-booking.ts'

/** Another process finds what is left, after the lease of the one that died. */
async function found(foyer: TestFoyer): Promise<void> {
  foyer.clock.advance(60_000)
  await sweepMeetings(foyer.app.services, new AbortController().signal)
}

const statusOf = (foyer: TestFoyer, { token }: GuestMeeting) =>
  new HttpClient(foyer.origin).get<GuestMeeting>(`/meeting/${token}`)

const mails = async ({ pool }: TestFoyer) =>
  (
    await pool.query<{ subject: string; to: string; method: string | null }>(
      `select subject, to_address as "to", invitation ->> 'method' as method from mails order by subject, to_address`,
    )
  ).rows

test('one event for a booking whose answer was lost, whenever it is repeated', async () => {
  const { foyer, calendar, guest, slots, host } = await connected()
  const lost = new ProviderUnavailableError('The line was cut.', 'unknown')
  calendar.fails({ action: 'insertEvent', when: 'after', error: lost })
  const response = await guest.raw(slots[0]?.start)
  expect(response.status).toBe(202)
  const held = (await response.json()) as GuestMeeting
  expect(held).toMatchObject({ state: 'held', statusUrl: `/api/v1/meeting/${held.token}` })
  // nobody is told "booked" before it is certain
  expect(await mails(foyer)).toEqual([])
  await found(foyer)
  expect(await statusOf(foyer, held)).toMatchObject({ state: 'booked' })
  expect([calendar.inserted, calendar.confirmed.length]).toEqual([1, 1])
  expect((await mails(foyer)).map(({ to }) => to).sort()).toEqual(
    [host.me.email, 'sofia.ricci@northwind.test'].sort(),
  )
})

for (const action of ['busy', 'insertEvent'] as const)
  for (const when of ['before', 'after'] as const)
    test(`a process that dies ${when} ${action} leaves a booking that another one finishes`, async () => {
      const { foyer, calendar, guest, slots } = await connected()
      calendar.fails({ action, when })
      const held = await guest.books(slots[0]?.start)
      expect(held.state).toBe('held')
      expect((await guest.slots()).slots[0]).toEqual(slots[1])
      await found(foyer)
      expect(await statusOf(foyer, held)).toMatchObject({ state: 'booked', start: slots[0]?.start })
      expect([calendar.inserted, calendar.confirmed.length]).toEqual([1, 1])
    })

test('what the calendar says is taken is not booked, and nothing is left of it', async () => {
  const { foyer, calendar, guest, slots } = await connected()
  calendar.busy = [
    { calendarId: 'main', start: new Date(slots[0]?.start ?? ''), end: new Date(slots[0]?.end ?? '') },
  ]
  await expect(guest.books(slots[0]?.start)).rejects.toMatchObject({ status: 409, code: 'slot_taken' })
  const { rows } = await foyer.pool.query('select state from meetings')
  expect([rows, calendar.inserted, await mails(foyer)]).toEqual([[], 0, []])
  expect((await guest.books(slots[1]?.start)).state).toBe('booked')
})

test('what fails after the visitor was put off is told to both, in words', async () => {
  const { foyer, calendar, guest, slots, host } = await connected()
  calendar.fails({
    action: 'busy',
    when: 'before',
    error: new ProviderUnavailableError('Google does not answer.', 'nothing'),
  })
  const held = await guest.books(slots[0]?.start)
  expect(held.state).toBe('held')
  calendar.fails({
    action: 'insertEvent',
    when: 'before',
    error: new ProviderRejectedError('Google refuses this event.'),
  })
  await found(foyer)
  expect(await statusOf(foyer, held)).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('another time'),
  })
  expect(await mails(foyer)).toEqual([
    { subject: 'The meeting with Sofia Ricci could not be booked', to: host.me.email, method: null },
    {
      subject: `Your meeting with ${host.me.name} could not be booked`,
      to: 'sofia.ricci@northwind.test',
      method: null,
    },
  ])
  expect((await guest.slots()).slots[0]).toEqual(slots[0])
})

for (const [what, error] of Object.entries({
  'a grant that is gone': new ReconnectNeededError('Connect again.'),
  'a calendar that may only be read': new ProviderRejectedError('Google refuses this event.'),
}))
  for (const action of ['busy', 'insertEvent'] as const)
    test(`${what}, found at ${action}, books nothing, and is not called a time that is taken`, async () => {
      const { foyer, calendar, guest, slots, host } = await connected()
      calendar.fails({ action, when: 'before', error })
      const wish = guest.wish(slots[0]?.start)
      const refused = await guest.raw(slots[0]?.start, wish)
      expect(refused.status).toBe(409)
      expect(await refused.json()).toMatchObject({
        code: 'calendar_refused',
        detail: expect.stringContaining('try again later'),
        slots: expect.any(Array),
      })
      expect([calendar.inserted, calendar.confirmed]).toEqual([0, []])
      // the visitor has read it; the host sees who was kept away, and why
      expect(await mails(foyer)).toEqual([])
      const { meetings } = await host.http.get<MeetingPage>('/meetings')
      expect(meetings).toMatchObject([
        { state: 'failed', reason: error.message, guest: { email: 'sofia.ricci@northwind.test' } },
      ])
      // the same booking, sent again because its answer was lost
      await expect(guest.books(slots[0]?.start, wish)).rejects.toMatchObject({ code: 'calendar_refused' })
    })

test('a time that a refused booking had is free for the next one', async () => {
  const { calendar, guest, slots } = await connected()
  calendar.fails({ action: 'insertEvent', when: 'before', error: new ProviderRejectedError('Not this one.') })
  await expect(guest.books(slots[0]?.start)).rejects.toMatchObject({ code: 'calendar_refused' })
  expect(await guest.books(slots[0]?.start)).toMatchObject({ state: 'booked', start: slots[0]?.start })
})

test('a move that the calendar refuses is told as that, and a time that is taken afterwards as taken', async () => {
  const { foyer, calendar, guest, slots, host } = await connected()
  const { token, id } = await guest.books(slots[0]?.start)
  const http = new HttpClient(foyer.origin)
  const moves = (start: string | undefined) => http.post(`/meeting/${token}/reschedule`, { start })
  for (const [mover, path] of [
    [http, `/meeting/${token}/reschedule`],
    [host.http, `/meetings/${id}/reschedule`],
  ] as const) {
    calendar.fails({ action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') })
    await expect(mover.post(path, { start: slots[3]?.start })).rejects.toMatchObject({
      status: 409,
      code: 'calendar_refused',
    })
    expect(await http.get(`/meeting/${token}`)).toMatchObject({ state: 'booked', start: slots[0]?.start })
  }
  await guest.books(slots[4]?.start)
  await expect(moves(slots[4]?.start)).rejects.toMatchObject({ code: 'slot_taken' })
  calendar.busy = [
    { calendarId: 'main', start: new Date(slots[5]?.start ?? ''), end: new Date(slots[5]?.end ?? '') },
  ]
  await expect(moves(slots[5]?.start)).rejects.toMatchObject({ code: 'slot_taken' })
  expect(await moves(slots[3]?.start)).toMatchObject({ start: slots[3]?.start })
})

test('busy time that is not known is not free', async () => {
  const { foyer, guest, host } = await connected()
  await foyer.pool.query(`update calendars set busy_until = $2 where agent_id = $1`, [
    host.id,
    new Date(foyer.clock.now().getTime() + 2 * 86_400_000),
  ])
  const { slots } = await guest.slots()
  const last = Date.parse(slots.at(-1)?.start ?? '')
  expect(last).toBeLessThan(foyer.clock.now().getTime() + 2 * 86_400_000)
  foyer.clock.advance(31 * 60_000)
  expect(await guest.slots()).toEqual({ slots: [], nextFree: null })
  expect(await guest.page()).toMatchObject({ bookable: false })
})

test('a move is where the calendar has it, and stays where it was if that refuses', async () => {
  const { foyer, calendar, guest, slots } = await connected()
  const { token, id } = await guest.books(slots[0]?.start)
  const http = new HttpClient(foyer.origin)
  calendar.fails({
    action: 'changeEvent',
    when: 'after',
    error: new ProviderUnavailableError('Cut.', 'unknown'),
  })
  const moving = await http.post<GuestMeeting>(`/meeting/${token}/reschedule`, { start: slots[3]?.start })
  expect(moving).toMatchObject({ start: slots[0]?.start, movingTo: slots[3]?.start })
  // both times are its own until it is certain
  expect((await guest.slots()).slots.slice(0, 3)).toEqual([slots[1], slots[2], slots[4]])
  await found(foyer)
  expect(await http.get(`/meeting/${token}`)).toMatchObject({ start: slots[3]?.start, movingTo: null })
  expect(calendar.confirmed.map(({ start }) => start.toISOString())).toEqual([slots[3]?.start])
  calendar.busy = [
    { calendarId: 'main', start: new Date(slots[5]?.start ?? ''), end: new Date(slots[5]?.end ?? '') },
  ]
  await expect(http.post(`/meeting/${token}/reschedule`, { start: slots[5]?.start })).rejects.toMatchObject({
    code: 'slot_taken',
  })
  expect(await http.get(`/meeting/${token}`)).toMatchObject({ id, state: 'booked', start: slots[3]?.start })
})

test('cancelled while its event was being made, no event is left', async () => {
  const { foyer, calendar, guest, slots, host } = await connected()
  calendar.fails({
    action: 'insertEvent',
    when: 'after',
    error: new ProviderUnavailableError('Cut.', 'unknown'),
  })
  const held = await guest.books(slots[0]?.start)
  expect(await host.http.post<Meeting>(`/meetings/${held.id}/cancel`)).toMatchObject({ state: 'cancelled' })
  await found(foyer)
  expect(calendar.confirmed).toEqual([])
  expect((await guest.slots()).slots[0]).toEqual(slots[0])
})

test('an event that was left without length in the calendar is a meeting as long as it was', async () => {
  const { foyer, calendar, connectionId, guest, slots, host } = await connected()
  const { id, start: booked, end: bookedEnd } = await guest.books(slots[0]?.start)
  const eventId = id.replaceAll('-', '')
  const event = calendar.events.get(eventId)
  if (!event) throw new Error('There is no such event')
  const start = new Date(slots[7]?.start ?? '')
  const shortened = { ...event, start, end: start, etag: '2' }
  await applyCalendarChange(foyer.app.services, {
    connectionId,
    calendarId: 'main',
    eventId,
    event: shortened,
    read: async () => shortened,
  })
  const end = new Date(start.getTime() + Date.parse(bookedEnd) - Date.parse(booked))
  expect(await host.http.get<Meeting>(`/meetings/${id}`)).toMatchObject({
    state: 'booked',
    start: start.toISOString(),
    end: end.toISOString(),
  })
})

test('what is changed in the calendar itself comes back: moved, answered, declined, deleted', async () => {
  const { foyer, calendar, connectionId, guest, slots, host } = await connected({ tellsGuests: true })
  const one = await guest.books(slots[0]?.start)
  const two = await guest.books(slots[1]?.start)
  const heard = (id: string, change: object | null) => {
    const eventId = id.replaceAll('-', '')
    const event = calendar.events.get(eventId)
    if (!event) throw new Error('There is no such event')
    const now = change && { ...event, ...change }
    return applyCalendarChange(foyer.app.services, {
      connectionId,
      calendarId: 'main',
      eventId,
      event: now,
      read: async () => now,
    })
  }
  const meeting = (id: string) => host.http.get<Meeting>(`/meetings/${id}`)
  expect(
    await applyCalendarChange(foyer.app.services, {
      connectionId,
      calendarId: 'main',
      eventId: 'strange',
      event: null,
      read: async () => null,
    }),
  ).toBe(false)

  const start = new Date(slots[7]?.start ?? '')
  const end = new Date(start.getTime() + 45 * 60_000)
  for (let turn = 0; turn < 2; turn++) await heard(one.id, { start, end, etag: '7' })
  expect(await meeting(one.id)).toMatchObject({
    state: 'booked',
    start: start.toISOString(),
    end: end.toISOString(),
  })
  const free = (await guest.slots()).slots.map((slot) => slot.start)
  expect([free.includes(slots[0]?.start ?? ''), free.includes(slots[8]?.start ?? '')]).toEqual([true, false])
  // the provider has invited the guest, and whether it has told them of this the host alone knows
  expect((await mails(foyer)).filter(({ to }) => to !== host.me.email)).toEqual([
    {
      subject: `Your meeting with ${host.me.name} has moved`,
      to: 'sofia.ricci@northwind.test',
      method: null,
    },
  ])
  expect((await mails(foyer)).filter(({ subject }) => subject.includes('moved'))).toHaveLength(2)

  await heard(one.id, {
    start,
    end,
    guests: [
      { email: 'a.colleague@northwind.test', response: 'accepted' },
      { email: 'Sofia.Ricci@northwind.test', response: 'declined' },
    ],
    video: { state: 'ready', url: 'https://meet.example/1' },
  })
  expect(await meeting(one.id)).toMatchObject({
    state: 'booked',
    guestResponse: 'declined',
    videoUrl: 'https://meet.example/1',
  })
  // on top of another one: it is so, and nobody else gets either time
  await heard(two.id, { start, end, etag: '3' })
  expect(await meeting(two.id)).toMatchObject({ state: 'booked', start: start.toISOString() })
  await heard(one.id, null)
  expect(await meeting(one.id)).toMatchObject({ state: 'cancelled', cancelledBy: 'calendar' })
  await heard(two.id, { hostResponse: 'declined' })
  expect(await meeting(two.id)).toMatchObject({ state: 'cancelled', cancelledBy: 'calendar' })
})
