/** When somebody can be met. Pure; instants are epoch milliseconds, stretches are half-open. */
import type { Schedule } from '#core/contracts/availability.ts'
import { type Occurrence, type Timetable, timetableOf } from '../availability/occurrences.ts'
import { dayMs, dayOf, minuteMs } from '../availability/zone.ts'

export interface SlotRules {
  schedule: Schedule
  durationMinutes: number
  /** From one start to the next; null: the duration. */
  stepMinutes: number | null
  bufferBeforeMinutes: number
  bufferAfterMinutes: number
  noticeMinutes: number
  /** Local dates after today's; null: without end. */
  daysAhead: number | null
  /** Meetings of one local date; null: any number. */
  dailyMax: number | null
}

/** Anything that stands in the way of a meeting and its buffers, in any order. What is not known is busy. */
export interface BusyTime {
  start: number
  end: number
}

export interface SlotQuestion {
  now: number
  from: number
  to: number
  busy: readonly BusyTime[]
  /** Starts of the meetings there are, for the daily maximum. */
  meetings?: readonly number[]
}

/**
 * The starts of all free slots from `from` to before `to`, unique and ascending. Blocks that touch or overlap are one window;
 * starts stand at the window's start and every step after it, in elapsed time, and the whole meeting fits the window. Buffers may
 * lie outside of it; with them, a meeting overlaps nothing that is busy, and touching is not overlapping. The notice is inclusive.
 */
export function freeStarts(rules: SlotRules, { now, from, to, busy, meetings = [] }: SlotQuestion): number[] {
  const timetable = timetableOf(rules.schedule)
  const { zone } = timetable
  const durationMs = rules.durationMinutes * minuteMs
  const stepMs = (rules.stepMinutes ?? rules.durationMinutes) * minuteMs
  const first = Math.max(from, now + rules.noticeMinutes * minuteMs)
  const end =
    rules.daysAhead === null ? to : Math.min(to, zone.startOf(zone.dayAt(now) + rules.daysAhead + 1))
  const starts: number[] = []
  if (first >= end) return starts
  const barred = barredStarts(
    busy,
    durationMs + rules.bufferAfterMinutes * minuteMs,
    rules.bufferBeforeMinutes * minuteMs,
  )
  const isFull = rules.dailyMax === null ? null : fullDays(timetable, meetings, rules.dailyMax)

  let bar = 0
  for (const { anchor, from: opens, until, closes } of runsOfStarts(rules.schedule, timetable, first, end)) {
    const last = Math.min(until, end, closes - durationMs + 1)
    let start = anchor + Math.ceil((Math.max(opens, first) - anchor) / stepMs) * stepMs
    while (start < last) {
      while (bar < barred.length && (barred[bar] as BusyTime).end <= start) bar++
      const barrier = barred[bar]
      if (barrier && barrier.start < start) {
        start = anchor + Math.ceil((barrier.end - anchor) / stepMs) * stepMs
        continue
      }
      if (!isFull?.has(zone.dayAt(start))) starts.push(start)
      start += stepMs
    }
  }
  return starts
}

/** Whether a meeting may start there: it is one of the free starts. */
export const isFreeStart = (
  rules: SlotRules,
  start: number,
  question: Omit<SlotQuestion, 'from' | 'to'>,
): boolean => freeStarts(rules, { ...question, from: start, to: start + 1 }).length > 0

/** The open stretches in which no meeting can start, for what is busy; by their start and without overlaps. */
function barredStarts(busy: readonly BusyTime[], reachMs: number, beforeMs: number): BusyTime[] {
  const bars: BusyTime[] = []
  for (const { start, end } of busy)
    if (start < end) bars.push({ start: start - reachMs, end: end + beforeMs })
  bars.sort((a, b) => a.start - b.start)
  const apart: BusyTime[] = []
  let last: BusyTime | undefined
  for (const bar of bars) {
    // those that only touch leave one instant free between them
    if (last && bar.start < last.end) last.end = Math.max(last.end, bar.end)
    else {
      last = bar
      apart.push(bar)
    }
  }
  return apart
}

function fullDays({ zone }: Timetable, meetings: readonly number[], dailyMax: number): Set<number> {
  const counts = new Map<number, number>()
  for (const start of meetings) {
    const day = zone.dayAt(start)
    counts.set(day, (counts.get(day) ?? 0) + 1)
  }
  return new Set([...counts].filter(([, count]) => count >= dailyMax).map(([day]) => day))
}

/** Starts at `anchor` and every step after it, from `from` to before `until`, of meetings that end by `closes`. */
interface RunOfStarts {
  anchor: number
  from: number
  until: number
  closes: number
}

/** A boundary moved out of a gap can land a date later, and a clock put back across midnight repeats a date. */
const marginDays = 3

/** The windows in which something can start between two instants. */
function runsOfStarts(schedule: Schedule, timetable: Timetable, from: number, to: number): RunOfStarts[] {
  const { zone } = timetable
  // a meeting lasts a day at most
  const lastDay = zone.dayAt(to) + 1 + marginDays
  // the widest gap in a week can be swallowed by a clock change, that of the week before is there then
  for (const daysBack of [marginDays + 1, 16, 32]) {
    const firstDay = zone.dayAt(from) - daysBack
    const windows = merged(timetable.occurrences(firstDay, lastDay)).filter(({ end }) => end > from)
    const [first] = windows
    if (!first || first.start > zone.startOf(firstDay + 2)) return windows.map(asRun)
    if (isRoundTheClock(schedule)) {
      const rest = windows.slice(1).map(asRun)
      return [...longWindow(schedule, timetable, first, from, to), ...rest]
    }
    if (daysBack === 32) return windows.map(asRun)
  }
  return []
}

const asRun = ({ start, end }: Occurrence): RunOfStarts => ({
  anchor: start,
  from: start,
  until: end,
  closes: end,
})

/** @param occurrences by start */
function merged(occurrences: Occurrence[]): Occurrence[] {
  const windows: Occurrence[] = []
  let last: Occurrence | undefined
  for (const { start, end } of occurrences) {
    if (last && start <= last.end) last.end = Math.max(last.end, end)
    else {
      last = { start, end }
      windows.push(last)
    }
  }
  return windows
}

/** Whoever can be met at any hour has a window that began after the last date off. Without one it never began: then starts are
 *  counted anew from the beginning of each year. */
function longWindow(
  schedule: Schedule,
  { zone }: Timetable,
  window: Occurrence,
  from: number,
  to: number,
): RunOfStarts[] {
  const today = zone.dayAt(from)
  const lastOff = Math.max(...schedule.datesOff.map(dayOf).filter((day) => day < today))
  if (lastOff > -Infinity) return [asRun({ start: zone.startOf(lastOff + 1), end: window.end })]
  const runs: RunOfStarts[] = []
  for (let year = yearOf(today); year <= yearOf(zone.dayAt(to)); year++) {
    const start = zone.startOf(Date.UTC(year, 0) / dayMs)
    const until = zone.startOf(Date.UTC(year + 1, 0) / dayMs)
    if (start < window.end)
      runs.push({ anchor: start, from: start, until: Math.min(until, window.end), closes: window.end })
  }
  return runs
}

const yearOf = (day: number) => new Date(day * dayMs).getUTCFullYear()

/** Whether no minute of the week is left out. */
function isRoundTheClock({ blocks }: Schedule): boolean {
  for (let weekday = 1; weekday <= 7; weekday++) {
    let covered = '00:00'
    const ofDay = blocks.filter((block) => block.weekday === weekday)
    for (const { start, end } of ofDay.toSorted((a, b) => (a.start < b.start ? -1 : 1)))
      if (start <= covered && end > covered) covered = end
    if (covered !== '24:00') return false
  }
  return true
}
