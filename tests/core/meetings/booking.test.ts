import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { FreeSlots, GuestMeeting, MeetingPage } from '#core/contracts/meetings.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { everyDay, Guest, setMeetingSettings, sharedCalendar } from './a-booking.ts'

/** What whoever has the link of a calendar can do by it. */

test.afterEach(({ foyer }) => retireEverybody(foyer))

const day = 86_400_000

test('a shared calendar is a card in the chat, and a booked meeting a line', async ({ foyer }) => {
  const { host, visitor, conversationId, token, guest, email } = await sharedCalendar(foyer)
  const page = await new Guest(foyer.origin, token, visitor).page()
  expect(page).toMatchObject({
    agent: { name: host.me.name },
    team: null,
    durationMinutes: 30,
    prefill: { name: 'Sofia Ricci', email },
    bookable: true,
    meetings: [],
  })
  const { slots, nextFree } = await guest.slots()
  expect(nextFree).toEqual(slots[0])
  const booked = await guest.books(slots[3]?.start, { note: 'About lamps' })
  expect(booked).toMatchObject({
    state: 'booked',
    start: slots[3]?.start,
    end: slots[3]?.end,
    timeZone: 'Europe/Rome',
  })
  const { entries } = await host.http.get<{ entries: { kind: string; data: object; sender: object }[] }>(
    `/conversations/${conversationId}/messages`,
  )
  expect(entries.slice(-2)).toMatchObject([
    {
      kind: 'calendar_shared',
      sender: { type: 'agent', id: host.id },
      data: { token, agentId: host.id, name: host.me.name },
    },
    { kind: 'meeting_booked', data: { meetingId: booked.id, start: booked.start } },
  ])
  expect(
    await visitor.http.get<{ entries: object[] }>(`/widget/conversations/${conversationId}/messages`),
  ).toMatchObject({ entries: expect.arrayContaining([expect.objectContaining({ kind: 'meeting_booked' })]) })
  expect((await guest.slots()).slots.map(({ start }) => start)).not.toContain(booked.start)
  const { meetings } = await host.http.get<MeetingPage>('/meetings')
  expect(meetings).toMatchObject([
    {
      id: booked.id,
      state: 'booked',
      guest: { email: 'sofia.ricci@northwind.test', note: 'About lamps' },
      conversationId,
    },
  ])
})

test('the same booking sent twice is one, and its key means no other', async ({ foyer }) => {
  const { host, guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const idempotencyKey = randomUUID()
  const [one, two] = await Promise.all([
    guest.books(slots[0]?.start, { idempotencyKey }),
    guest.books(slots[0]?.start, { idempotencyKey }),
  ])
  expect(two.id).toBe(one?.id)
  expect((await guest.books(slots[0]?.start, { idempotencyKey })).id).toBe(one.id)
  await expect(guest.books(slots[1]?.start, { idempotencyKey })).rejects.toMatchObject({
    status: 409,
    code: 'idempotency_key_reused',
  })
  expect((await host.http.get<MeetingPage>('/meetings')).meetings).toHaveLength(1)
})

test('the chat’s visitor opens what was booked by a link that reading does not make', async ({ foyer }) => {
  const { host, visitor, token, guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const booked = await guest.books(slots[0]?.start)
  const links = async () =>
    (await foyer.pool.query('select from meeting_links where meeting_id = $1', [booked.id])).rows.length
  const before = await links()
  const own = new Guest(foyer.origin, token, visitor)
  const [one, two] = [await own.page(), await own.page()]
  expect(one.agent).toEqual({ id: host.id, name: host.me.name })
  expect(one.meetings).toEqual([{ ...booked, statusUrl: `/api/v1/meeting/${booked.token}` }])
  expect(two).toEqual(one)
  expect((await guest.page()).meetings).toMatchObject([{ id: booked.id, token: null }])
  expect(await links()).toBe(before)

  const http = new HttpClient(foyer.origin)
  const open = (link: string | null) => http.get<GuestMeeting>(`/meeting/${link}`)
  // of a meeting booked under another secret key, no hash of today's link is kept
  await foyer.pool.query('delete from meeting_links where meeting_id = $1', [booked.id])
  expect(await open(booked.token)).toMatchObject({ id: booked.id })
  const [id, proof] = booked.token?.split('.') ?? []
  const other = await guest.books(slots[1]?.start)
  for (const forged of [id, `${id}.`, `${id}.${'A'.repeat(43)}`, `${other.token?.split('.')[0]}.${proof}`])
    await expect(open(forged ?? '')).rejects.toMatchObject({ status: 404 })
})

test('who comes too late reads what is free instead', async ({ foyer }) => {
  const { guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  await guest.books(slots[0]?.start)
  const refused = await guest.raw(slots[0]?.start)
  expect(refused.status).toBe(409)
  const problem = await refused.json()
  expect(problem).toMatchObject({ code: 'slot_taken', nextFree: slots[1] })
  expect(problem.slots[0]).toEqual(slots[1])
  // a time that never was one is not free either
  const between = new Date(Date.parse(slots[1]?.start ?? '') + 60_000).toISOString()
  await expect(guest.books(between)).rejects.toMatchObject({ status: 409, code: 'slot_taken' })
})

test('a time or a stretch that is long over is answered with what is free from now on', async ({ foyer }) => {
  const { guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const longAgo = new Date(foyer.clock.now().getTime() - 365 * day).toISOString()
  const over = await guest.slots(`?from=${longAgo}&to=${longAgo}`)
  expect(over).toEqual({ slots: [], nextFree: slots[0] })
  await expect(guest.books(longAgo)).rejects.toMatchObject({
    code: 'slot_taken',
    problem: { nextFree: slots[0] },
  })
})

test('what is no booking is refused, and an unknown link leads nowhere', async ({ foyer }) => {
  const { guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  for (const wrong of [
    { start: 'soon' },
    { email: 'nobody' },
    { name: ' ' },
    { idempotencyKey: '' },
    { timeZone: 'Mars/North' },
    { surely: 'not' },
  ])
    await expect(guest.books(slots[0]?.start, wrong)).rejects.toMatchObject({ status: 422 })
  const stranger = new Guest(foyer.origin, 'guessed')
  for (const call of [stranger.page, stranger.slots, () => stranger.books(slots[0]?.start)])
    await expect(call()).rejects.toMatchObject({ status: 404 })
  await expect(guest.slots('?from=2027-01-01T00:00:00Z&to=2027-05-01T00:00:00Z')).rejects.toMatchObject({
    status: 422,
  })
  await expect(guest.slots('?from=noon')).rejects.toMatchObject({ status: 422 })
})

test('buffers as of booking keep their time free, whatever is set later', async ({ foyer }) => {
  const { host, guest } = await sharedCalendar(foyer, { bufferBeforeMinutes: 15, bufferAfterMinutes: 30 })
  const at = (clock: string) =>
    `${new Date(foyer.clock.now().getTime() + 2 * day).toISOString().slice(0, 10)}T${clock}:00.000Z`
  await guest.books(at('12:00'))
  const free = async () =>
    (await guest.slots(`?from=${at('09:00')}&to=${at('17:00')}`)).slots.map(({ start }) =>
      start.slice(11, 16),
    )
  // with its own buffers, a meeting at 11:30 would need 11:15 to 12:30
  expect(await free()).toEqual([
    '09:00',
    '09:30',
    '10:00',
    '10:30',
    '13:30',
    '14:00',
    '14:30',
    '15:00',
    '15:30',
    '16:00',
    '16:30',
  ])
  await setMeetingSettings(host, { bufferBeforeMinutes: 0, bufferAfterMinutes: 0 })
  expect(await free()).toEqual([
    '09:00',
    '09:30',
    '10:00',
    '10:30',
    '11:00',
    '13:00',
    '13:30',
    '14:00',
    '14:30',
    '15:00',
    '15:30',
    '16:00',
    '16:30',
  ])
})

test('a meeting can be moved into its own time, and where it is already is offered to nobody', async ({
  foyer,
}) => {
  const { host, guest } = await sharedCalendar(foyer, { durationMinutes: 60, stepMinutes: 30 })
  const tomorrow = new Date(foyer.clock.now().getTime() + day)
  tomorrow.setUTCHours(0, 0, 0, 0)
  const from = `?from=${tomorrow.toISOString()}`
  const [first, second, third] = (await guest.slots(from)).slots
  const meeting = await guest.books(second?.start)
  const path = `/meeting/${meeting.token}`
  const guests = new HttpClient(foyer.origin)
  for (const [http, slotsOf] of [
    [guests, `${path}/slots`],
    [host.http, `/meetings/${meeting.id}/slots`],
  ] as const) {
    expect((await http.get<FreeSlots>(slotsOf + from)).slots.slice(0, 2)).toEqual([first, third])
    expect((await http.get<FreeSlots>(`${slotsOf}?from=${meeting.start}`)).nextFree).toEqual(third)
  }
  // whoever is shown other times because one is taken is not shown it either
  const other = await guest.books((await guest.slots(from)).slots[2]?.start)
  const refused = await guests.raw('POST', `${path}/reschedule`, { start: other.start })
  const { slots } = (await refused.json()) as FreeSlots
  expect(slots.slice(0, 2)).toEqual([first, third])
  expect(await guests.post<GuestMeeting>(`${path}/reschedule`, { start: third?.start })).toMatchObject({
    state: 'booked',
    start: third?.start,
  })
})

test('a guest moves and cancels by the link, and only what is theirs', async ({ foyer }) => {
  const { host, guest } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const { token } = await guest.books(slots[0]?.start)
  const other = await guest.books(slots[4]?.start)
  const http = new HttpClient(foyer.origin)
  const path = `/meeting/${token}`
  expect(await http.get<GuestMeeting>(path)).toMatchObject({ state: 'booked', start: slots[0]?.start })
  await expect(http.post(`${path}/reschedule`, { start: other.start })).rejects.toMatchObject({
    code: 'slot_taken',
  })
  await expect(http.post(`${path}/reschedule`, { start: 'later' })).rejects.toMatchObject({ status: 422 })
  const moved = await http.post<GuestMeeting>(`${path}/reschedule`, {
    start: slots[2]?.start,
    timeZone: 'Asia/Kolkata',
  })
  expect(moved).toMatchObject({
    state: 'booked',
    start: slots[2]?.start,
    timeZone: 'Asia/Kolkata',
    movingTo: null,
  })
  expect((await guest.slots()).slots[0]).toEqual(slots[0])
  const file = await http.raw('GET', `${path}/calendar.ics`)
  expect(file.headers.get('content-type')).toContain('text/calendar')
  expect(await file.text()).toContain(`DTSTART:${moved.start.replaceAll(/[-:]|\.000/g, '')}`)
  expect(await http.post<GuestMeeting>(`${path}/cancel`)).toMatchObject({
    state: 'cancelled',
    cancelledBy: 'visitor',
  })
  expect(await http.post<GuestMeeting>(`${path}/cancel`)).toMatchObject({ state: 'cancelled' })
  await expect(http.post(`${path}/reschedule`, { start: slots[0]?.start })).rejects.toMatchObject({
    code: 'meeting_over',
  })
  for (const call of ['', '/slots', '/calendar.ics'])
    await expect(http.get(`/meeting/guessed${call}`)).rejects.toMatchObject({ status: 404 })
  for (const call of ['/cancel', '/reschedule'])
    await expect(http.post(`/meeting/guessed${call}`, { start: slots[0]?.start })).rejects.toMatchObject({
      status: 404,
    })
  expect((await guest.slots()).slots.map(({ start }) => start)).toContain(slots[2]?.start)
  await waitFor('the host hears of it', async () => {
    const { meetings } = await host.http.get<MeetingPage>('/meetings?state=cancelled')
    return meetings.some(({ id }) => id === moved.id)
  })
})

test('no more than the daily maximum is booked, however many ask at once', async ({ foyer }) => {
  const { guest } = await sharedCalendar(foyer, { dailyMax: 2, blocks: everyDay('00:00', '24:00') })
  const from = new Date(Math.ceil(foyer.clock.now().getTime() / day) * day)
  const query = `?from=${from.toISOString()}&to=${new Date(from.getTime() + day).toISOString()}`
  const { slots } = await guest.slots(query)
  const answers = await Promise.all(slots.slice(0, 12).map(({ start }) => guest.raw(start)))
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(10)
  expect((await guest.slots(query)).slots).toEqual([])
})
