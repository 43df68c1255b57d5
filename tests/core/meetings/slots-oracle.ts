import type { SlotRules } from '#core/features/meetings/slots.ts'
import type { Oracle } from '#tests/core/availability/oracle.ts'

export interface MinuteBusy {
  start: number
  end: number
}

/** Rule 6 with a finger on the wall clock: each minute is looked at by itself, and each minute of the meeting that would start there,
 *  and of its buffers. Slow, and meant to be obviously right. In minutes since 1970.
 *  @returns null for a minute whose window began before the oracle looks */
export function slotOracle(oracle: Oracle, rules: SlotRules, busy: MinuteBusy[], now: number) {
  const { schedule, durationMinutes, bufferBeforeMinutes, bufferAfterMinutes } = rules
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
  const isBusy = (at: number) => busy.some(({ start, end }) => at >= start && at < end)

  return (at: number): boolean | null => {
    if (!inBlock.has(at)) return false
    let opened = at
    while (inBlock.has(opened - 1)) opened--
    if (opened <= oracle.from) return null
    if ((at - opened) % (rules.stepMinutes ?? durationMinutes) !== 0) return false
    if (at - now < rules.noticeMinutes) return false
    for (let minute = at; minute < at + durationMinutes; minute++) if (!inBlock.has(minute)) return false
    for (let minute = at - bufferBeforeMinutes; minute < at + durationMinutes + bufferAfterMinutes; minute++)
      if (isBusy(minute)) return false
    return true
  }
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
