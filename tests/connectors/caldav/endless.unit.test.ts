import { setImmediate } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { timesOf } from '#connectors/caldav/busy.ts'
import { eventOf, zoneOfCalendarText } from '#connectors/caldav/icalendar.ts'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'

/** What a hostile server, or an odd program, puts into a calendar must not stop the process: none of it yields. */

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
