import type { AvailabilityPreviewResponse } from '../../core/contracts/availability.ts'
import type { LocalDay } from '../../core/contracts/schedules.ts'

/** Turns what the server says about single instants into strips of days. All clock arithmetic rests on the days that
 *  the server sent; the browser's own zones are not asked. Instants are ms since 1970. */

export interface Stretch {
  from: number
  until: number
  available: boolean
  source: 'schedule' | 'override'
}

/** One drawn piece of a day, in minutes of that day's wall clock. */
export interface Piece {
  from: number
  to: number
  source: 'schedule' | 'override'
  available: boolean
}

export interface Strip {
  day: LocalDay
  isOff: boolean
  /** Stretches of availability, and of being set unavailable by hand. */
  pieces: Piece[]
  /** Real time, which a change of the clock makes differ from what the pieces look like. */
  availableMs: number
}

type Ask = (instants: number[]) => Promise<AvailabilityPreviewResponse['results']>

const hourMs = 3_600_000
const mostRounds = 12

/** From one instant to another without a gap: asks each hour, then at each change the answers name, until every change
 *  is known. */
export async function stretchesBetween(from: number, to: number, ask: Ask): Promise<Stretch[]> {
  const answers = new Map<number, Stretch>()
  let wanted = Array.from({ length: Math.ceil((to - from) / hourMs) }, (_, hour) => from + hour * hourMs)
  for (let round = 0; wanted.length > 0 && round < mostRounds; round++) {
    for (const { at, until, available, source } of await ask(wanted))
      answers.set(Date.parse(at), {
        from: Date.parse(at),
        until: until === null ? to : Math.min(to, Date.parse(until)),
        available,
        source,
      })
    const changes = [...answers.values()].map(({ until }) => until)
    wanted = [...new Set(changes)].filter((at) => at < to && !answers.has(at))
  }
  const stretches: Stretch[] = []
  for (const answer of [...answers.values()].sort((a, b) => a.from - b.from)) {
    const last = stretches.at(-1)
    if (last?.available === answer.available && last.source === answer.source)
      last.until = Math.max(last.until, answer.until)
    else stretches.push({ ...answer })
  }
  for (const [place, stretch] of stretches.entries())
    stretch.until = Math.min(stretch.until, stretches[place + 1]?.from ?? to)
  return stretches
}

export const stripsOf = (
  days: readonly LocalDay[],
  stretches: readonly Stretch[],
  datesOff: readonly string[],
): Strip[] =>
  days.map((day) => {
    const start = Date.parse(day.startsAt)
    const end = Date.parse(day.endsAt)
    const here = stretches
      .filter(({ from, until }) => from < end && until > start)
      .map((one) => ({ ...one, from: Math.max(one.from, start), until: Math.min(one.until, end) }))
    return {
      day,
      isOff: datesOff.includes(day.date),
      pieces: here
        .filter(({ available, source }) => available || source === 'override')
        .flatMap(({ from, until, source, available }) =>
          clockStretches(day)
            .map((clock) => ({ from: Math.max(from, clock.from), to: Math.min(until, clock.to), clock }))
            .filter((one) => one.from < one.to)
            .map((one) => ({
              from: wallOf(one.from, one.clock),
              to: wallOf(one.to, one.clock),
              source,
              available,
            })),
        )
        .reduce<Piece[]>(joined, []),
      availableMs: here
        .filter(({ available }) => available)
        .reduce((sum, { from, until }) => sum + until - from, 0),
    }
  })

/** Pieces that touch are one. */
function joined(pieces: Piece[], piece: Piece): Piece[] {
  const last = pieces.at(-1)
  if (last && last.to === piece.from && last.source === piece.source && last.available === piece.available)
    last.to = piece.to
  else pieces.push({ ...piece })
  return pieces
}

/** What a clock shows at an instant of this day, in minutes since 00:00. */
export function minuteAt(day: LocalDay, at: number): number {
  const clock = clockStretches(day).findLast(({ from }) => from <= at)
  return clock ? wallOf(at, clock) : 0
}

/** When a clock shows this minute of this day: later by the gap where the clock skips it, the first time where it shows
 *  it twice, as everywhere in Foyer. 24:00 is the first instant of the next date. */
export function instantOf(day: LocalDay, minute: number): number {
  if (minute >= 1440) return Date.parse(day.endsAt)
  const clocks = clockStretches(day)
  let latest = clocks[0] as ClockStretch
  for (const clock of clocks) {
    const first = wallOf(clock.from, clock)
    const last = wallOf(clock.to, clock)
    if (minute < first) return clock.from + (latest === clock ? minute * 60_000 : gapPassed(latest, minute))
    if (minute < last) return clock.from + (minute - first) * 60_000
    latest = clock
  }
  return latest.to + gapPassed(latest, minute)
}

/** How far into the stretch after a gap a skipped minute lands. */
const gapPassed = (before: ClockStretch, minute: number) => (minute - wallOf(before.to, before)) * 60_000

interface ClockStretch {
  from: number
  to: number
  offsetMinutes: number
  dayStart: number
}

/** The day cut where the clock is changed. */
function clockStretches(day: LocalDay): ClockStretch[] {
  const starts = [{ at: day.startsAt, offsetMinutes: day.offsetMinutes }, ...day.clockChanges]
  const dayStart = Date.parse(`${day.date}T00:00:00Z`)
  return starts.map(({ at, offsetMinutes }, place) => ({
    from: Date.parse(at),
    to: Date.parse(starts[place + 1]?.at ?? day.endsAt),
    offsetMinutes,
    dayStart,
  }))
}

const wallOf = (at: number, { offsetMinutes, dayStart }: ClockStretch): number =>
  (at - dayStart) / 60_000 + offsetMinutes
