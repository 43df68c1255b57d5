import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Schedule } from '#core/contracts/availability.ts'
import { SlotsPreviewRequest } from '#core/contracts/slots.ts'
import { previewSlots } from '#core/features/meetings/preview.ts'
import { freeStarts, isFreeStart, type SlotRules } from '#core/features/meetings/slots.ts'
import { Oracle } from '#tests/core/availability/oracle.ts'
import { changesIn, notableChanges } from '#tests/core/availability/wall-clock.ts'
import { runs, within } from '#tests/support/soak.ts'
import { slotOracle } from './slots-oracle.ts'

const everyDay = (start: string, end: string) =>
  [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start, end }))
const rulesOf = (given: Partial<SlotRules> & { schedule: Schedule }): SlotRules => ({
  durationMinutes: 30,
  stepMinutes: null,
  bufferBeforeMinutes: 0,
  bufferAfterMinutes: 0,
  noticeMinutes: 0,
  daysAhead: null,
  dailyMax: null,
  ...given,
})
const at = (text: string) => Date.parse(text)
const startsIn = (
  rules: SlotRules,
  from: string,
  to: string,
  more: { busy?: [string, string][]; now?: string; meetings?: string[] } = {},
) =>
  freeStarts(rules, {
    now: at(more.now ?? '2020-01-01T00:00Z'),
    from: at(from),
    to: at(to),
    busy: (more.busy ?? []).map(([start, end]) => ({ start: at(start), end: at(end) })),
    meetings: (more.meetings ?? []).map(at),
  }).map((start) => `${new Date(start).toISOString().slice(0, 16)}Z`)

const clock = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
const minuteOfDay = fc.oneof(
  fc.constantFrom(0, 30, 60, 90, 120, 150, 165, 180, 1320, 1380, 1410, 1439, 1440),
  fc.integer({ min: 0, max: 1440 }),
)
const block = fc
  .record({
    weekdays: fc.oneof(
      fc.constant([1, 2, 3, 4, 6] as number[]),
      fc.subarray([1, 2, 3, 4, 5, 6, 7] as number[], { maxLength: 4 }),
    ),
    from: minuteOfDay,
    to: minuteOfDay,
  })
  .filter(({ from, to }) => from !== to)
  .map(({ weekdays, from, to }) =>
    weekdays.map((weekday) => ({
      weekday,
      start: clock(Math.min(from, to)),
      end: clock(Math.max(from, to)),
    })),
  )
const roundTheClock = fc.constantFrom(
  everyDay('00:00', '24:00'),
  everyDay('07:00', '24:00').concat(everyDay('00:00', '09:00')),
)
const situation = fc.record({
  blocks: fc
    .tuple(
      fc.array(block, { maxLength: 5 }),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: roundTheClock }),
    )
    .map((blocks) => blocks.flat(2)),
  // of the days around, and of long ago
  daysOff: fc.array(fc.oneof(fc.integer({ min: -4, max: 8 }), fc.integer({ min: -900, max: -5 })), {
    maxLength: 3,
  }),
  daysAhead: fc.option(fc.integer({ min: 0, max: 4 })),
  dailyMax: fc.option(fc.integer({ min: 1, max: 3 })),
  meetings: fc.array(fc.integer({ min: -1_600, max: 3_000 }), { maxLength: 8 }),
  durationMinutes: fc.constantFrom(1, 15, 20, 30, 45, 60, 75, 300),
  stepMinutes: fc.option(fc.constantFrom(5, 15, 20, 30, 50, 90)),
  bufferBeforeMinutes: fc.constantFrom(0, 0, 5, 15, 60),
  bufferAfterMinutes: fc.constantFrom(0, 0, 10, 30, 120),
  noticeMinutes: fc.constantFrom(0, 0, 120, 1_000),
  busy: fc.array(fc.tuple(fc.integer({ min: -1_600, max: 1_600 }), fc.integer({ min: 0, max: 400 })), {
    maxLength: 8,
  }),
  now: fc.integer({ min: -4_000, max: 1_000 }),
  from: fc.integer({ min: -1_600, max: 0 }),
  lasts: fc.integer({ min: 0, max: 3_000 }),
})

function agrees(
  timeZone: string,
  around: number,
  given: typeof situation extends fc.Arbitrary<infer T> ? T : never,
  oracle = new Oracle(timeZone, around),
) {
  const { blocks, daysOff, busy, meetings, now, from, lasts, ...rest } = given
  const today = oracle.dayAt(around)
  const datesOff = daysOff.map((days) => new Date((today + days) * 86_400_000).toISOString().slice(0, 10))
  const rules = rulesOf({ ...rest, schedule: { timeZone, blocks, datesOff } })
  const taken = busy.map(([start, length]) => ({ start: around + start, end: around + start + length }))
  const booked = meetings.map((start) => around + start)
  const question = {
    now: (around + now) * 60_000,
    from: (around + from) * 60_000,
    to: (around + from + lasts) * 60_000,
    busy: taken.map(({ start, end }) => ({ start: start * 60_000, end: end * 60_000 })),
    meetings: booked.map((start) => start * 60_000),
  }
  const isFree = slotOracle(oracle, rules, { now: around + now, busy: taken, meetings: booked })
  const expected: number[] = []
  const unknown = new Set<number>()
  for (let minute = around + from; minute < around + from + lasts; minute++) {
    const free = isFree(minute)
    if (free) expected.push(minute)
    if (free === null) unknown.add(minute)
  }
  const found = freeStarts(rules, question).map((start) => start / 60_000)
  expect(found.filter((minute) => !unknown.has(minute))).toEqual(expected)
}

describe('slots equal a walk along the wall clock', () => {
  for (const { timeZone, at: change, what } of notableChanges)
    test(`${timeZone} ${what}, ${change}`, { timeout: within(180_000) }, () => {
      const around = Date.parse(change) / 60_000
      const oracle = new Oracle(timeZone, around)
      fc.assert(
        fc.property(situation, (given) => agrees(timeZone, around, given, oracle)),
        { numRuns: runs(8, 15) },
      )
    })

  test('in any zone, around any of its changes since 1973', { timeout: within(180_000) }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
        fc.integer({ min: 1973, max: 2040 }),
        fc.nat(),
        situation,
        (timeZone, year, pick, given) => {
          const changes = changesIn(timeZone, year)
          agrees(
            timeZone,
            changes[pick % changes.length] ?? Date.UTC(year, pick % 12, pick % 28) / 60_000,
            given,
          )
        },
      ),
      { numRuns: runs(40, 100) },
    )
  })

  test('in any zone, where a year begins and starts are counted anew for whoever can be met at any hour', {
    timeout: within(180_000),
  }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
        fc.integer({ min: 1973, max: 2040 }),
        roundTheClock,
        situation,
        (timeZone, year, blocks, given) => agrees(timeZone, Date.UTC(year, 0) / 60_000, { ...given, blocks }),
      ),
      { numRuns: runs(25, 60) },
    )
  })
})

describe('starts', () => {
  const mondays = {
    timeZone: 'Europe/Rome',
    blocks: [
      { weekday: 1, start: '09:00', end: '10:30' },
      { weekday: 1, start: '10:30', end: '11:00' },
    ],
    datesOff: [],
  }

  test('touching blocks are one window, and the whole meeting fits it', () => {
    const rules = rulesOf({ schedule: mondays, durationMinutes: 50 })
    expect(startsIn(rules, '2026-06-01T00:00Z', '2026-06-02T00:00Z')).toEqual([
      '2026-06-01T07:00Z',
      '2026-06-01T07:50Z',
    ])
  })

  test('touching is not overlapping, and buffers may lie outside the window', () => {
    const rules = rulesOf({
      schedule: mondays,
      durationMinutes: 60,
      stepMinutes: 30,
      bufferBeforeMinutes: 30,
      bufferAfterMinutes: 15,
    })
    const given = {
      busy: [
        ['2026-06-01T06:00Z', '2026-06-01T06:30Z'],
        ['2026-06-01T08:45Z', '2026-06-01T09:00Z'],
      ] as [string, string][],
    }
    expect(startsIn(rules, '2026-06-01T00:00Z', '2026-06-02T00:00Z', given)).toEqual([
      '2026-06-01T07:00Z',
      '2026-06-01T07:30Z',
    ])
  })

  test('the notice is inclusive', () => {
    const rules = rulesOf({ schedule: mondays, noticeMinutes: 120 })
    expect(startsIn(rules, '2026-06-01T00:00Z', '2026-06-02T00:00Z', { now: '2026-06-01T06:00Z' })[0]).toBe(
      '2026-06-01T08:00Z',
    )
    expect(
      startsIn(rules, '2026-06-01T00:00Z', '2026-06-02T00:00Z', { now: '2026-06-01T06:00:00.001Z' })[0],
    ).toBe('2026-06-01T08:30Z')
  })

  test('a meeting of the repeated hour is offered twice, at two instants', () => {
    const rules = rulesOf({
      schedule: { timeZone: 'Europe/Berlin', blocks: everyDay('01:30', '03:30'), datesOff: [] },
    })
    expect(startsIn(rules, '2026-10-24T22:00Z', '2026-10-25T12:00Z')).toEqual([
      '2026-10-24T23:30Z',
      '2026-10-25T00:00Z',
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ])
  })

  test('no more than so many of one date, and no date further ahead than so many', () => {
    const rules = rulesOf({
      schedule: { timeZone: 'Asia/Tokyo', blocks: everyDay('09:00', '10:00'), datesOff: [] },
      dailyMax: 1,
      daysAhead: 2,
    })
    const given = { now: '2026-06-01T00:30Z', meetings: ['2026-06-02T00:00Z'] }
    expect(startsIn(rules, '2026-06-01T00:00Z', '2026-06-09T00:00Z', given)).toEqual([
      '2026-06-01T00:30Z',
      '2026-06-03T00:00Z',
      '2026-06-03T00:30Z',
    ])
  })

  test('round the clock, a start does not depend on where the question begins', () => {
    const schedule = { timeZone: 'Europe/Berlin', blocks: everyDay('00:00', '24:00'), datesOff: [] }
    const rules = rulesOf({ schedule, durationMinutes: 50 })
    const all = startsIn(rules, '2026-12-25T00:00Z', '2027-01-05T00:00Z')
    expect(startsIn(rules, '2026-12-30T00:00Z', '2027-01-02T00:00Z')).toEqual(
      all.filter((start) => start >= '2026-12-30' && start < '2027-01-02'),
    )
    for (const start of all) expect(isFreeStart(rules, at(start), { now: 0, busy: [] })).toBe(true)
    const afterDayOff = rulesOf({ schedule: { ...schedule, datesOff: ['2026-06-01'] }, durationMinutes: 50 })
    expect(startsIn(afterDayOff, '2026-06-01T00:00Z', '2026-06-02T00:00Z')[0]).toBe('2026-06-01T22:00Z')
    expect(startsIn(afterDayOff, '2026-08-01T00:00Z', '2026-08-02T00:00Z')[0]).toBe('2026-08-01T00:30Z')
  })

  test('a preview refuses what ends before it starts, and more than anybody can look at', () => {
    const asked = {
      timeZone: 'UTC',
      blocks: everyDay('00:00', '24:00'),
      durationMinutes: 1,
      now: '2026-01-01T00:00:00Z',
      from: '2026-01-01T00:00:00Z',
      to: '2026-12-01T00:00:00Z',
    }
    expect(() => previewSlots(SlotsPreviewRequest.parse(asked))).toThrow('fewer days')
    expect(SlotsPreviewRequest.safeParse({ ...asked, to: '2026-02-01' }).success).toBe(false)
    const backwards = { start: '2026-01-01T02:00:00Z', end: '2026-01-01T01:00:00Z' }
    expect(SlotsPreviewRequest.safeParse({ ...asked, busy: [backwards] }).success).toBe(false)
    expect(SlotsPreviewRequest.safeParse({ ...asked, to: '2025-12-01T00:00:00Z' }).success).toBe(false)
  })
})
