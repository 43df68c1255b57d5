import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { busyEvents, timesOf } from '#connectors/caldav/busy.ts'
import { eventOf, zoneOfCalendarText } from '#connectors/caldav/icalendar.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'

/** What a hostile server, an odd program, or whoever sends an invitation puts into a calendar must not stop the process: none of it yields. */

// each test counts in a turn of its own, as each answer of a server does
beforeEach(() => setImmediate())

const inCalendar = (...lines: string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR', ''].join('\r\n')
const event = (...lines: string[]) =>
  ['BEGIN:VEVENT', 'UID:a', 'DTSTAMP:20260101T000000Z', ...lines, 'END:VEVENT'].join('\r\n')
const busyIn = (text: string, from = '2026-06-01', to = '2026-07-01', tally = { times: 0 }) =>
  timesOf(text, { from: new Date(from), to: new Date(to), timeZone: 'UTC', own: new Set(), tally })

test.for([
  'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30',
  'FREQ=DAILY;INTERVAL=7;BYDAY=MO',
  'FREQ=DAILY;BYMONTHDAY=-1',
  'FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=31',
  'FREQ=SECONDLY',
])('an event of the rule %s makes the calendar unreadable, not the process hang', (rule) => {
  const times = ['DTSTART:20260106T090000Z', 'DTEND:20260106T100000Z']
  expect(() => busyIn(inCalendar(event(...times, `RRULE:${rule}`)))).toThrow(ProviderAnswerError)
})

test.for(['FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=SECONDLY'])(
  'a zone whose clocks change by the rule %s does so too',
  (rule) => {
    const zone = [
      'BEGIN:VTIMEZONE',
      'TZID:Nowhere',
      'BEGIN:STANDARD',
      'TZOFFSETFROM:+0100',
      'TZOFFSETTO:+0200',
      'DTSTART:19700106T020000',
      `RRULE:${rule}`,
      'END:STANDARD',
      'END:VTIMEZONE',
    ]
    const text = inCalendar(
      ...zone,
      event('DTSTART;TZID=Nowhere:20260616T090000', 'DTEND;TZID=Nowhere:20260616T100000'),
    )
    expect(() => busyIn(text)).toThrow(ProviderAnswerError)
    expect(() => eventOf(text, null, 'UTC')).toThrow(ProviderAnswerError)
  },
)

test('a leap day that is looked for day by day is found', () => {
  const times = ['DTSTART:20240229T090000Z', 'DTEND:20240229T100000Z']
  const text = inCalendar(event(...times, 'RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29'))
  expect(busyIn(text, '2028-01-01', '2029-01-01')).toEqual([
    { id: 'a', start: new Date('2028-02-29T09:00:00Z'), end: new Date('2028-02-29T10:00:00Z') },
  ])
})

test('events that have hundreds of thousands of times together do so too', () => {
  const times = ['DTSTART:20260106T090000Z', 'DTEND:20260106T100000Z']
  const text = inCalendar(event(...times, 'RRULE:FREQ=DAILY'))
  expect(busyIn(text, '2026-01-10', '2026-01-12')).toHaveLength(2)
  expect(() => busyIn(text, '2026-01-10', '2026-01-12', { times: 500_000 })).toThrow(ProviderAnswerError)
})

test('a zone’s name with a million spaces behind it is read at once', () => {
  const began = performance.now()
  expect(zoneOfCalendarText(`TZID: ${' '.repeat(1_000_000)}x\r\n`)).toBe('x')
  expect(zoneOfCalendarText('BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin \r\nEND:VTIMEZONE')).toBe('Europe/Berlin')
  expect(zoneOfCalendarText('TZID:\r\n')).toBeNull()
  // quadratic, it takes minutes
  expect(performance.now() - began).toBeLessThan(1_000)
})

const hour = ['DTSTART:20260106T090000Z', 'DTEND:20260106T100000Z']
const many = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => line(at))

test.for([
  ['20260106', 'FREQ=DAILY;INTERVAL=9999999'],
  ['20260106', 'FREQ=WEEKLY;INTERVAL=999999'],
  ['20260106', 'FREQ=HOURLY;INTERVAL=9999999'],
  // no February of those years has a fifth Monday
  ['20230206', 'FREQ=MONTHLY;INTERVAL=48;BYDAY=5MO'],
])('what comes next from %s by %s is not looked for in all eternity', ([day, rule]) => {
  const text = inCalendar(event(`DTSTART:${day}T090000Z`, 'DURATION:PT1H', `RRULE:${rule}`))
  expect(() => busyIn(text)).toThrow(ProviderAnswerError)
})

/** Never, with more days named than there are. */
const never = `RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;BYDAY=${many(53, (at) => `${at + 1}MO,${at + 1}TU,-${at + 1}WE`).join(',')}`

test('nor by a rule that names hundreds of days and never comes true', () => {
  expect(() => busyIn(inCalendar(event(...hour, never)))).toThrow(ProviderAnswerError)
})

describe('an event that is longer than a century makes the calendar unreadable', () => {
  const length = 'DURATION:P40000D'
  const start = 'DTSTART:20260106T090000Z'
  test.for([
    [start, length],
    [start, 'DURATION:PT99999999H'],
    [start, length, 'RRULE:FREQ=YEARLY'],
    [...hour, 'RDATE;VALUE=PERIOD:20260607T090000Z/P40000D'],
  ])('%s %s %s', (lines) => {
    const text = inCalendar(event(...lines))
    expect(() => busyIn(text)).toThrow(ProviderAnswerError)
    if (!lines.some((line) => line.startsWith('RDATE')))
      expect(() => eventOf(text, null, 'UTC')).toThrow(ProviderAnswerError)
  })
})

describe('so does one of which there is more than anybody reads', () => {
  test.for([
    [
      'changed 6,000 times',
      () => [
        event(...hour, 'RRULE:FREQ=DAILY'),
        ...many(6_000, () => event('RECURRENCE-ID:20260107T090000Z', ...hour)),
      ],
    ],
    [
      'with 6,000 guests',
      () => [event(...hour, 'RRULE:FREQ=DAILY', ...many(6_000, (at) => `ATTENDEE:mailto:a${at}@b.test`))],
    ],
    [
      'without 21,000 times',
      () => [
        event(...hour, 'RRULE:FREQ=DAILY', `EXDATE:${many(21_000, () => '20260107T090000Z').join(',')}`),
      ],
    ],
    [
      'with 100,000 parameters',
      () => [event(...hour, `SUMMARY;${many(100_000, (at) => `X-${at}=a`).join(';')}:b`)],
    ],
  ] as const)('%s', ([, lines]) => {
    expect(() => busyIn(inCalendar(...lines()))).toThrow(ProviderAnswerError)
  })
})

test('what is no event at all is not readable, and nothing else is told of it', () => {
  for (const text of [
    '',
    inCalendar(event('SUMMARY:Secret')),
    inCalendar(event('DTSTART:Secret', 'DTEND:20260106T100000Z')),
  ]) {
    expect(() => busyIn(text)).toThrow(ProviderAnswerError)
    expect(() => busyIn(text)).not.toThrow('Secret')
    expect(() => eventOf(text, null, 'UTC')).toThrow(ProviderAnswerError)
  }
})

test('a calendar of many events each of which can just be read makes itself unreadable', async () => {
  const parameters = many(15_000, (at) => `X-${at}=a`).join(';')
  const object = inCalendar(event(...hour, `SUMMARY;${parameters}:${'b'.repeat(400_000)}`))
  const asked = { from: new Date('2026-06-01'), to: new Date('2026-07-01'), timeZone: 'UTC' }
  const read = (objects: number) =>
    busyEvents(serving(many(objects, () => object)), 'https://calendar.test/a/', asked)
  await expect(read(1)).resolves.toEqual({ items: [], cursor: null })
  await expect(read(20)).rejects.toThrow(ProviderAnswerError)
})

/** A server that has these objects. */
function serving(objects: string[]): Connection {
  const responses = objects.map(
    (text, at) =>
      `<d:response><d:href>/a/${at}.ics</d:href><d:propstat><d:prop><d:getetag>"1"</d:getetag><c:calendar-data>${text}</c:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`,
  )
  const text = `<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">${responses.join('')}</d:multistatus>`
  return {
    credentials: { clientId: 'a', secret: async () => 'b' },
    fetch: async () => ({ status: 207, headers: {}, text }),
  } as unknown as Connection
}

test('the runtime is asked once about a zone that each of thousands of events names', () => {
  const asked = vi.spyOn(Intl, 'DateTimeFormat')
  const times = ['DTSTART;TZID=Africa/Maputo:20260616T090000', 'DTEND;TZID=Africa/Maputo:20260616T100000']
  expect(busyIn(inCalendar(...many(1_000, () => event(...times))))).toHaveLength(1_000)
  expect(asked.mock.calls.length).toBeLessThanOrEqual(1)
  asked.mockRestore()
})
