import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalTimeZone,
  dayOf,
  timeZoneDatabaseVersion,
  weekdayOf,
  Zone,
  zoneNamed,
} from '#core/features/availability/zone.ts'
import { runs, within } from '#tests/support/soak.ts'
import { Oracle } from './oracle.ts'
import { notableChanges, shownAt } from './wall-clock.ts'

const instant = (text: string) => Date.parse(text)
const iso = (at: number) => new Date(at).toISOString()

describe('a zone near its changes', () => {
  for (const { timeZone, at, what } of notableChanges) {
    test(`${timeZone} ${what}, ${at}`, () => {
      const around = instant(at) / 60_000
      const oracle = new Oracle(timeZone, around)
      const zone = zoneNamed(timeZone)
      for (let minute = around - 2_000; minute < around + 2_000; minute++) {
        const date = zone.dayAt(minute * 60_000)
        const midnight = zone.midnightAfter(minute * 60_000)
        if (date === oracle.dayAt(minute) && midnight === (oracle.midnightAfter(minute) ?? 0) * 60_000)
          continue
        throw new Error(`${iso(minute * 60_000)}: day ${date}, next midnight ${iso(midnight)}`)
      }
      const today = oracle.dayAt(around)
      for (let day = today - 3; day <= today + 3; day++) {
        expect(zone.hasDate(day)).toBe(oracle.hasDay(day))
        if (!oracle.hasDay(day)) continue
        for (let minute = 0; minute <= 1_440; minute++) {
          const expected = oracle.instantOf(day, minute) ?? Number.NaN
          if (zone.instantOf(day, minute) !== expected * 60_000) {
            throw new Error(`day ${day}, minute ${minute}: ${iso(zone.instantOf(day, minute))}`)
          }
        }
      }
    })
  }

  test('every zone shows the date that clocks there show, at any instant since 1973', {
    timeout: within(180_000),
  }, () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    const minute = fc.integer({ min: instant('1973-01-01') / 60_000, max: instant('2100-01-01') / 60_000 })
    fc.assert(
      fc.property(zone, minute, (timeZone, at) => {
        expect(zoneNamed(timeZone).dayAt(at * 60_000)).toBe(Math.floor(shownAt(timeZone, at) / 1440))
      }),
      { numRuns: runs(1_000, 3_000) },
    )
  })

  test('the answer does not depend on what was asked before', () => {
    const asked = fc.array(fc.integer({ min: -20_000, max: 40_000 }), { minLength: 2, maxLength: 40 })
    fc.assert(
      fc.property(
        fc.constantFrom('Europe/Rome', 'Asia/Gaza', 'Africa/Casablanca', 'UTC'),
        asked,
        (name, days) => {
          const practised = new Zone(name)
          for (const day of days) {
            expect(practised.instantOf(day, 150)).toBe(new Zone(name).instantOf(day, 150))
          }
        },
      ),
    )
  })
})

test('a time in a gap moves forward by the gap, one shown twice means the first', () => {
  const berlin = zoneNamed('Europe/Berlin')
  expect(iso(berlin.instantOf(dayOf('2026-03-29'), 150))).toBe('2026-03-29T01:30:00.000Z')
  expect(iso(berlin.instantOf(dayOf('2026-10-25'), 150))).toBe('2026-10-25T00:30:00.000Z')
})

test('a date begins with its first instant, not with a clock that reads 00:00', () => {
  // at 23:30 Toronto's clocks jumped to 00:30: 00:00 is in the gap and moves to 01:00, but the date began before
  const toronto = zoneNamed('America/Toronto')
  expect(iso(toronto.startOf(dayOf('1919-03-31')))).toBe('1919-03-31T04:30:00.000Z')
  expect(iso(toronto.instantOf(dayOf('1919-03-30'), 1_440))).toBe('1919-03-31T04:30:00.000Z')
  expect(iso(toronto.instantOf(dayOf('1919-03-31'), 0))).toBe('1919-03-31T05:00:00.000Z')
})

test('a date put back across midnight ends with its second midnight', () => {
  const zone = zoneNamed('America/St_Johns')
  // 00:00:30 on 29 October, then 23:01 on the 28th again, then the 29th again
  expect(iso(zone.midnightAfter(instant('2006-10-29T01:00:00Z')))).toBe('2006-10-29T02:30:00.000Z')
  expect(iso(zone.midnightAfter(instant('2006-10-29T02:31:00Z')))).toBe('2006-10-29T03:30:00.000Z')
  expect(iso(zone.midnightAfter(instant('2006-10-29T02:30:30Z')))).toBe('2006-10-30T03:30:00.000Z')
})

test('offsets with seconds, and a date skipped under them, are exact', () => {
  const manila = zoneNamed('Asia/Manila')
  expect(manila.hasDate(dayOf('1844-12-31'))).toBe(false)
  expect(manila.startOf(dayOf('1844-12-31'))).toBe(manila.startOf(dayOf('1845-01-01')))
  const monrovia = zoneNamed('Africa/Monrovia')
  expect(iso(monrovia.instantOf(dayOf('1971-06-01'), 0))).toBe('1971-06-01T00:44:30.000Z')
})

test('Monday is 1 and Sunday is 7, before 1970 too', () => {
  expect(weekdayOf(dayOf('2026-03-30'))).toBe(1)
  expect(weekdayOf(dayOf('2026-03-29'))).toBe(7)
  expect(weekdayOf(dayOf('1969-12-29'))).toBe(1)
  expect(weekdayOf(dayOf('1844-12-29'))).toBe(7)
})

test('no zone is UTC, and an unknown one is refused by name', () => {
  expect(zoneNamed(null).name).toBe('UTC')
  expect(() => zoneNamed('Mars/Olympus_Mons')).toThrow('Mars/Olympus_Mons')
})

test('a zone is a name of the database in its own spelling, not an offset', () => {
  expect(canonicalTimeZone('europe/berlin')).toBe('Europe/Berlin')
  expect(canonicalTimeZone('utc')).toBe('UTC')
  expect(canonicalTimeZone('Asia/Calcutta')).toBe('Asia/Calcutta')
  for (const name of [
    '+02:00',
    '-0500',
    '',
    ' UTC',
    'UTC+1',
    'Z',
    'Europe/Nowhere',
    'Europe/Berlin[u-ca=hebrew]',
  ]) {
    expect(canonicalTimeZone(name), name).toBeUndefined()
  }
})

test('the version of the time zone database is known', () => {
  expect(timeZoneDatabaseVersion).toMatch(/^20\d\d[a-z]$/)
})
