import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import ICAL from 'ical.js'
import type { CalendarVendor, Fault, HandmadeEvent } from '#connectors/sdk/conformance/vendor.ts'
import { type StandIn, serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { Radicale } from './radicale.ts'

/** Radicale says which zone it means, and its rules, as calendar programs do. */
const berlin = `BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
END:VTIMEZONE`

const timeZone = 'Europe/Berlin'
const wall = (instant: Date) =>
  Temporal.Instant.fromEpochMilliseconds(instant.getTime())
    .toZonedDateTimeISO(timeZone)
    .toPlainDateTime()
    .toString({ smallestUnit: 'second' })
    .replaceAll(/[-:]/g, '')

/** Somebody at a real Radicale with two calendars, seen over a line that can be cut. */
export async function aCaldavVendor(radicale: Radicale) {
  const user = `dana-${randomUUID().slice(0, 8)}@foyer.test`
  const password = randomUUID()
  await radicale.setPassword(user, password)
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const direct = async (method: string, at: string, body?: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(radicale.origin + at, {
      method,
      headers: { authorization, connection: 'close', ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`Radicale answered ${method} ${at} with ${answer.status}`)
    return text
  }
  const home = `/${encodeURIComponent(user)}/`
  for (const name of ['main', 'other'])
    await direct(
      'MKCALENDAR',
      `${home}${name}/`,
      `<?xml version="1.0"?><C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>Calendar ${name}</displayname></prop></set></C:mkcalendar>`,
    )

  const faults: { next: 'read' | 'write'; how: Fault }[] = []
  const line: StandIn = async (request) => {
    const isRead = ['GET', 'PROPFIND', 'REPORT'].includes(request.method)
    const at = faults.findIndex(({ next }) => isRead === (next === 'read'))
    const [fault] = at < 0 ? [] : faults.splice(at, 1)
    return happen(fault?.how, () => forwarded(radicale.origin, request))
  }
  const { origin, close } = await serveStandIn(line)

  const pathOf = (calendarId: string, id: string) =>
    `${new URL(calendarId).pathname}${encodeURIComponent(id)}.ics`
  async function change(calendarId: string, id: string, to: (event: ICAL.Event) => void) {
    const calendar = new ICAL.Component(ICAL.parse(await direct('GET', pathOf(calendarId, id))))
    to(new ICAL.Event(calendar.getFirstSubcomponent('vevent') ?? undefined))
    await direct('PUT', pathOf(calendarId, id), calendar.toString(), { 'content-type': 'text/calendar' })
  }
  const vendor: CalendarVendor = {
    origin,
    client: { id: user, secret: password },
    settings: { address: `${origin}/` },
    close,
    now: () => new Date(),
    advance: () => {
      throw new Error('Radicale has a clock of its own')
    },
    revokeGrant: () => radicale.setPassword(user, randomUUID()),
    fail: (next, how) => void faults.push({ next, how }),
    calendars: { main: `${origin}${home}main/`, other: `${origin}${home}other/` },
    timeZone,
    async addEvent(calendarId, event) {
      const id = randomUUID()
      await direct('PUT', pathOf(calendarId, id), fileOf(id, user, event), {
        'content-type': 'text/calendar',
      })
      return id
    },
    moveEvent: (calendarId, id, { start, end }) =>
      change(calendarId, id, (event) => {
        event.startDate = ICAL.Time.fromJSDate(start, true)
        event.endDate = ICAL.Time.fromJSDate(end, true)
      }),
    deleteEvent: async (calendarId, id) => void (await direct('DELETE', pathOf(calendarId, id))),
    answerAsGuest: (calendarId, id, answer) =>
      change(calendarId, id, (event) => event.attendees[0]?.setParameter('partstat', answer.toUpperCase())),
    async eventIds(calendarId) {
      const list = await direct('PROPFIND', new URL(calendarId).pathname, undefined, { depth: '1' })
      return [...list.matchAll(/<href>[^<]*\/([^/<]+)\.ics<\/href>/g)].map(([, id = '']) =>
        decodeURIComponent(id),
      )
    },
    async titleOf(calendarId, id) {
      const calendar = new ICAL.Component(ICAL.parse(await direct('GET', pathOf(calendarId, id))))
      return new ICAL.Event(calendar.getFirstSubcomponent('vevent') ?? undefined).summary
    },
    async forgetChanges() {
      await radicale.forgetChanges(user)
      // what is as it was, needs no memory
      await vendor.addEvent(vendor.calendars.main, { time: { from: '2027-06-01', until: '2027-06-02' } })
    },
  }
  return vendor
}

function fileOf(id: string, user: string, { time, kind = 'opaque', weeks }: HandmadeEvent): string {
  const lines = [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Somebody//By hand//EN',
    ...berlin.split('\n'),
    'BEGIN:VEVENT',
    `UID:${id}`,
    'DTSTAMP:20260101T000000Z',
    'SUMMARY:By hand',
    ...('from' in time
      ? [
          `DTSTART;VALUE=DATE:${time.from.replaceAll('-', '')}`,
          `DTEND;VALUE=DATE:${time.until.replaceAll('-', '')}`,
        ]
      : [`DTSTART;TZID=${timeZone}:${wall(time.start)}`, `DTEND;TZID=${timeZone}:${wall(time.end)}`]),
    ...(kind === 'transparent' ? ['TRANSP:TRANSPARENT'] : []),
    ...(kind === 'cancelled' ? ['STATUS:CANCELLED'] : []),
    ...(kind === 'declined'
      ? ['ORGANIZER:mailto:boss@foyer.test', `ATTENDEE;PARTSTAT=DECLINED:mailto:${user}`]
      : []),
    ...(weeks === undefined ? [] : [`RRULE:FREQ=WEEKLY;COUNT=${weeks}`]),
    'END:VEVENT',
    'END:VCALENDAR',
  ]
  return `${lines.join('\r\n')}\r\n`
}

async function forwarded(origin: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const headers = new Headers(request.headers)
  for (const name of ['host', 'connection', 'content-length', 'accept-encoding', 'transfer-encoding'])
    headers.delete(name)
  headers.set('connection', 'close')
  const body = await request.text()
  const answer = await fetch(origin + pathname + search, {
    method: request.method,
    headers,
    redirect: 'manual',
    ...(body === '' || request.method === 'GET' ? {} : { body }),
  })
  const text = await answer.text()
  const passed = new Headers(answer.headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection'])
    passed.delete(name)
  const isEmpty = answer.status === 204 || answer.status === 304
  return new Response(isEmpty ? null : text, { status: answer.status, headers: passed })
}

async function happen(fault: Fault | undefined, answer: () => Promise<Response>): Promise<Response> {
  if (fault === undefined) return answer()
  if (typeof fault === 'object')
    return new Response(null, { status: 302, headers: { location: fault.redirectTo } })
  switch (fault) {
    case 'lost_answer':
      await answer()
      return Response.error()
    case 'no_answer':
      return Response.error()
    case 'truncated': {
      const whole = await answer()
      const text = await whole.text()
      return new Response(text.slice(0, Math.floor(text.length / 2)), {
        status: whole.status,
        headers: whole.headers,
      })
    }
    case 'garbage':
      return new Response('<!doctype html><p>Sorry', { headers: { 'content-type': 'text/html' } })
    case 'down':
      return new Response(null, { status: 503 })
    case 'limited':
      return new Response(null, { status: 429, headers: { 'retry-after': '30' } })
    case 'hang':
      await setTimeout(60_000, undefined, { ref: false })
      return Response.error()
    default:
      return fault satisfies never
  }
}
