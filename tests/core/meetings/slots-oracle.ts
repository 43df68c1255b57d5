import type { SlotRules } from '#core/features/meetings/slots.ts'
import type { Oracle } from '#tests/core/availability/oracle.ts'
import { readings } from '#tests/core/availability/wall-clock.ts'

export interface MinuteBusy {
  start: number
  end: number
}

export interface MinuteQuestion {
  now: number
  busy: MinuteBusy[]
  /** Starts of the meetings there are. */
  meetings: number[]
}

/** Rule 6 with a finger on the wall clock: each minute is looked at by itself, and each minute of the meeting that would start there,
 *  and of its buffers. Slow, and meant to be obviously right. In minutes since 1970.
 *  @returns null for a minute whose window began before the oracle looks, unless it never began: see `beginningOf` */
export function slotOracle(oracle: Oracle, rules: SlotRules, { now, busy, meetings }: MinuteQuestion) {
  const { schedule, durationMinutes, bufferBeforeMinutes, bufferAfterMinutes, daysAhead, dailyMax } = rules
  const off = new Set(schedule.datesOff.map((date) => Date.parse(date) / 86_400_000))
  const inBlock = new Set<number>()
  for (let day = oracle.dayAt(oracle.from) - 1; day <= oracle.dayAt(oracle.until - 1) + 1; day++) {
    if (!oracle.hasDay(day) || off.has(day)) continue
    const weekday = new Date(day * 86_400_000).getUTCDay() || 7
    for (const block of schedule.blocks) {
      if (block.weekday !== weekday) continue
      const start = oracle.instantOf(day, minutesOf(block.start))
      const end = oracle.instantOf(day, minutesOf(block.end))
      if (start !== undefined && end !== undefined) for (let at = start; at < end; at++) inBlock.add(at)
    }
  }
  const opened = new Map<number, number>()
  for (const at of [...inBlock].sort((a, b) => a - b)) opened.set(at, opened.get(at - 1) ?? at)
  const beginsNever = isRoundTheClock(schedule.blocks)
  const isBusy = (at: number) => busy.some(({ start, end }) => at >= start && at < end)
  // 24:00 of the last date
  const horizon = daysAhead === null ? Infinity : oracle.instantOf(oracle.dayAt(now) + daysAhead, 1440)

  return (at: number): boolean | null => {
    const windowStart = opened.get(at)
    if (windowStart === undefined) return false
    const isOlder = windowStart <= oracle.from
    if (isOlder && !beginsNever) return null
    const anchor = isOlder ? beginningOf(schedule.timeZone ?? 'UTC', off, oracle.dayAt(at)) : windowStart
    if ((at - anchor) % (rules.stepMinutes ?? durationMinutes) !== 0) return false
    if (at - now < rules.noticeMinutes) return false
    if (horizon !== undefined && at >= horizon) return false
    const thatDay = meetings.filter((start) => oracle.dayAt(start) === oracle.dayAt(at))
    if (dailyMax !== null && thatDay.length >= dailyMax) return false
    for (let minute = at; minute < at + durationMinutes; minute++) if (!inBlock.has(minute)) return false
    for (let minute = at - bufferBeforeMinutes; minute < at + durationMinutes + bufferAfterMinutes; minute++)
      if (isBusy(minute)) return false
    return true
  }
}

/** From where somebody's starts are counted who can be met at any hour: from the end of their last date off; without one, from the
 *  first minute of the year. */
function beginningOf(timeZone: string, off: Set<number>, day: number): number {
  const lastOff = Math.max(...[...off].filter((one) => one < day))
  const first =
    lastOff > -Infinity ? lastOff + 1 : Date.UTC(new Date(day * 86_400_000).getUTCFullYear(), 0) / 86_400_000
  const from = first * 1440 - 2 * 1440
  return from + readings(timeZone, from, 4 * 1440).findIndex((shown) => shown >= first * 1440)
}

const isRoundTheClock = (blocks: SlotRules['schedule']['blocks']) =>
  Array.from({ length: 7 * 1440 }, (_, minute) => minute).every((minute) =>
    blocks.some(
      ({ weekday, start, end }) =>
        weekday === Math.floor(minute / 1440) + 1 &&
        minutesOf(start) <= minute % 1440 &&
        minute % 1440 < minutesOf(end),
    ),
  )

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
