import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explainAvailability } from '#core/features/availability/explain.ts'
import { availabilityAt, type Override, type Schedule } from '#core/features/availability/schedule.ts'
import { runs, within } from '#tests/support/soak.ts'
import { type MinuteOverride, Oracle } from './oracle.ts'
import { changesIn, notableChanges, readings } from './wall-clock.ts'

const instant = (minute: number) => new Date(minute * 60_000)
const clock = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

/** Minutes of the day at which clocks are changed, and their neighbours, rather more often than others. */
const minuteOfDay = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 1, 30, 60, 90, 120, 150, 165, 180, 1320, 1380, 1410, 1439, 1440),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 1440 }) },
)
const block = fc
  .record({
    weekdays: fc.oneof(fc.constant([1, 2, 3, 4, 5, 6, 7] as number[]), fc.subarray([1, 2, 3, 4, 5, 6, 7])),
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

/** Everything but the zone; instants and dates are counted from the clock change. */
const situation = fc.record({
  blocks: fc.array(block, { maxLength: 5 }).map((blocks) => blocks.flat()),
  daysOff: fc.array(fc.integer({ min: -4, max: 8 }), { maxLength: 4 }),
  override: fc.option(
    fc.record({
      status: fc.constantFrom('available' as const, 'unavailable' as const),
      setAt: fc.oneof(fc.integer({ min: -180, max: 180 }), fc.integer({ min: -2_880, max: 2_880 })),
      lasts: fc.option(fc.integer({ min: 1, max: 4_000 })),
      cause: fc.constantFrom(undefined, 'missed_offers' as const),
    }),
  ),
  looks: fc.array(fc.integer({ min: -2_880, max: 2_880 }), { minLength: 20, maxLength: 20 }),
})
type Situation = typeof situation extends fc.Arbitrary<infer T> ? T : never

const agrees = (
  timeZone: string,
  around: number,
  given: Situation,
  oracle = new Oracle(timeZone, around),
) => {
  const today = oracle.dayAt(around)
  const schedule: Schedule = {
    timeZone,
    blocks: given.blocks,
    datesOff: given.daysOff.map((days) => new Date((today + days) * 86_400_000).toISOString().slice(0, 10)),
  }
  const minuteOverride: MinuteOverride | null = given.override && {
    status: given.override.status,
    setAt: around + given.override.setAt,
    until: given.override.lasts && around + given.override.setAt + given.override.lasts,
    cause: given.override.cause,
  }
  const override: Override | null = minuteOverride && {
    status: minuteOverride.status,
    setAt: instant(minuteOverride.setAt),
    until: minuteOverride.until ? instant(minuteOverride.until) : null,
    cause: minuteOverride.cause,
  }
  const answers = oracle.answers(schedule, minuteOverride)

  const check = (at: number) => {
    const expected = answers[at - oracle.from]
    const { available, source, until } = availabilityAt(schedule, override, instant(at))
    const untilFits = expected?.until
      ? until?.getTime() === expected.until * 60_000
      : until === null || until.getTime() >= oracle.until * 60_000
    if (available === expected?.available && source === expected.source && untilFits) return
    const was = { available, source, until }
    const is = { ...expected, until: expected?.until ? instant(expected.until) : null }
    const details = { at: instant(at), was, expected: is, schedule, override }
    throw new Error(`They disagree: ${JSON.stringify(details)}`)
  }
  /** The words for an answer come from the same facts as the answer. */
  const checkExplained = (at: number) => {
    const expected = answers[at - oracle.from]
    const {
      availability,
      scheduled,
      blocks,
      override: held,
      localTime,
      nextBlock,
    } = explainAvailability(schedule, override, instant(at))
    const shown = new Date(oracle.shownAt(at) * 60_000).toISOString().slice(0, 16)
    expect({
      available: availability.available,
      held: held !== null,
      localTime,
      scheduled: blocks.length > 0,
    }).toEqual({
      available: expected?.available,
      held: expected?.source === 'override',
      localTime: shown,
      scheduled: scheduled.available,
    })
    if (held?.endsAt && expected?.until) expect(Date.parse(held.endsAt)).toBe(expected.until * 60_000)
    if (!scheduled.available) expect(nextBlock?.startsAt ?? null).toBe(scheduled.until)
  }
  // first here and there, so that nothing is remembered in a convenient order, then minute by minute
  for (const look of given.looks) check(around + look)
  for (const look of given.looks.slice(0, 5)) checkExplained(around + look)
  for (let at = around - 1_600; at < around + 1_600; at++) check(at)
}

describe('availability equals a walk along the wall clock', () => {
  for (const { timeZone, at, what } of notableChanges) {
    test(`${timeZone} ${what}, ${at}`, { timeout: within(180_000) }, () => {
      const around = Date.parse(at) / 60_000
      const oracle = new Oracle(timeZone, around)
      expect(oracle.shownAt(around) - oracle.shownAt(around - 1), 'the clock changes').not.toBe(1)
      fc.assert(
        fc.property(situation, (given) => agrees(timeZone, around, given, oracle)),
        { numRuns: runs(6, 12) },
      )
    })
  }

  test('in any zone, around any of its changes since 1973', { timeout: within(180_000) }, () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    fc.assert(
      fc.property(
        zone,
        fc.integer({ min: 1973, max: 2040 }),
        fc.nat(),
        situation,
        (timeZone, year, pick, given) => {
          const changes = changesIn(timeZone, year)
          const around = changes[pick % changes.length] ?? Date.UTC(year, pick % 12, pick % 28) / 60_000
          agrees(timeZone, around, given)
        },
      ),
      { numRuns: runs(40, 100) },
    )
  })

  test('in every zone with changes this year, around each of them', { timeout: within(180_000) }, () => {
    const everyDay = (start: string, end: string) =>
      [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start, end }))
    const blocks = [
      ['00:00', '00:40'],
      ['01:15', '02:15'],
      ['02:10', '03:00'],
      ['02:30', '04:00'],
      ['22:00', '24:00'],
    ].flatMap(([start = '', end = '']) => everyDay(start, end))
    const changes = Intl.supportedValuesOf('timeZone').flatMap((timeZone) =>
      changesIn(timeZone, 2026).map((around) => ({ timeZone, around })),
    )
    expect(changes.length).toBeGreaterThan(200)
    inSoak(changes, whatChanges).forEach(({ timeZone, around }, turn) => {
      const status = turn % 2 ? ('available' as const) : ('unavailable' as const)
      agrees(timeZone, around, {
        blocks,
        daysOff: [],
        override: { status, setAt: ((turn * 37) % 400) - 300, lasts: null, cause: undefined },
        looks: [],
      })
    })
  })
})

/** Zones whose clocks go from the same to the same at the same moment are one case: one of each, and all in a soak. */
function inSoak<T>(cases: T[], kindOf: (one: T) => string): T[] {
  if (runs(1) > 1) return cases
  return [...new Map(cases.map((one) => [kindOf(one), one])).values()]
}

function whatChanges({ timeZone, around }: { timeZone: string; around: number }): string {
  return [around, ...readings(timeZone, around - 1, 2)].join()
}
