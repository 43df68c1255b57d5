import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestMeeting, Meeting } from '#core/contracts/meetings.ts'
import { Guest, setMeetingSettings, share } from '#tests/core/meetings/a-booking.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import {
  agentWithGoogle,
  deliverCallsOf,
  enterApp,
  foyerWithGoogle,
  type Google,
  myCalendar,
} from './a-calendar.ts'

let world: Awaited<ReturnType<typeof foyerWithGoogle>>
let foyer: TestFoyer
let google: Google

beforeAll(async () => {
  world = await foyerWithGoogle()
  ;({ foyer, google } = world)
  await enterApp(world.admin)
})
afterAll(async () => {
  await foyer.close()
  await world.close()
})

/** A guest has booked a meeting, and its event stands in the agent's calendar at Google. */
async function booked() {
  const { agent: host, calendarId } = await agentWithGoogle(world, { online: true })
  await setMeetingSettings(host, {
    title: 'Talk with {{name}}',
    body: 'About {{note}}',
    location: 'Room 4',
  })
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('May I see you?')
  await host.accepts(id)
  const { token } = await share(host, id)
  await host.switchTo('unavailable')
  const guest = new Guest(foyer.origin, token)
  const { slots } = await guest.slots()
  const meeting = await guest.books(slots[5]?.start, { note: 'lamps <b>' })
  const event = [...(google.store.calendars.get(calendarId)?.events.values() ?? [])][0]
  return { host, calendarId, guest, meeting, slots, eventId: event?.id ?? '', event }
}

const read = (host: AgentActor, { id }: GuestMeeting) => host.http.get<Meeting>(`/meetings/${id}`)

/** Foyer looks at the calendars again: Google calls. A call that comes while they are read is not forgotten. */
const look = () => deliverCallsOf(world)

test('a booked meeting is one event at Google, with the guest invited and a video link', async () => {
  const { meeting, event, host } = await booked()
  expect(meeting.state).toBe('booked')
  expect(event).toMatchObject({
    status: 'confirmed',
    summary: 'Talk with Sofia Ricci',
    description: expect.stringContaining('About lamps &lt;b&gt;'),
    location: 'Room 4',
    attendees: [{ email: 'sofia.ricci@northwind.test' }],
    start: { dateTime: meeting.start },
  })
  expect((await read(host, meeting)).videoUrl).toMatch(/^https:\/\/meet\.google\.com\//)
})

test('what is moved, answered and deleted at Google comes back', async () => {
  const { host, meeting, calendarId, eventId } = await booked()
  const to = new Date(Date.parse(meeting.start) + 24 * 3_600_000)
  google.store.changeEvent(calendarId, eventId, {
    start: { dateTime: to.toISOString() },
    end: { dateTime: new Date(to.getTime() + 1_800_000).toISOString() },
  })
  await look()
  await waitFor('it is moved', async () => (await read(host, meeting)).start === to.toISOString())
  google.store.changeEvent(calendarId, eventId, {
    attendees: [
      { email: 'a.colleague@northwind.test', responseStatus: 'accepted' },
      { email: 'Sofia.Ricci@northwind.test', responseStatus: 'declined' },
    ],
  })
  await look()
  await waitFor(
    'the guest has declined',
    async () => (await read(host, meeting)).guestResponse === 'declined',
  )
  google.store.changeEvent(calendarId, eventId, { status: 'cancelled' })
  await look()
  await waitFor('it is cancelled', async () => (await read(host, meeting)).state === 'cancelled')
})

test('what was changed or deleted at Google before its guest moves it: moved all the same, or cancelled', async () => {
  const { host, meeting, slots, calendarId, eventId } = await booked()
  const moves = (place: number) =>
    new HttpClient(foyer.origin).post<GuestMeeting>(`/meeting/${meeting.token}/reschedule`, {
      start: slots[place]?.start,
    })
  // its version is another one, which Foyer has not heard of: 412
  google.store.changeEvent(calendarId, eventId, { summary: 'Talk about prices' })
  expect(await moves(8)).toMatchObject({ state: 'booked', start: slots[8]?.start })
  const event = google.store.calendars.get(calendarId)?.events.get(eventId)
  expect(event).toMatchObject({ summary: 'Talk about prices', start: { dateTime: slots[8]?.start } })
  google.store.changeEvent(calendarId, eventId, { status: 'cancelled' })
  expect(await moves(9)).toMatchObject({ state: 'cancelled' })
  expect(await read(host, meeting)).toMatchObject({ state: 'cancelled', cancelledBy: 'calendar' })
})

test('what a guest moves while a page of the feed is on its way that says where it was stays moved', async () => {
  const { host, meeting, slots, calendarId, eventId } = await booked()
  google.store.changeEvent(calendarId, eventId, { summary: 'Talk about prices' })
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  google.faults.plan((_, path) => path.endsWith(`/calendars/${encodeURIComponent(calendarId)}/events`), {
    answersAfter: () => {
      asked.resolve()
      return gate.promise
    },
  })
  const readAt = async () => {
    const { rows } = await foyer.pool.query<{ at: Date }>(
      'select max(read_at) as at from calendar_feeds where agent_id = $1',
      [host.id],
    )
    return rows[0]?.at.getTime() ?? 0
  }
  const before = await readAt()
  await look()
  await asked.promise
  const http = new HttpClient(foyer.origin)
  const moved = http.post<GuestMeeting>(`/meeting/${meeting.token}/reschedule`, { start: slots[8]?.start })
  expect(await moved).toMatchObject({ state: 'booked', start: slots[8]?.start })
  gate.resolve()
  await waitFor('the page is taken in', async () => (await readAt()) > before)
  expect(await read(host, meeting)).toMatchObject({ state: 'booked', start: slots[8]?.start })
})

test('a meeting follows the calendar that it stands in, also when its host has chosen another one since', async () => {
  const { host, meeting, slots, calendarId, eventId, guest } = await booked()
  const now = `team-of-${calendarId}`
  const times = (place: number) => ({
    start: { dateTime: slots[place]?.start ?? '' },
    end: { dateTime: slots[place]?.end ?? '' },
  })
  const chooses = () => host.http.put('/me/calendar', { calendarId: now, busyCalendarIds: [] })
  await chooses()
  await waitFor('it is read', async () => (await myCalendar(host)).calendar?.busyReadAt)
  google.store.changeEvent(calendarId, eventId, times(9))
  await look()
  await waitFor('it is moved', async () => (await read(host, meeting)).start === slots[9]?.start)
  // what else is in the old one is in nobody's way, and what is in the new one is
  google.store.addEvent(now, times(12))
  const moves = (place: number) =>
    new HttpClient(foyer.origin).post<GuestMeeting>(`/meeting/${meeting.token}/reschedule`, {
      start: slots[place]?.start,
    })
  await expect(moves(12)).rejects.toMatchObject({ code: 'slot_taken' })
  google.store.addEvent(calendarId, times(13))
  foyer.advance(6 * 60_000)
  await look()
  await waitFor('the new one is read', async () => {
    const free = (await guest.slots()).slots.map(({ start }) => start)
    return !free.includes(slots[12]?.start ?? '') && free.includes(slots[13]?.start ?? '')
  })
  expect(await moves(13)).toMatchObject({ state: 'booked', start: slots[13]?.start })

  google.store.calendars.delete(calendarId)
  // all are read at once, whatever was under way
  await chooses()
  await waitFor('the old one is left', async () => {
    const { rows } = await foyer.pool.query(
      'select calendar_id as id from calendar_feeds where agent_id = $1',
      [host.id],
    )
    return rows.length === 1 && rows[0].id === now
  })
  expect((await myCalendar(host)).calendar?.state).toBe('ok')
})

test('what was deleted at Google already is cancelled as anything else', async () => {
  const { host, meeting, calendarId, eventId } = await booked()
  google.store.changeEvent(calendarId, eventId, { status: 'cancelled' })
  await host.http.post(`/meetings/${meeting.id}/cancel`)
  await waitFor('nothing is left to be done there', async () => {
    const { rows } = await foyer.pool.query('select event_due from meetings where id = $1', [meeting.id])
    return rows[0].event_due === null
  })
  expect(await read(host, meeting)).toMatchObject({ state: 'cancelled' })
})

test('what was changed while Google forgot its feed comes back all the same', async () => {
  const { host, meeting, calendarId, eventId } = await booked()
  google.store.changeEvent(calendarId, eventId, { status: 'cancelled' })
  google.store.forgetChanges()
  foyer.advance(6 * 60_000)
  await waitFor('it is cancelled', async () => (await read(host, meeting)).state === 'cancelled')
})

test('a calendar whose grant is gone takes its agent out of booking at once', async () => {
  const { host, guest } = await booked()
  google.oauth.revokeFrom(host.me.email)
  google.oauth.dropAccessTokens()
  foyer.advance(6 * 60_000)
  await waitFor('it is broken', async () => (await myCalendar(host)).calendar?.state === 'broken')
  const page = await guest.page()
  expect({ bookable: page.bookable, reason: page.reason !== null }).toEqual({ bookable: false, reason: true })
})
