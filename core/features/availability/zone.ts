/** The one place where wall clocks become instants and back. Everywhere here an instant is epoch milliseconds, a
 *  local date is its number of days since 1970-01-01, and a time of day is minutes since 00:00. */
import { canonicalTimeZone } from '#core/contracts/time-zone.ts'

export { canonicalTimeZone }

/** Of the one copy Temporal and Intl share, ICU's; shown in health reports. */
export const timeZoneDatabaseVersion = process.versions.tz ?? 'unknown'

export const dayMs = 86_400_000
export const minuteMs = 60_000

/** Offsets differ by 26 hours at most (-12 to +14), so a wall time this long after a clock change cannot also have
 *  occurred before it. */
const settledMs = 2 * dayMs
const maxStretches = 128

/** The time between two clock changes. */
interface Stretch {
  from: number
  to: number
  offsetMs: number
}

/** The local date "2026-12-25", as days since 1970-01-01. */
export const dayOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) / dayMs

/** 1 (Monday) to 7 (Sunday). 1970-01-01 was a Thursday. */
export const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1

/** Wall-clock arithmetic of one zone. Between clock changes it adds the known offset; near them it asks Temporal,
 *  which costs 1.4 µs a question instead of some nanoseconds. */
export class Zone {
  readonly name: string
  #stretches: Stretch[] = []
  #current: Stretch

  constructor(name: string) {
    this.name = name
    this.#current = this.#findStretch(0)
  }

  /** The local date at an instant. */
  dayAt(instant: number): number {
    return Math.floor((instant + this.#stretchAt(instant).offsetMs) / dayMs)
  }

  /** How far east of UTC the clock is here, in ms. */
  offsetAt(instant: number): number {
    return this.#stretchAt(instant).offsetMs
  }

  /** The next instant at which the clock is put forward or back; Infinity if that is not known to happen. */
  changeAfter(instant: number): number {
    return this.#stretchAt(instant).to
  }

  /** The instant a clock here shows this minute of this date: moved forward by the gap where the clock skips it, the
   *  first one where it is shown twice (Temporal's "compatible"). Minute 1440 is the first instant of the next date. */
  instantOf(day: number, minute: number): number {
    if (minute >= 1440) return this.startOf(day + 1)
    const wall = day * dayMs + minute * minuteMs
    return this.#whereSettled(wall) ?? plainDateTime(wall).toZonedDateTime(this.name).epochMilliseconds
  }

  /** The first instant of a date, which need not be 00:00; of the next that exists, when the calendar skips it. */
  startOf(day: number): number {
    const wall = day * dayMs
    return (
      this.#whereSettled(wall) ??
      plainDateTime(wall).toPlainDate().toZonedDateTime(this.name).epochMilliseconds
    )
  }

  /** Whether the calendar here has this date: Samoa had no 30 December 2011. */
  hasDate(day: number): boolean {
    return this.dayAt(this.startOf(day)) === day
  }

  /** The first instant after this one with a later date. */
  midnightAfter(instant: number): number {
    const nextDay = this.dayAt(instant) + 1
    const midnight = this.startOf(nextDay)
    if (midnight > instant) return midnight
    // The clock had passed midnight and was put back across it: the date begins a second time.
    return plainDateTime(nextDay * dayMs).toZonedDateTime(this.name, { disambiguation: 'later' })
      .epochMilliseconds
  }

  /** The only instant that shows this wall time, when no clock change is near enough to make it doubtful. */
  #whereSettled(wall: number): number | undefined {
    let { from, to, offsetMs } = this.#current
    if (wall - offsetMs < from || wall - offsetMs >= to) {
      ;({ from, to, offsetMs } = this.#stretchAt(wall - offsetMs))
    }
    const instant = wall - offsetMs
    return instant >= from + settledMs && instant < to ? instant : undefined
  }

  #stretchAt(instant: number): Stretch {
    if (instant >= this.#current.from && instant < this.#current.to) return this.#current
    this.#current =
      this.#stretches.find(({ from, to }) => instant >= from && instant < to) ?? this.#findStretch(instant)
    return this.#current
  }

  #findStretch(instant: number): Stretch {
    const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(instant)).toZonedDateTimeISO(this.name)
    // "previous" looks strictly before: a change at this very instant counts as passed
    const previous = at.add({ milliseconds: 1 }).getTimeZoneTransition('previous')
    const stretch = {
      from: previous?.epochMilliseconds ?? -Infinity,
      to: at.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity,
      offsetMs: at.offsetNanoseconds / 1e6,
    }
    if (this.#stretches.length >= maxStretches) this.#stretches = []
    this.#stretches.push(stretch)
    return stretch
  }
}

const zones = new Map<string, Zone>()

/** The zone of an IANA name, UTC for null. Throws a RangeError for a name the database does not have. */
export const zoneNamed = (name: string | null): Zone => {
  const known = zones.get(name ?? 'UTC')
  if (known) return known
  const canonical = canonicalTimeZone(name ?? 'UTC')
  if (canonical === undefined) {
    throw new RangeError(`Time zone "${name}" is not in database version ${timeZoneDatabaseVersion}`)
  }
  const zone = zones.get(canonical) ?? new Zone(canonical)
  zones.set(canonical, zone)
  return zone
}

const plainDateTime = (wall: number): Temporal.PlainDateTime =>
  Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime()
