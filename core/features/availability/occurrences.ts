/** A weekly schedule laid out on the time line. Instants are epoch milliseconds, stretches are half-open. */
import type { Schedule } from '#core/contracts/availability.ts'
import { dayOf, weekdayOf, type Zone, zoneNamed } from './zone.ts'

/** One block on one date. */
export interface Occurrence {
  start: number
  end: number
}

/** For how long the schedule gives one answer; `until` is Infinity when nothing changes within the horizon. */
export interface Stretch {
  from: number
  until: number
  available: boolean
}

/** A switch flipped by hand: what the schedule said at that instant, and what ends the toggle. */
export interface Toggle {
  scheduled: boolean
  from: number
  until: number
  ends: 'block_start' | 'midnight'
}

/** Ten years and a week for every date off: enough to walk past any run of dates off, and to meet each clock change
 *  of the zone on each weekday. What does not happen within it never happens. */
const horizonDays = (datesOff: number) => 3_660 + 7 * datesOff
/** A boundary moved out of a gap can land a date later, and a clock put back across midnight repeats a date. */
const marginDays = 3
const maxToggles = 1_000

export class Timetable {
  readonly zone: Zone
  readonly #blocks: { startMinute: number; endMinute: number }[][]
  readonly #daysOff: Set<number>
  #stretch: Stretch | undefined
  readonly #toggles = new Map<number, Toggle>()

  constructor({ timeZone, blocks, datesOff }: Schedule) {
    this.zone = zoneNamed(timeZone)
    this.#blocks = Array.from({ length: 8 }, () => [])
    for (const { weekday, start, end } of blocks) {
      this.#blocks[weekday]?.push({ startMinute: minuteOf(start), endMinute: minuteOf(end) })
    }
    this.#daysOff = new Set(datesOff.map(dayOf))
  }

  /** The schedule's answer at an instant and how long it holds. Blocks that touch or overlap are one stretch. */
  stretchAt(at: number): Stretch {
    const known = this.#stretch
    if (known && at >= known.from && at < known.until) return known
    this.#stretch = this.#findStretch(at)
    return this.#stretch
  }

  /** What becomes of a toggle made at an instant: it ends with the next start of a block (of touching and nested ones
   *  too) or at midnight, whichever is first. */
  toggleAt(from: number): Toggle {
    const known = this.#toggles.get(from)
    if (known) return known
    const today = this.zone.dayAt(from)
    const near = this.occurrences(today - marginDays, today + marginDays)
    const midnight = this.zone.midnightAfter(from)
    const nextStart = near.find(({ start }) => start > from)?.start ?? Infinity
    const toggle: Toggle = {
      scheduled: near.some(({ start, end }) => start <= from && from < end),
      from,
      until: Math.min(nextStart, midnight),
      ends: nextStart < midnight ? 'block_start' : 'midnight',
    }
    if (this.#toggles.size >= maxToggles) this.#toggles.clear()
    this.#toggles.set(from, toggle)
    return toggle
  }

  /** The blocks of these local dates (both included) as they fall on the time line, by start. Overlaps stay. */
  occurrences(firstDay: number, lastDay: number): Occurrence[] {
    const found: Occurrence[] = []
    for (let day = firstDay; day <= lastDay; day++) {
      const blocks = this.#blocks[weekdayOf(day)]
      if (!blocks?.length || this.#daysOff.has(day) || !this.zone.hasDate(day)) continue
      for (const { startMinute, endMinute } of blocks) {
        const start = this.zone.instantOf(day, startMinute)
        const end = this.zone.instantOf(day, endMinute)
        // a clock gap can leave a block without length, or with its end before its start
        if (start < end) found.push({ start, end })
      }
    }
    return found.sort((a, b) => a.start - b.start)
  }

  #findStretch(at: number): Stretch {
    let until = at
    for (const { occurrences, knownUntil } of this.#ahead(at)) {
      for (const { start, end } of occurrences) {
        if (start > until) break
        until = Math.max(until, end)
      }
      const available = until > at
      const change = available ? until : (occurrences.find(({ start }) => start > at)?.start ?? Infinity)
      if (change < knownUntil) return { from: at, until: change, available }
    }
    return { from: at, until: Infinity, available: until > at }
  }

  /** Views of the time line from shortly before an instant to the horizon, one after the other and ever longer. With
   *  those before it, a view lacks nothing before its `knownUntil`. */
  *#ahead(at: number): Generator<{ occurrences: Occurrence[]; knownUntil: number }> {
    if (this.#blocks.every((blocks) => blocks.length === 0)) return
    const today = this.zone.dayAt(at)
    const horizon = today + horizonDays(this.#daysOff.size)
    let firstDay = today - marginDays
    for (let days = 8; firstDay < horizon; days *= 2) {
      const lastDay = firstDay + 2 * marginDays + days
      yield {
        occurrences: this.occurrences(firstDay, lastDay),
        knownUntil: this.zone.startOf(lastDay - marginDays),
      }
      firstDay = lastDay - 2 * marginDays
    }
  }
}

const maxTimetables = 2_000
const timetables = new Map<string, Timetable>()

/** The timetable of a schedule, remembered by what the schedule says: each read of the database brings a new object,
 *  and an object may be changed by whoever holds it. */
export const timetableOf = (schedule: Schedule): Timetable => {
  const key = keyOf(schedule)
  const known = timetables.get(key)
  if (known) return known
  if (timetables.size >= maxTimetables) timetables.clear()
  const timetable = new Timetable(schedule)
  timetables.set(key, timetable)
  return timetable
}

const keyOf = ({ timeZone, blocks, datesOff }: Schedule): string => {
  let key = timeZone ?? 'UTC'
  for (const { weekday, start, end } of blocks) key += ` ${weekday}${start}${end}`
  for (const date of datesOff) key += `|${date}`
  return key
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
