import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import ICAL from 'ical.js'
import { beforeEach, describe, expect, test } from 'vitest'
import { timesOf } from '#connectors/caldav/busy.ts'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

// the steps of rules are counted by turns of the loop
beforeEach(() => setImmediate())

const inCalendar = (...events: string[][]) =>
  [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    ...events.flatMap((lines) => [
      'BEGIN:VEVENT',
      'UID:a',
      'DTSTAMP:20260101T000000Z',
      ...lines,
      'END:VEVENT',
    ]),
    'END:VCALENDAR',
    '',
  ].join('\r\n')

const busyIn = (text: string, from: Date | string, to: Date | string, timeZone = 'UTC') =>
  timesOf(text, {
    from: new Date(from),
    to: new Date(to),
    timeZone,
    own: new Set(),
    tally: { times: 0 },
  }).sort((a, b) => a.start.getTime() - b.start.getTime())

const startsIn = (...asked: Parameters<typeof busyIn>) =>
  busyIn(...asked).map(({ start }) => start.toISOString().replace(':00.000Z', ''))

describe('a series that goes on for very long is read from near the time that is asked for', () => {
  const morning = ['2026-06-01', '2026-06-03'] as const
  test.for([
    ['19700101T090000Z', 'FREQ=DAILY', ['2026-06-01T09:00', '2026-06-02T09:00']],
    ['19000101T090000Z', 'FREQ=DAILY;COUNT=46173', ['2026-06-01T09:00']],
    ['19000101T090000Z', 'FREQ=DAILY;COUNT=40000', []],
    ['19000101T090000Z', 'FREQ=DAILY;UNTIL=20260601T090000Z', ['2026-06-01T09:00']],
    ['16010101T090000Z', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU', ['2026-06-01T09:00', '2026-06-02T09:00']],
    ['16010101T090000Z', 'FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1,2', ['2026-06-01T09:00', '2026-06-02T09:00']],
    ['16010101T090000Z', 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR', ['2026-06-01T09:00', '2026-06-02T09:00']],
    ['20200101T003000Z', 'FREQ=HOURLY;INTERVAL=24', ['2026-06-01T00:30', '2026-06-02T00:30']],
    ['20200101T000000Z', 'FREQ=MINUTELY;INTERVAL=1440', ['2026-06-01T00:00', '2026-06-02T00:00']],
  ] as const)('from %s by %s', ([start, rule, expected]) => {
    const text = inCalendar([`DTSTART:${start}`, 'DURATION:PT30M', `RRULE:${rule}`])
    expect(startsIn(text, ...morning)).toEqual(expected)
  })

  test('each hour since 2020, and it takes no longer than what began yesterday', () => {
    const text = (start: string) => inCalendar([`DTSTART:${start}`, 'DURATION:PT30M', 'RRULE:FREQ=HOURLY'])
    expect(startsIn(text('20200101T000000Z'), ...morning)).toHaveLength(48)
    const tally = { times: 0 }
    timesOf(text('18000101T000000Z'), {
      from: new Date(morning[0]),
      to: new Date(morning[1]),
      timeZone: 'UTC',
      own: new Set(),
      tally,
    })
    expect(tally.times).toBeLessThan(300)
  })

  test('of a rule that counts and chooses, all times are gone through, and not without end', () => {
    const text = (start: string) =>
      inCalendar([`DTSTART:${start}`, 'DURATION:PT30M', 'RRULE:FREQ=DAILY;BYDAY=MO,TU;COUNT=30000'])
    expect(startsIn(text('19900101T090000Z'), ...morning)).toEqual(['2026-06-01T09:00', '2026-06-02T09:00'])
    expect(() => busyIn(text('16010101T090000Z'), ...morning)).toThrow(ProviderAnswerError)
  })

  test('what is changed for one and all after it is found where it was moved to', () => {
    const text = inCalendar(
      ['DTSTART:19700101T090000Z', 'DURATION:PT30M', 'RRULE:FREQ=DAILY;INTERVAL=10'],
      ['RECURRENCE-ID;RANGE=THISANDFUTURE:20260507T090000Z', 'DTSTART:20260512T100000Z', 'DURATION:PT1H'],
    )
    expect(busyIn(text, '2026-05-01', '2026-06-01').map(({ start, end }) => [start, end])).toEqual(
      ['12', '22'].map((day) => [new Date(`2026-05-${day}T10:00:00Z`), new Date(`2026-05-${day}T11:00:00Z`)]),
    )
    expect(startsIn(text, '2026-05-22T10:30:00Z', '2026-05-22T11:00:00Z')).toEqual(['2026-05-22T10:00'])
  })
})

test('what was moved from long after, or long before, is where it is now', () => {
  const series = ['DTSTART:20260105T090000Z', 'DURATION:PT30M', 'RRULE:FREQ=WEEKLY']
  for (const from of ['20260302T090000Z', '20260105T090000Z']) {
    const moved = [`RECURRENCE-ID:${from}`, 'DTSTART:20260203T140000Z', 'DURATION:PT30M']
    const text = inCalendar(series, moved)
    // no more of it is asked for when a meeting is booked
    expect(startsIn(text, '2026-02-03T14:00:00Z', '2026-02-03T14:30:00Z')).toEqual(['2026-02-03T14:00'])
    expect(startsIn(text, '2026-03-02', '2026-03-03')).toEqual(
      from === '20260302T090000Z' ? [] : ['2026-03-02T09:00'],
    )
  }
})

test('a series begins with its own start, also where its rule or its dates do not name it', () => {
  const start = ['DTSTART:20260106T090000Z', 'DURATION:PT30M']
  const week = ['2026-01-05', '2026-01-12'] as const
  expect(startsIn(inCalendar([...start, 'RDATE:20260108T100000Z']), ...week)).toEqual([
    '2026-01-06T09:00',
    '2026-01-08T10:00',
  ])
  expect(startsIn(inCalendar([...start, 'RRULE:FREQ=WEEKLY;BYDAY=FR']), ...week)).toEqual([
    '2026-01-06T09:00',
    '2026-01-09T09:00',
  ])
  const period = 'RDATE;VALUE=PERIOD:20260108T100000Z/PT2H'
  expect(busyIn(inCalendar([...start, period]), ...week).at(-1)).toEqual({
    id: 'a',
    start: new Date('2026-01-08T10:00:00Z'),
    end: new Date('2026-01-08T12:00:00Z'),
  })
})

test('what is excluded is free, whatever else is excluded, also by its date alone', () => {
  const series = ['DTSTART:20260105T090000Z', 'DURATION:PT30M', 'RRULE:FREQ=DAILY']
  const without = (...lines: string[]) =>
    startsIn(inCalendar([...series, ...lines]), '2026-01-05', '2026-01-09')
  expect(without('EXDATE:20260105T120000Z,20260106T120000Z,20260107T090000Z')).toEqual([
    '2026-01-05T09:00',
    '2026-01-06T09:00',
    '2026-01-08T09:00',
  ])
  expect(without('EXDATE;VALUE=DATE:20260106')).toEqual([
    '2026-01-05T09:00',
    '2026-01-07T09:00',
    '2026-01-08T09:00',
  ])
  const all = Array.from({ length: 600 }, (_, day) =>
    new Date(Date.UTC(2026, 0, 5 + day, 9)).toISOString().replaceAll(/[-:]|\.000/g, ''),
  )
  expect(startsIn(inCalendar([...series, `EXDATE:${all.join(',')}`]), '2027-08-28', '2027-08-29')).toEqual([
    '2027-08-28T09:00',
  ])
})

test('a rule that contradicts itself makes the calendar unreadable', () => {
  const text = inCalendar(['DTSTART:20260106T090000Z', 'DURATION:PT30M', 'RRULE:FREQ=MONTHLY;BYYEARDAY=3'])
  expect(() => busyIn(text, '2026-02-01', '2026-02-02')).toThrow(ProviderAnswerError)
})

/** How long a series of each frequency has gone on at most, so that it can be gone through from its beginning. */
const longestDays = {
  MINUTELY: 12,
  HOURLY: 300,
  DAILY: 4_000,
  WEEKLY: 6_000,
  MONTHLY: 20_000,
  YEARLY: 60_000,
}

const days = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
const some = <T>(values: readonly T[], most = 3) =>
  fc.subarray([...values], { minLength: 1, maxLength: most })
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

const parts = {
  MINUTELY: fc.record({ BYHOUR: some(range(0, 23), 12), BYDAY: some(days, 5) }, { requiredKeys: [] }),
  HOURLY: fc.record(
    { BYMINUTE: some(range(0, 59)), BYDAY: some(days, 5), BYMONTH: some(range(1, 12), 8) },
    { requiredKeys: [] },
  ),
  DAILY: fc.record(
    {
      BYHOUR: some(range(0, 23)),
      BYDAY: some(days, 6),
      BYMONTH: some(range(1, 12), 9),
      BYMONTHDAY: some(range(1, 31), 20),
    },
    { requiredKeys: [] },
  ),
  WEEKLY: fc.record(
    {
      BYDAY: some(days, 7),
      BYHOUR: some(range(0, 23)),
      BYMONTH: some(range(1, 12), 9),
      WKST: fc.constantFrom(['MO'], ['SU'], ['TH']),
    },
    { requiredKeys: [] },
  ),
  MONTHLY: fc.oneof(
    fc.record({ BYMONTHDAY: some([-3, -1, ...range(1, 31)], 6) }, { requiredKeys: [] }),
    fc.record({ BYDAY: some(['MO', 'WE', '1TU', '2TH', '-1FR', '5SU'], 3) }),
    fc.record({ BYDAY: fc.constant(days.slice(0, 5)), BYSETPOS: fc.constantFrom(['1'], ['-1'], ['2']) }),
  ),
  YEARLY: fc.oneof(
    fc.record({ BYMONTH: some(range(1, 12), 4) }, { requiredKeys: [] }),
    fc.record({ BYMONTH: some(range(1, 12), 2), BYMONTHDAY: some(range(1, 28), 3) }),
    fc.record({ BYMONTH: some(range(1, 12), 2), BYDAY: some(['1MO', '-1FR', '3WE'], 2) }),
    fc.record({ BYYEARDAY: some([1, 60, 200, 366, -1], 3) }),
  ),
} as const

const freq = fc.constantFrom(...(Object.keys(parts) as (keyof typeof parts)[]))
const aSeries = freq.chain((freq) =>
  fc.record({
    freq: fc.constant(freq),
    parts: parts[freq] as fc.Arbitrary<Record<string, (string | number)[]>>,
    interval: fc.oneof(
      fc.constant(1),
      fc.integer({ min: 2, max: freq === 'MINUTELY' || freq === 'HOURLY' ? 50 : 13 }),
    ),
    minutesAgo: fc.integer({ min: 0, max: longestDays[freq] * 1_440 }),
    leapDay: fc.boolean(),
    ends: fc.constantFrom('never', 'never', 'count', 'until'),
    endsAfter: fc.integer({ min: 1, max: 3_000 }),
    minutes: fc.constantFrom(15, 60, 3_000),
    kind: fc.constantFrom('utc', 'zone', 'floating', 'date'),
    // of each minute of a month there are more than anybody reads
    windowHours: freq === 'MINUTELY' ? fc.constantFrom(1, 24) : fc.constantFrom(1, 24, 24 * 34),
    excluded: fc.array(fc.nat(), { maxLength: 3 }),
    moved: fc.array(fc.record({ which: fc.nat(), byHours: fc.integer({ min: -2_000, max: 2_000 }) }), {
      maxLength: 3,
    }),
  }),
)

const windowFrom = Date.parse('2026-06-15T00:00:00Z')

test('what is read from near the stretch is what comes of going through all of it', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(aSeries, async (given) => {
      const { lines, from, to } = written(given)
      await setImmediate()
      let walked: ReturnType<typeof walk>
      try {
        walked = walk(lines, from, to)
      } catch {
        // too long to be gone through, or not one for ical.js
        return
      }
      await setImmediate()
      const read = busyIn(inCalendar(...walked.events), from, to, 'Europe/Rome')
      compared += read.length > 0 ? 1 : 0
      expect(read.map(({ start, end }) => `${start.toISOString()} ${end.toISOString()}`)).toEqual(
        walked.times,
      )
    }),
    { numRuns: 200 },
  )
  expect(compared).toBeGreaterThan(20)

  function written(given: typeof aSeries extends fc.Arbitrary<infer T> ? T : never) {
    const { freq, interval, ends, endsAfter, kind, minutes } = given
    let start = new Date(windowFrom - given.minutesAgo * 60_000)
    if (given.leapDay && (freq === 'YEARLY' || freq === 'MONTHLY'))
      start = new Date(Date.UTC(Math.floor(start.getUTCFullYear() / 4) * 4, 1, 29, 9))
    const stamp = (at: Date) => at.toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const asDate = (at: Date) => stamp(at).slice(0, 8)
    const isDate = kind === 'date' && freq !== 'HOURLY' && freq !== 'MINUTELY'
    const begins = isDate
      ? `DTSTART;VALUE=DATE:${asDate(start)}`
      : kind === 'zone'
        ? `DTSTART;TZID=America/New_York:${stamp(start).slice(0, -1)}`
        : `DTSTART:${kind === 'utc' ? stamp(start) : stamp(start).slice(0, -1)}`
    const { BYHOUR: _hours, BYMINUTE: _minutes, ...ofDates } = given.parts
    const rule = [
      `FREQ=${freq}`,
      ...(interval > 1 ? [`INTERVAL=${interval}`] : []),
      ...Object.entries(isDate ? ofDates : given.parts).map(
        ([name, values]) => `${name}=${values.join(',')}`,
      ),
      ...(ends === 'count' ? [`COUNT=${endsAfter}`] : []),
      ...(ends === 'until'
        ? [
            `UNTIL=${isDate ? asDate(new Date(windowFrom + endsAfter * hourMs)) : stamp(new Date(windowFrom + endsAfter * hourMs))}`,
          ]
        : []),
    ].join(';')
    const length = isDate ? `DURATION:P${Math.ceil(minutes / 1_440)}D` : `DURATION:PT${minutes}M`
    return {
      lines: { begins, length, rule, given },
      from: new Date(windowFrom),
      to: new Date(windowFrom + given.windowHours * hourMs),
    }
  }

  /** From the first to the last, by ical.js alone; some of them are excluded, or moved. */
  function walk({ begins, length, rule, given }: ReturnType<typeof written>['lines'], from: Date, to: Date) {
    const plain = inCalendar([begins, length, `RRULE:${rule}`])
    const component = new ICAL.Component(ICAL.parse(plain)).getFirstSubcomponent('vevent')
    const main = new ICAL.Event(component ?? undefined)
    const iterator = main.iterator()
    const occurrences = [main.startDate.clone()]
    const lastDay = to.getTime() + 3 * dayMs
    for (let next = iterator.next(); next; next = iterator.next()) {
      if (Date.UTC(next.year, next.month - 1, next.day) > lastDay) break
      if (next.compare(main.startDate) !== 0) occurrences.push(next)
    }
    const isNear = occurrences.filter((at) => Math.abs(wallOf(at) - from.getTime()) < 60 * dayMs)
    const pick = (which: number) => isNear[which % Math.max(1, isNear.length)]
    const excluded = given.excluded.flatMap((which) => pick(which) ?? [])
    const isExcluded = (at: ICAL.Time) => excluded.some((one) => one.compare(at) === 0)
    const moved = new Map(
      given.moved.flatMap(({ which, byHours }) => {
        const at = pick(which)
        return at && !isExcluded(at) ? [[at.toString(), { at, to: later(at, byHours) }] as const] : []
      }),
    )
    const name = /^DTSTART([^:]*):/.exec(begins)?.[1] ?? ''
    const text = (at: ICAL.Time) => at.toICALString()
    const events = [
      [begins, length, `RRULE:${rule}`, ...excluded.map((at) => `EXDATE${name}:${text(at)}`)],
      ...[...moved.values()].map(({ at, to }) => [
        `RECURRENCE-ID${name}:${text(at)}`,
        `DTSTART${name}:${text(to)}`,
        length,
      ]),
    ]
    const times = occurrences
      .filter((at) => !isExcluded(at))
      .map((at) => moved.get(at.toString())?.to ?? at)
      .map((at) => {
        const end = at.clone()
        end.addDuration(main.duration)
        return { start: instantOf(at, begins), end: instantOf(end, begins) }
      })
      .filter(({ start, end }) => start < to.getTime() && end > from.getTime())
      .sort((a, b) => a.start - b.start)
      .map(({ start, end }) => `${new Date(start).toISOString()} ${new Date(end).toISOString()}`)
    return { times, events }
  }
})

const wallOf = (at: ICAL.Time) => Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second)

function later(at: ICAL.Time, hours: number): ICAL.Time {
  const moved = at.clone()
  if (at.isDate) moved.adjust(Math.trunc(hours / 24), 0, 0, 0)
  else moved.adjust(0, hours, 0, 0)
  return moved
}

/** By the zone that the start names; else that of whoever asks. */
function instantOf(at: ICAL.Time, begins: string): number {
  const wall = Temporal.PlainDateTime.from({
    year: at.year,
    month: at.month,
    day: at.day,
    hour: at.hour,
    minute: at.minute,
    second: at.second,
  })
  const zone = begins.endsWith('Z') ? 'UTC' : begins.includes('TZID=') ? 'America/New_York' : 'Europe/Rome'
  return wall.toZonedDateTime(zone).epochMilliseconds
}
