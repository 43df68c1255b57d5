import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listTimeZones, localDays, localTime, offsetMinutes } from '#core/features/availability/days.ts'
import { runs } from '#tests/support/soak.ts'
import { notableChanges, shownAt } from './wall-clock.ts'

const minuteMs = 60_000

test.each(notableChanges)('$timeZone: days about the moment when it $what', ({ timeZone, at }) => {
  const around = Date.parse(at)
  const from = new Date(around - 2 * 86_400_000)
  const { days } = localDays(timeZone, from, from, 4)
  // one day begins where the one before ends, and no date comes twice
  for (const [place, day] of days.entries()) {
    const next = days[place + 1]
    if (next) expect(day.endsAt).toBe(next.startsAt)
    expect(shownAt(timeZone, Date.parse(day.startsAt) / minuteMs)).toBeGreaterThanOrEqual(
      Date.parse(day.date) / minuteMs,
    )
  }
  expect(new Set(days.map(({ date }) => date)).size).toBe(days.length)
  // with the offset at the start and the changes in between, each minute shows what a clock shows
  for (const { startsAt, endsAt, offsetMinutes: first, clockChanges } of days)
    for (let instant = Date.parse(startsAt); instant < Date.parse(endsAt); instant += 7 * minuteMs) {
      const change = clockChanges.findLast((one) => Date.parse(one.at) <= instant)
      const shown = instant / minuteMs + (change?.offsetMinutes ?? first)
      expect(shown).toBe(shownAt(timeZone, instant / minuteMs))
    }
})

test('what a clock shows is right in every zone', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...listTimeZones(new Date()).timeZones.map(({ name }) => name)),
      fc.integer({ min: Date.UTC(1980, 0) / minuteMs, max: Date.UTC(2036, 0) / minuteMs }),
      (timeZone, minute) => {
        const shown = shownAt(timeZone, minute)
        expect(localTime(timeZone, minute * minuteMs)).toBe(
          new Date(shown * minuteMs).toISOString().slice(0, 16),
        )
        expect(offsetMinutes(timeZone, minute * minuteMs)).toBe(shown - minute)
      },
    ),
    { numRuns: runs(300) },
  )
})

test('the picker lists every zone once, UTC first', () => {
  const { timeZones, databaseVersion } = listTimeZones(new Date('2026-07-01T00:00:00Z'))
  const names = timeZones.map(({ name }) => name)
  expect(names[0]).toBe('UTC')
  expect(new Set(names).size).toBe(names.length)
  expect(timeZones).toContainEqual({ name: 'Europe/Rome', offsetMinutes: 120 })
  expect(databaseVersion).toMatch(/^20\d\d/)
})
