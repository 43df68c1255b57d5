import { describe, expect, test } from 'vitest'
import type { AvailabilityRequest } from '#core/contracts/availability.ts'
import { previewAvailability } from '#core/features/availability/preview.ts'
import {
  availabilityAt,
  describeAvailability,
  normaliseOverride,
  type Override,
  overrideEnd,
  type Schedule,
} from '#core/features/availability/schedule.ts'

const workdays = [1, 2, 3, 4, 5]
const everyDay = [1, 2, 3, 4, 5, 6, 7]
const aSchedule = (given: Partial<Schedule> = {}): Schedule => ({
  timeZone: 'UTC',
  blocks: on(workdays, ['09:00', '17:00']),
  datesOff: [],
  ...given,
})
const on = (weekdays: number[], ...times: [start: string, end: string][]) =>
  times.flatMap(([start, end]) => weekdays.map((weekday) => ({ weekday, start, end })))

const anOverride = (status: Override['status'], setAt: string, until?: string): Override => ({
  status,
  setAt: new Date(setAt),
  until: until ? new Date(until) : null,
})

/** "available by schedule until 2026-03-30T17:00:00.000Z". 2026-03-30 is a Monday. */
const answer = (schedule: Schedule, at: string, override: Override | null = null) => {
  const { available, source, until } = availabilityAt(schedule, override, new Date(at))
  return `${available ? 'available' : 'unavailable'} by ${source} until ${until?.toISOString() ?? 'ever'}`
}

describe('blocks', () => {
  test('are half-open', () => {
    const schedule = aSchedule()
    expect(answer(schedule, '2026-03-30T08:59:59.999Z')).toBe(
      'unavailable by schedule until 2026-03-30T09:00:00.000Z',
    )
    expect(answer(schedule, '2026-03-30T09:00:00Z')).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
    expect(answer(schedule, '2026-03-30T16:59:59.999Z')).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
    expect(answer(schedule, '2026-03-30T17:00:00Z')).toBe(
      'unavailable by schedule until 2026-03-31T09:00:00.000Z',
    )
  })

  test('are in local time, and in UTC when no zone is set', () => {
    const rome = aSchedule({ timeZone: 'Europe/Rome' })
    expect(answer(rome, '2026-03-27T12:00:00Z')).toBe('available by schedule until 2026-03-27T16:00:00.000Z')
    expect(answer(rome, '2026-03-30T12:00:00Z')).toBe('available by schedule until 2026-03-30T15:00:00.000Z')
    expect(answer(aSchedule({ timeZone: null }), '2026-03-30T12:00:00Z')).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
  })

  test('that touch, overlap or nest are one stretch', () => {
    const schedule = aSchedule({
      blocks: on([1], ['15:00', '18:00'], ['09:00', '12:00'], ['12:00', '16:00'], ['13:00', '14:00']),
    })
    expect(answer(schedule, '2026-03-30T10:00:00Z')).toBe(
      'available by schedule until 2026-03-30T18:00:00.000Z',
    )
  })

  test('may cross midnight as two', () => {
    const schedule = aSchedule({ blocks: [...on([1], ['22:00', '24:00']), ...on([2], ['00:00', '06:00'])] })
    expect(answer(schedule, '2026-03-30T23:00:00Z')).toBe(
      'available by schedule until 2026-03-31T06:00:00.000Z',
    )
  })

  test('give way to a date off, all of that local date and nothing more', () => {
    const schedule = aSchedule({
      timeZone: 'Asia/Tokyo',
      blocks: on(everyDay, ['00:00', '24:00']),
      datesOff: ['2026-12-25'],
    })
    expect(answer(schedule, '2026-12-20T00:00:00Z')).toBe(
      'available by schedule until 2026-12-24T15:00:00.000Z',
    )
    expect(answer(schedule, '2026-12-24T15:00:00Z')).toBe(
      'unavailable by schedule until 2026-12-25T15:00:00.000Z',
    )
  })

  test('that leave no gap in any week never end, and no blocks never begin', () => {
    expect(answer(aSchedule({ blocks: on(everyDay, ['00:00', '24:00']) }), '2026-03-30T10:00:00Z')).toBe(
      'available by schedule until ever',
    )
    const roundTheClockInRome = aSchedule({
      timeZone: 'Europe/Rome',
      blocks: on(everyDay, ['00:00', '24:00']),
    })
    expect(answer(roundTheClockInRome, '2026-03-30T10:00:00Z')).toBe('available by schedule until ever')
    expect(answer(aSchedule({ blocks: [] }), '2026-03-30T10:00:00Z')).toBe(
      'unavailable by schedule until ever',
    )
  })

  test('are found behind years of dates off', () => {
    const mondays = Array.from({ length: 900 }, (_, week) =>
      new Date(Date.UTC(2026, 2, 30) + week * 7 * 86_400_000).toISOString().slice(0, 10),
    )
    const schedule = aSchedule({ blocks: on([1], ['09:00', '10:00']), datesOff: mondays })
    const next = new Date(Date.UTC(2026, 2, 30, 9) + 900 * 7 * 86_400_000).toISOString()
    expect(answer(schedule, '2026-03-29T00:00:00Z')).toBe(`unavailable by schedule until ${next}`)
  })

  test('round the clock end at a date off years away', () => {
    const schedule = aSchedule({ blocks: on(everyDay, ['00:00', '24:00']), datesOff: ['2034-01-01'] })
    expect(answer(schedule, '2026-03-30T10:00:00Z')).toBe(
      'available by schedule until 2034-01-01T00:00:00.000Z',
    )
  })

  test('left without length by a clock gap are empty, and start nothing', () => {
    const schedule = aSchedule({
      timeZone: 'Europe/Rome',
      blocks: on([7], ['02:00', '03:00'], ['02:30', '03:00']),
    })
    expect(answer(schedule, '2026-03-29T00:00:00Z')).toBe(
      'unavailable by schedule until 2026-04-05T00:00:00.000Z',
    )
    const toggled = anOverride('available', '2026-03-29T00:00:00Z')
    expect(overrideEnd(schedule, toggled)?.toISOString()).toBe('2026-03-29T22:00:00.000Z')
  })

  test('on a date the calendar skips do not exist', () => {
    const schedule = aSchedule({ timeZone: 'Pacific/Apia', blocks: on([5], ['00:00', '24:00']) })
    expect(answer(schedule, '2011-12-30T09:59:00Z')).toBe(
      'unavailable by schedule until 2012-01-05T10:00:00.000Z',
    )
  })
})

describe('a hand toggle', () => {
  const lunch = aSchedule({
    blocks: on(workdays, ['09:00', '12:00'], ['12:00', '17:00'], ['14:00', '15:00']),
  })

  test('away in the morning lasts until the next block starts, even one that touches', () => {
    const away = anOverride('unavailable', '2026-03-30T10:00:00Z')
    expect(answer(lunch, '2026-03-30T10:00:00Z', away)).toBe(
      'unavailable by override until 2026-03-30T12:00:00.000Z',
    )
    expect(answer(lunch, '2026-03-30T12:00:00Z', away)).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
  })

  test('away during a block lasts until a nested block starts', () => {
    const away = anOverride('unavailable', '2026-03-30T13:00:00Z')
    expect(overrideEnd(lunch, away)?.toISOString()).toBe('2026-03-30T14:00:00.000Z')
  })

  test('made as a block starts does not end with that very start', () => {
    const away = anOverride('unavailable', '2026-03-30T12:00:00Z')
    expect(overrideEnd(lunch, away)?.toISOString()).toBe('2026-03-30T14:00:00.000Z')
  })

  test('with no block left that day lasts until midnight in the zone of the schedule', () => {
    const rome = aSchedule({ timeZone: 'Europe/Rome' })
    const on = anOverride('available', '2026-03-30T18:00:00Z')
    expect(answer(rome, '2026-03-30T20:00:00Z', on)).toBe(
      'available by override until 2026-03-30T22:00:00.000Z',
    )
    expect(answer(rome, '2026-03-30T22:00:00Z', on)).toBe(
      'unavailable by schedule until 2026-03-31T07:00:00.000Z',
    )
    // the zone of now, not of when it was set
    expect(overrideEnd(aSchedule({ timeZone: 'Asia/Tokyo' }), on)?.toISOString()).toBe(
      '2026-03-31T00:00:00.000Z',
    )
    // 13:00 in Lima, where the schedule has her available anyway
    expect(overrideEnd(aSchedule({ timeZone: 'America/Lima' }), on)).toBeNull()
  })

  test('that runs out into the same answer of the schedule still stops being the agent’s', () => {
    const early = anOverride('available', '2026-03-30T08:00:00Z')
    expect(answer(aSchedule(), '2026-03-30T08:30:00Z', early)).toBe(
      'available by override until 2026-03-30T09:00:00.000Z',
    )
  })

  test('that says what the schedule gave when it was set holds nothing', () => {
    const needless = anOverride('available', '2026-03-30T10:00:00Z')
    expect(answer(aSchedule(), '2026-03-30T11:00:00Z', needless)).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
    expect(overrideEnd(aSchedule(), needless)).toBeNull()
  })

  test('is not there before it was set, and changes the answer then', () => {
    const away = anOverride('unavailable', '2026-03-30T10:00:00Z')
    expect(answer(aSchedule(), '2026-03-30T09:30:00Z', away)).toBe(
      'available by schedule until 2026-03-30T10:00:00.000Z',
    )
  })

  test('ends where the schedule of now says, after the schedule was changed', () => {
    const away = anOverride('unavailable', '2026-03-30T10:00:00Z')
    const changed = aSchedule({ blocks: on([1], ['09:00', '18:00'], ['16:00', '17:00']) })
    expect(overrideEnd(aSchedule(), away)?.toISOString()).toBe('2026-03-31T00:00:00.000Z')
    expect(overrideEnd(changed, away)?.toISOString()).toBe('2026-03-30T16:00:00.000Z')
  })

  test('is not ended by a block of a date off', () => {
    const schedule = aSchedule({ blocks: on(everyDay, ['09:00', '17:00']), datesOff: ['2026-03-30'] })
    const here = anOverride('available', '2026-03-30T08:00:00Z')
    expect(overrideEnd(schedule, here)?.toISOString()).toBe('2026-03-31T00:00:00.000Z')
  })
})

describe('an explicit end', () => {
  test('replaces midnight and block starts', () => {
    const stay = anOverride('unavailable', '2026-03-30T10:00:00Z', '2026-04-01T11:00:00Z')
    expect(answer(aSchedule(), '2026-04-01T10:59:59.999Z', stay)).toBe(
      'unavailable by override until 2026-04-01T11:00:00.000Z',
    )
    expect(answer(aSchedule(), '2026-04-01T11:00:00Z', stay)).toBe(
      'available by schedule until 2026-04-01T17:00:00.000Z',
    )
  })

  test('may confirm what the schedule gives, to outlast it', () => {
    const stay = anOverride('available', '2026-03-30T12:00:00Z', '2026-03-30T20:00:00Z')
    expect(answer(aSchedule(), '2026-03-30T18:00:00Z', stay)).toBe(
      'available by override until 2026-03-30T20:00:00.000Z',
    )
  })

  test('that does not come after the beginning holds nothing', () => {
    const never = anOverride('unavailable', '2026-03-30T10:00:00Z', '2026-03-30T10:00:00Z')
    expect(overrideEnd(aSchedule(), never)).toBeNull()
    expect(answer(aSchedule(), '2026-03-30T10:00:00Z', never)).toBe(
      'available by schedule until 2026-03-30T17:00:00.000Z',
    )
  })
})

describe('what is stored for a use of the switch', () => {
  const now = new Date('2026-03-30T10:00:00Z')
  const stored = (request: AvailabilityRequest) => normaliseOverride(aSchedule(), request, now)

  test('is nothing for "schedule" and for what the schedule gives already', () => {
    expect(stored({ status: 'schedule' })).toBeNull()
    expect(stored({ status: 'available' })).toBeNull()
  })

  test('is the status, when it was set, and an explicit end', () => {
    const until = new Date('2026-03-30T20:00:00Z')
    expect(stored({ status: 'unavailable' })).toEqual({ status: 'unavailable', setAt: now })
    expect(stored({ status: 'available', until })).toEqual({ status: 'available', setAt: now, until })
  })

  test('is refused when the end has passed', () => {
    expect(() => stored({ status: 'unavailable', until: now })).toThrow('passed')
  })
})

describe('the reason', () => {
  const reason = (schedule: Schedule, at: string, override: Override | null = null) =>
    describeAvailability(schedule, override, new Date(at)).reason
  const rome = aSchedule({ timeZone: 'Europe/Rome' })

  test('names the schedule and when it changes', () => {
    expect(reason(rome, '2026-03-30T10:00:00Z')).toEqual({
      code: 'by_schedule_until',
      until: '2026-03-30T15:00:00.000Z',
      timeZone: 'Europe/Rome',
    })
    expect(reason(aSchedule({ timeZone: null, blocks: [] }), '2026-03-30T10:00:00Z')).toEqual({
      code: 'by_schedule',
      timeZone: 'UTC',
    })
  })

  test('names the agent, and what the override waits for', () => {
    const set = { code: 'set_by_you_until', timeZone: 'Europe/Rome' }
    const away = anOverride('unavailable', '2026-03-30T10:00:00Z')
    expect(reason(rome, '2026-03-30T10:00:00Z', away)).toEqual({
      ...set,
      until: '2026-03-30T22:00:00.000Z',
      ends: 'midnight',
    })
    expect(reason(rome, '2026-03-30T06:00:00Z', anOverride('available', '2026-03-30T06:00:00Z'))).toEqual({
      ...set,
      until: '2026-03-30T07:00:00.000Z',
      ends: 'block_start',
    })
    const chosen = anOverride('unavailable', '2026-03-30T10:00:00Z', '2026-03-30T10:15:00Z')
    expect(reason(rome, '2026-03-30T10:00:00Z', chosen)).toEqual({
      ...set,
      until: '2026-03-30T10:15:00.000Z',
      ends: 'chosen_end',
    })
  })

  test('calls a block that starts at midnight midnight', () => {
    const schedule = aSchedule({ blocks: on([2], ['00:00', '06:00']) })
    expect(
      reason(schedule, '2026-03-30T20:00:00Z', anOverride('available', '2026-03-30T20:00:00Z')),
    ).toMatchObject({
      ends: 'midnight',
    })
  })

  test('tells who else did it', () => {
    const away = anOverride('unavailable', '2026-03-30T10:00:00Z')
    const reasonOf = (cause: Override['cause']) => reason(rome, '2026-03-30T10:00:00Z', { ...away, cause })
    expect(reasonOf('missed_offers')).toMatchObject({ code: 'missed_offers_until', ends: 'midnight' })
    expect(reasonOf('supervisor')).toMatchObject({ code: 'set_by_supervisor_until' })
  })
})

describe('remembered answers', () => {
  test('are not another schedule’s, nor the same object’s of before', () => {
    const schedule = aSchedule()
    const at = '2026-03-30T12:00:00Z'
    expect(answer(schedule, at)).toBe('available by schedule until 2026-03-30T17:00:00.000Z')
    schedule.datesOff.push('2026-03-30')
    expect(answer(schedule, at)).toBe('unavailable by schedule until 2026-03-31T09:00:00.000Z')
    schedule.timeZone = 'Asia/Tokyo'
    expect(answer(schedule, at)).toBe('unavailable by schedule until 2026-03-31T00:00:00.000Z')
    schedule.blocks = on([2], ['10:00', '11:00'])
    expect(answer(schedule, at)).toBe('unavailable by schedule until 2026-03-31T01:00:00.000Z')
  })
})

test('a preview answers in the order asked', () => {
  const { results } = previewAvailability({
    ...aSchedule(),
    override: { status: 'unavailable', setAt: new Date('2026-03-30T10:00:00Z') },
    instants: [
      new Date('2026-03-31T09:00:00Z'),
      new Date('2026-03-30T09:00:00Z'),
      new Date('2026-03-30T11:00:00Z'),
    ],
  })
  expect(results).toEqual([
    {
      at: '2026-03-31T09:00:00.000Z',
      available: true,
      source: 'schedule',
      until: '2026-03-31T17:00:00.000Z',
    },
    {
      at: '2026-03-30T09:00:00.000Z',
      available: true,
      source: 'schedule',
      until: '2026-03-30T10:00:00.000Z',
    },
    {
      at: '2026-03-30T11:00:00.000Z',
      available: false,
      source: 'override',
      until: '2026-03-31T00:00:00.000Z',
    },
  ])
})
