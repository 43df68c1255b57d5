import ICAL from 'ical.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caldav } from '#connectors/caldav/index.ts'
import type { CalendarVendor } from '#connectors/sdk/conformance/vendor.ts'
import type { CalendarChoices, ConnectCalendarAnswer, MyCalendar } from '#core/contracts/calendars.ts'
import type { GuestMeeting, Meeting } from '#core/contracts/meetings.ts'
import { aCaldavVendor } from '#tests/connectors/caldav/a-vendor.ts'
import { type Radicale, startRadicale } from '#tests/connectors/caldav/radicale.ts'
import { Guest, setMeetingSettings, share } from '#tests/core/meetings/a-booking.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { mirrorOf, myCalendar } from './a-calendar.ts'

let foyer: TestFoyer
let vendor: CalendarVendor
let radicale: Radicale

beforeAll(async () => {
  radicale = await startRadicale()
  vendor = await aCaldavVendor(radicale)
  foyer = await startFoyer({ connectors: [caldav], config: { standIns: { caldav: vendor.origin } } })
})
afterAll(async () => {
  await foyer.close()
  await vendor.close()
})

const typed = (more: object = {}) => ({
  connector: 'caldav',
  settings: { address: `${vendor.origin}/` },
  userName: vendor.client.id,
  password: vendor.client.secret,
  ...more,
})

test('an agent connects by name and password, chooses a calendar, and its busy time is known', async () => {
  const agent = await foyer.agent({ online: false })
  expect((await myCalendar(agent)).connectors).toMatchObject([
    { id: 'caldav', kind: 'password', ready: true },
  ])
  const { url, mine } = await agent.http.post<ConnectCalendarAnswer>('/me/calendar/connect', typed())
  // two calendars, and which is meant only the agent knows
  expect({ url, state: mine.calendar?.state }).toEqual({ url: null, state: 'choosing' })
  const { calendars } = await agent.http.get<CalendarChoices>('/me/calendar/choices')
  const main = calendars.find(({ name }) => name === 'Calendar main')
  const start = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 30 * 3_600_000)
  const end = new Date(start.getTime() + 3_600_000)
  await vendor.addEvent(vendor.calendars.main, { time: { start, end } })
  const chosen = await agent.http.put<MyCalendar>('/me/calendar', { calendarId: main?.id })
  expect(chosen.calendar?.state).toBe('ok')
  const busy = await waitFor('the event is known', async () => {
    const rows = await mirrorOf(foyer, agent)
    return rows.length > 0 && rows
  })
  expect(busy).toMatchObject([{ start, end }])
  const { rows } = await foyer.pool.query('select jsonb_agg(to_jsonb(c)) as all from connections c')
  expect(JSON.stringify(rows)).not.toContain(vendor.client.secret)
})

type Own = NonNullable<MyCalendar['calendar']>

/** A guest has booked a meeting, and its event stands in the agent's calendar on the server. */
async function booked() {
  const host = await foyer.agent()
  await host.http.post<ConnectCalendarAnswer>('/me/calendar/connect', typed())
  const { calendars } = await host.http.get<CalendarChoices>('/me/calendar/choices')
  await host.http.put<MyCalendar>('/me/calendar', {
    calendarId: calendars.find(({ name }) => name === 'Calendar other')?.id,
  })
  await waitFor('the calendar is read', async () => (await myCalendar(host)).calendar?.busyReadAt)
  await setMeetingSettings(host, {})
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('May I see you?')
  await host.accepts(id)
  const { token } = await share(host, id)
  await host.switchTo('unavailable')
  const guest = new Guest(foyer.origin, token)
  const { slots } = await guest.slots()
  const at = (place: number) => {
    const { start = '', end = '' } = slots[place] ?? {}
    return { start: new Date(start), end: new Date(end) }
  }
  const meeting = await guest.books(slots[5]?.start)
  const { other } = vendor.calendars
  const [eventId = '', ...more] = await vendor.eventIds(other)
  expect(more).toEqual([])
  const lookAgain = () => foyer.pool.query(`update calendar_feeds set next_at = 'epoch'`)
  return {
    host,
    guest,
    /** Foyer looks at the calendar again, until what the agent is told of it is so. */
    hearsOf: (what: string, isSo: (calendar: Own) => boolean) =>
      waitFor(
        what,
        async () => {
          await lookAgain()
          foyer.advance(1)
          const { calendar } = await myCalendar(host)
          return calendar && isSo(calendar) && calendar
        },
        { everyMs: 200 },
      ),
    calendarId: other,
    eventId,
    meeting,
    slots,
    at,
    read: () => host.http.get<Meeting>(`/meetings/${meeting.id}`),
    /** Foyer looks at the calendar again, until it is so. */
    hears: (what: string, isSo: (meeting: Meeting) => boolean) =>
      waitFor(
        what,
        async () => {
          await lookAgain()
          foyer.advance(1)
          return isSo(await host.http.get<Meeting>(`/meetings/${meeting.id}`))
        },
        { everyMs: 200 },
      ),
    timesThere: async () => (await mirrorOf(foyer, host)).map(({ start }) => start.toISOString()),
    asGuest: (path: string, body?: object) =>
      new HttpClient(foyer.origin).post<GuestMeeting>(`/meeting/${meeting.token}/${path}`, body),
  }
}

test('what is moved, answered and deleted on the server comes back', async () => {
  const { calendarId, eventId, at, hears } = await booked()
  await vendor.moveEvent(calendarId, eventId, at(9))
  await hears('it is moved', ({ start }) => start === at(9).start.toISOString())
  await vendor.answerAsGuest(calendarId, eventId, 'declined')
  await hears('the guest has declined', ({ guestResponse }) => guestResponse === 'declined')
  await vendor.deleteEvent(calendarId, eventId)
  await hears('it is cancelled', ({ state }) => state === 'cancelled')
})

test('what a guest is sent is the event that stands in the calendar, so that an answer by mail finds it', async () => {
  const { calendarId, eventId, meeting, slots, asGuest } = await booked()
  const { id, secret } = vendor.client
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const opened = async (address: string) => {
    const answer = await fetch(address, { headers: { authorization, connection: 'close' } })
    const file = new ICAL.Component(ICAL.parse(await answer.text())).getFirstSubcomponent('vevent')
    return ['uid', 'sequence', 'organizer', 'attendee', 'dtstart'].map((name) =>
      String(file?.getFirstPropertyValue(name)).toLowerCase(),
    )
  }
  const sent = () => opened(`${foyer.origin}/api/v1/meeting/${meeting.token}/calendar.ics`)
  const there = () => opened(`${calendarId}${eventId}.ics`)
  expect(await sent()).toEqual(await there())
  await asGuest('reschedule', { start: slots[8]?.start })
  expect(await sent()).toEqual(await there())
  await asGuest('cancel')
  await waitFor('it is gone', async () => (await vendor.eventIds(calendarId)).length === 0)
})

test('what a guest moves and cancels is moved and gone on the server, whatever was changed there meanwhile', async () => {
  const { calendarId, eventId, meeting, slots, at, asGuest, hears, timesThere } = await booked()
  expect(await asGuest('reschedule', { start: slots[8]?.start })).toMatchObject({ start: slots[8]?.start })
  await hears('the event is read', ({ start }) => start === slots[8]?.start)
  await expect.poll(timesThere).toEqual([slots[8]?.start])
  // its version is another one now
  await vendor.moveEvent(calendarId, eventId, at(11))
  expect(await asGuest('reschedule', { start: slots[9]?.start })).toMatchObject({ start: slots[9]?.start })
  await hears('the event is read', ({ start }) => start === slots[9]?.start)
  await expect.poll(timesThere).toEqual([slots[9]?.start])
  expect(await asGuest('cancel')).toMatchObject({ id: meeting.id, state: 'cancelled' })
  await waitFor('it is gone', async () => (await vendor.eventIds(calendarId)).length === 0)
})

test('what was deleted on the server before its guest moves it is cancelled', async () => {
  const { calendarId, eventId, slots, asGuest } = await booked()
  await vendor.deleteEvent(calendarId, eventId)
  expect(await asGuest('reschedule', { start: slots[8]?.start })).toMatchObject({ state: 'cancelled' })
})

test('whoever connects again with another account is told to disconnect first, and what is booked stands', async () => {
  const { host, calendarId, eventId, slots, asGuest, read } = await booked()
  const colleague = await aCaldavVendor(radicale)
  const { id: userName, secret: password } = colleague.client
  const answer = await host.http.raw('POST', '/me/calendar/connect', typed({ userName, password }))
  expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({
    status: 409,
    code: 'calendar_refused',
    detail: expect.stringMatching(/^This is the account .*isconnect first/),
  })
  expect((await myCalendar(host)).calendar?.account).toContain(vendor.client.id)
  // with the other one's password nobody finds its event, and what is not found is no meeting any more
  expect(await asGuest('reschedule', { start: slots[8]?.start })).toMatchObject({ start: slots[8]?.start })
  expect([(await read()).state, await vendor.eventIds(calendarId)]).toEqual(['booked', [eventId]])
  // the same account's new password is what one connects again for
  expect((await host.http.post<ConnectCalendarAnswer>('/me/calendar/connect', typed())).url).toBeNull()
  await asGuest('cancel')
  await waitFor('it is gone', async () => (await vendor.eventIds(calendarId)).length === 0)
  await colleague.close()
})

test('an event that cannot be read leaves no time free: its agent reads and is mailed which one, and is back without it', async () => {
  const { host, guest, slots, calendarId, eventId, hearsOf } = await booked()
  const { id, secret } = vendor.client
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const odd = async (method: string, body: string | null) => {
    const headers = { authorization, connection: 'close', 'content-type': 'text/calendar' }
    const answer = await fetch(`${calendarId}odd.ics`, { method, headers, body })
    await answer.text()
    expect([method, answer.ok]).toEqual([method, true])
  }
  const lines = [
    ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Somebody//By hand//EN', 'BEGIN:VEVENT', 'UID:odd'],
    ...['DTSTAMP:20260101T000000Z', 'DTSTART:16010101T090000Z', 'DURATION:PT30M', 'SUMMARY:Secret plan'],
    ...['RRULE:FREQ=DAILY;BYDAY=MO,TU;COUNT=60000', 'END:VEVENT', 'END:VCALENDAR', ''],
  ]
  await odd('PUT', lines.join('\r\n'))
  // what was read before is still offered, and whoever takes it is not booked
  expect((await guest.raw(slots[9]?.start)).status).not.toBe(201)
  expect((await vendor.eventIds(calendarId)).sort()).toEqual([eventId, 'odd'].sort())
  expect((await myCalendar(host)).calendar).toMatchObject({ state: 'ok', late: false })

  foyer.advance(31 * 60_000)
  const broken = await hearsOf('it is broken', ({ state }) => state === 'broken')
  expect(broken).toMatchObject({
    connected: true,
    stateText: expect.stringMatching(
      /^The calendar holds an event .*It begins on 1601-01-01: change or delete it there\.$/,
    ),
  })
  expect(await guest.slots()).toEqual({ slots: [], nextFree: null })
  const { rows } = await foyer.pool.query(
    `select text from mails where to_address = $1 and subject like 'Nobody can book%'`,
    [host.me.email],
  )
  expect(rows).toEqual([{ text: expect.stringContaining('It begins on 1601-01-01') }])
  expect(JSON.stringify([rows, broken])).not.toContain('Secret plan')

  await odd('DELETE', null)
  await hearsOf('it is read again', ({ state }) => state === 'ok')
  expect((await guest.slots()).slots.length).toBeGreaterThan(0)
  await vendor.deleteEvent(calendarId, eventId)
})

test('what the server does not take is refused with its reason, and nothing is kept', async () => {
  const agent = await foyer.agent({ online: false })
  const connect = async (body: object) => {
    const answer = await agent.http.raw('POST', '/me/calendar/connect', body)
    return { status: answer.status, ...((await answer.json()) as { code: string; detail: string }) }
  }
  expect(await connect(typed({ password: 'guessed' }))).toMatchObject({
    status: 409,
    code: 'calendar_refused',
    detail: expect.stringContaining('does not take this name and password'),
  })
  expect(await connect(typed({ password: undefined }))).toMatchObject({ status: 422 })
  expect(await connect(typed({ userName: undefined }))).toMatchObject({ status: 422 })
  expect((await myCalendar(agent)).calendar).toBeNull()
})

test('no address in our own network is called', async () => {
  const agent = await foyer.agent({ online: false })
  for (const address of [
    'https://169.254.169.254/',
    'https://localhost/dav',
    'http://calendar.example.com/',
  ]) {
    const answer = await agent.http.raw('POST', '/me/calendar/connect', typed({ settings: { address } }))
    const { errors } = (await answer.json()) as { errors: { field: string }[] }
    expect([address, answer.status, errors[0]?.field]).toEqual([address, 422, 'settings.address'])
  }
})
