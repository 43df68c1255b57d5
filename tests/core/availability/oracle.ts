import type { Schedule } from '#core/features/availability/schedule.ts'
import { readings } from './wall-clock.ts'

/** As Override, with instants in minutes. */
export interface MinuteOverride {
  status: 'available' | 'unavailable'
  setAt: number
  until: number | null
  cause?: 'missed_offers' | undefined
}

export interface MinuteAnswer {
  available: boolean
  source: 'schedule' | 'override'
  /** null: nothing changes as far as the oracle looks. */
  until: number | null
}

const daysAround = { before: 8, after: 12 }

/** The rules of availability, followed with a finger on the wall clock: every boundary is found by looking for the
 *  minute that shows it, and every minute is then lived through. Slow, and meant to be obviously right. Knows the
 *  eight days before and the twelve days after an instant; answers for the five and nine nearest. */
export class Oracle {
  readonly from: number
  readonly until: number
  readonly #start: number
  readonly #shown: Int32Array
  readonly #firstShowing = new Map<number, number>()
  readonly #firstOfDay = new Map<number, number>()

  constructor(timeZone: string, around: number) {
    this.#start = around - daysAround.before * 1440
    this.#shown = readings(timeZone, this.#start, (daysAround.before + daysAround.after) * 1440)
    this.from = this.#start + 3 * 1440
    this.until = this.#start + this.#shown.length - 3 * 1440
    this.#shown.forEach((shown, i) => {
      if (!this.#firstShowing.has(shown)) this.#firstShowing.set(shown, i)
      const day = Math.floor(shown / 1440)
      if (!this.#firstOfDay.has(day)) this.#firstOfDay.set(day, i)
    })
  }

  shownAt(instant: number): number {
    return this.#shown[instant - this.#start] ?? Number.NaN
  }

  dayAt(instant: number): number {
    return Math.floor(this.shownAt(instant) / 1440)
  }

  hasDay(day: number): boolean {
    return this.#firstOfDay.has(day)
  }

  /** Rules 1 and 2: when a clock shows this minute of this day. Undefined beyond what the oracle knows. */
  instantOf(day: number, minute: number): number | undefined {
    const index = minute === 1440 ? this.#startOfNextDay(day) : this.#showing(day * 1440 + minute)
    return index === undefined ? undefined : index + this.#start
  }

  /** Rule 3. */
  midnightAfter(instant: number): number | undefined {
    for (let at = instant + 1; at < this.until; at++) if (this.dayAt(at) > this.dayAt(instant)) return at
    return undefined
  }

  /** The answers at all minutes from `from` to before `until`, in order. */
  answers({ blocks, datesOff }: Schedule, override: MinuteOverride | null): MinuteAnswer[] {
    const inBlock = new Set<number>()
    const starts = new Set<number>()
    const off = new Set(datesOff.map((date) => Date.parse(date) / 86_400_000))
    for (const day of this.#firstOfDay.keys()) {
      const weekday = new Date(day * 86_400_000).getUTCDay() || 7
      for (const block of blocks) {
        if (block.weekday !== weekday || off.has(day)) continue
        const start = this.instantOf(day, minutes(block.start))
        const end = this.instantOf(day, minutes(block.end))
        if (start === undefined || end === undefined || start >= end) continue
        starts.add(start)
        for (let at = start; at < end; at++) inBlock.add(at)
      }
    }

    const answers: MinuteAnswer[] = []
    let held = false
    for (let at = this.from; at < this.until; at++) {
      const scheduled = inBlock.has(at)
      if (override?.until) held = at >= override.setAt && at < override.until
      else if (override && at === override.setAt)
        held = override.cause === 'missed_offers' || scheduled !== (override.status === 'available')
      else if (override && (starts.has(at) || this.dayAt(at) > this.dayAt(override.setAt))) held = false
      answers.push({
        available: held ? override?.status === 'available' : scheduled,
        source: held ? 'override' : 'schedule',
        until: null,
      })
    }
    for (let i = answers.length - 2; i >= 0; i--) {
      const [now, next] = [answers[i], answers[i + 1]]
      if (!now || !next) continue
      const same = now.available === next.available && now.source === next.source
      now.until = same ? next.until : this.from + i + 1
    }
    return answers
  }

  #showing(wall: number): number | undefined {
    const first = this.#firstShowing.get(wall)
    if (first !== undefined) return first
    const after = this.#shown.findIndex((shown, i) => shown > wall && (this.#shown[i - 1] ?? wall) < wall)
    if (after < 1) return undefined
    const gap = (this.#shown[after] ?? 0) - (this.#shown[after - 1] ?? 0) - 1
    return this.#firstShowing.get(wall + gap)
  }

  #startOfNextDay(day: number): number | undefined {
    const later = [...this.#firstOfDay.keys()].filter((other) => other > day)
    return this.#firstOfDay.get(Math.min(...later))
  }
}

const minutes = (time: string): number => {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return hour * 60 + minute
}
