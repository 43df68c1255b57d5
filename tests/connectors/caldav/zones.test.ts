import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { caldav } from '#connectors/caldav/index.ts'
import { aMeeting, at } from '#connectors/sdk/conformance/calendar-samples.ts'
import { Session } from '#connectors/sdk/conformance/session.ts'
import { aCaldavVendor } from './a-vendor.ts'
import { type Radicale, startRadicale } from './radicale.ts'

/** Whole days are days of the zone that the server says a calendar has; where it says none, of the one that is asked with. */

const { calendar } = caldav
let radicale: Radicale
beforeAll(async () => {
  radicale = await startRadicale()
})

/** Of two calendars the server says of one that it is in Tokyo. */
async function connected() {
  const vendor = await aCaldavVendor(radicale)
  const session = await Session.start(caldav, vendor)
  onTestFinished(() => session.end())
  const { id, secret } = vendor.client
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const send = async (method: string, url: string, type: string, body: string) => {
    const headers = { authorization, connection: 'close', 'content-type': type }
    const answer = await fetch(url, { method, headers, body })
    await answer.text()
    expect([method, answer.ok]).toEqual([method, true])
  }
  const tokyo = [
    ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Somebody//By hand//EN', 'BEGIN:VTIMEZONE'],
    ...['TZID:Asia/Tokyo', 'BEGIN:STANDARD', 'DTSTART:19700101T000000', 'TZOFFSETFROM:+0900'],
    ...['TZOFFSETTO:+0900', 'END:STANDARD', 'END:VTIMEZONE', 'END:VCALENDAR', ''],
  ].join('\n')
  await send(
    'PROPPATCH',
    vendor.calendars.other,
    'application/xml',
    `<d:propertyupdate xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><c:calendar-timezone>${tokyo}</c:calendar-timezone></d:prop></d:set></d:propertyupdate>`,
  )
  return { vendor, connection: session.connection(), send, ...vendor.calendars }
}

const times = ({ start, end }: { start: Date; end: Date }) => [start.toISOString(), end.toISOString()]
const dayInBerlin = ['2027-06-14T22:00:00.000Z', '2027-06-15T22:00:00.000Z']
const dayInTokyo = ['2027-06-14T15:00:00.000Z', '2027-06-15T15:00:00.000Z']

test('a whole day blocks the day of its own calendar, whatever the others’ is', async () => {
  const { vendor, connection, main, other } = await connected()
  for (const calendarId of [main, other])
    await vendor.addEvent(calendarId, { time: { from: '2027-06-15', until: '2027-06-16' } })
  const asked = { timeZone: 'Europe/Berlin', from: at(0, 14), to: at(0, 17) }
  const busy = await calendar.busy(connection, { ...asked, calendarIds: [main, other] })
  expect(busy.map(times)).toEqual([dayInBerlin, dayInTokyo])
  // the live check of an hour asks about no more than that
  const evening = { ...asked, from: at(16), to: at(17) }
  expect(await calendar.busy(connection, { ...evening, calendarIds: [other] })).toEqual([])
  expect(await calendar.busy(connection, { ...evening, calendarIds: [main] })).toHaveLength(1)
})

test('a meeting that its host makes a whole day of is that day of the calendar, or the host’s own', async () => {
  const { connection, send, main, other } = await connected()
  for (const [calendarId, day] of [
    [main, dayInBerlin],
    [other, dayInTokyo],
  ] as const) {
    const { id } = await calendar.insertEvent(connection, calendarId, aMeeting())
    const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Somebody//By hand//EN', 'BEGIN:VEVENT']
    lines.push(`UID:${id}`, 'DTSTAMP:20260101T000000Z', 'DTSTART;VALUE=DATE:20270615')
    lines.push('DTEND;VALUE=DATE:20270616', 'END:VEVENT', 'END:VCALENDAR', '')
    await send('PUT', `${calendarId}${id}.ics`, 'text/calendar', lines.join('\r\n'))
    const event = await calendar.readEvent(connection, { calendarId, id, timeZone: 'Europe/Berlin' })
    expect(event && times(event)).toEqual(day)
  }
})
