import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localDays } from '#core/features/availability/days.ts'
import { previewAvailability } from '#core/features/availability/preview.ts'
import { zoneNamed } from '#core/features/availability/zone.ts'
import { runs } from '#tests/support/soak.ts'
import { instantOf, minuteAt, stretchesBetween, stripsOf } from '../../inbox-ui/schedules/strips.ts'
import { parseTime } from '../../inbox-ui/schedules/times.ts'
import { notableChanges } from '../core/availability/wall-clock.ts'

const clock = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
const dayMs = 86_400_000

describe('strips of days', () => {
  test.each([
    ['9', '09:00'],
    ['930', '09:30'],
    ['9.30', '09:30'],
    [' 17:5 ', null],
    ['17:05', '17:05'],
    ['9 pm', '21:00'],
    ['12am', '00:00'],
    ['24', '24:00'],
    ['24:01', null],
    ['25:00', null],
    ['nine', null],
    ['', null],
  ])('"%s" is read as %s', (typed, time) => {
    expect(parseTime(typed)).toBe(time)
  })

  test('show each minute as the server answers it, around every kind of clock change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...notableChanges),
        fc.array(
          fc
            .record({ weekday: fc.integer({ min: 1, max: 7 }), a: fc.nat(1440), b: fc.nat(1440) })
            .filter(({ a, b }) => a !== b)
            .map(({ weekday, a, b }) => ({
              weekday,
              start: clock(Math.min(a, b)),
              end: clock(Math.max(a, b)),
            })),
          { maxLength: 12 },
        ),
        async ({ timeZone, at }, blocks) => {
          const from = new Date(Date.parse(at) - 2 * dayMs)
          const { days } = localDays(timeZone, from, from, 4)
          const answer = (instants: number[]) =>
            previewAvailability({
              timeZone,
              blocks,
              datesOff: [],
              override: null,
              instants: instants.map((one) => new Date(one)),
            }).results
          const start = Date.parse(days[0]?.startsAt ?? '')
          const end = Date.parse(days.at(-1)?.endsAt ?? '')
          const stretches = await stretchesBetween(start, end, async (instants) => answer(instants))
          expect(stretches[0]?.from).toBe(start)
          expect(stretches.at(-1)?.until).toBe(end)
          const looks = Array.from(
            { length: Math.floor((end - start) / 420_000) },
            (_, n) => start + n * 420_000,
          )
          for (const [place, { available }] of answer(looks).entries()) {
            const look = looks[place] ?? 0
            const drawn = stretches.find((one) => one.from <= look && look < one.until)
            expect(drawn?.available).toBe(available)
            const day = days.find((one) => Date.parse(one.startsAt) <= look && look < Date.parse(one.endsAt))
            if (!day || !available) continue
            const strip = stripsOf([day], stretches, [])[0]
            const minute = minuteAt(day, look)
            expect(strip?.pieces.some((piece) => piece.from <= minute && minute < piece.to)).toBe(true)
          }
        },
      ),
      { numRuns: runs(60) },
    )
  })

  test.each(notableChanges)(
    '$timeZone: a chosen time is the instant the server would choose, as it $what',
    ({ timeZone, at }) => {
      const from = new Date(Date.parse(at) - dayMs)
      const zone = zoneNamed(timeZone)
      for (const day of localDays(timeZone, from, from, 3).days)
        for (let minute = 0; minute <= 1440; minute += 5)
          expect(instantOf(day, minute)).toBe(zone.instantOf(Date.parse(day.date) / dayMs, minute))
    },
  )
})
