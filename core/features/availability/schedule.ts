import type {
  Availability,
  AvailabilityReason,
  AvailabilityRequest,
  AvailabilityStatus,
  Schedule,
} from '#core/contracts/availability.ts'
import { InvalidInputError } from '#core/errors.ts'
import { timetableOf } from './occurrences.ts'

export type { Schedule }

/** What the switch was set to. With `until` it holds until then; without, it is a hand toggle whose end follows from
 *  the schedule and zone of whoever asks, so that it moves when they change. */
export interface Override {
  status: AvailabilityStatus
  setAt: Date
  until?: Date | null
  /** Left out when the agent did it. What Foyer did after missed offers holds whatever the schedule says, so that the
   *  agent reads about it. */
  cause?: 'missed_offers' | 'supervisor'
}

/** What an override waits for. */
export type OverrideEnd = 'block_start' | 'midnight' | 'chosen_end'

/** `until` is the instant at which the pair of `available` and `source` is next another one: a toggle that runs out
 *  into a schedule of the same opinion still changes the answer, because it stops being the agent's. Null means never
 *  (nothing within ten years and a week for every date off). */
export type Answer =
  | { available: boolean; source: 'schedule'; until: Date | null }
  | { available: boolean; source: 'override'; until: Date; ends: OverrideEnd; cause?: Override['cause'] }

/** Whether somebody is available at an instant, why, and until when. Pure: it may be asked about any instant, past or
 *  to come. An override is ignored before it was set, after its end, and when it says what the schedule already gave
 *  when it was set, unless Foyer set it after missed offers. */
export const availabilityAt = (schedule: Schedule, override: Override | null, at: Date): Answer => {
  const instant = at.getTime()
  const given = timetableOf(schedule).stretchAt(instant)
  const held = override && inForce(schedule, override)
  if (held && instant >= held.from && instant < held.until) {
    return {
      available: override.status === 'available',
      source: 'override',
      until: new Date(held.until),
      ends: held.ends,
      cause: override.cause,
    }
  }
  const changes = held && instant < held.from ? Math.min(given.until, held.from) : given.until
  return {
    available: given.available,
    source: 'schedule',
    until: changes === Infinity ? null : new Date(changes),
  }
}

/** When an override gives the schedule its say again, or null for one that never holds: it says what the schedule
 *  gave when it was set, or its end was not after that. */
export const overrideEnd = (schedule: Schedule, override: Override): Date | null => {
  const held = inForce(schedule, override)
  return held && new Date(held.until)
}

/** The end of an override that holds at an instant; null when none does. */
export const overrideHeldAt = (
  schedule: Schedule,
  override: Override,
  at: Date,
): { endsAt: Date; ends: OverrideEnd } | null => {
  const held = inForce(schedule, override)
  if (!held || at.getTime() < held.from || at.getTime() >= held.until) return null
  return { endsAt: new Date(held.until), ends: held.ends }
}

/** The override to store for what somebody asked of the switch at `now`; null follows the schedule. Asking for what
 *  the schedule already gives clears the override, unless an explicit end was asked for: "stay available until 20:00"
 *  said at noon must outlast a block that ends at 17:00. Throws an InvalidInputError for an end that has passed. */
export const normaliseOverride = (
  schedule: Schedule,
  { status, until }: AvailabilityRequest,
  now: Date,
): Override | null => {
  if (status === 'schedule') return null
  if (until && until <= now) {
    const message = 'The end has passed already; choose a later one.'
    throw new InvalidInputError(message, [{ field: 'until', message }])
  }
  const override = until ? { status, setAt: now, until } : { status, setAt: now }
  return inForce(schedule, override) && override
}

/** The answer as it goes over the wire, with the reason the browser puts into words. */
export const describeAvailability = (
  schedule: Schedule,
  override: Override | null,
  at: Date,
): Availability => {
  const answer = availabilityAt(schedule, override, at)
  const { available, source } = answer
  return {
    available,
    source,
    until: answer.until?.toISOString() ?? null,
    reason: reasonFor(schedule, answer),
  }
}

/** Why an answer is what it is, as a code and what a sentence about it needs. */
export const reasonFor = (schedule: Schedule, answer: Answer): AvailabilityReason => {
  const timeZone = schedule.timeZone ?? 'UTC'
  if (!answer.until) return { code: 'by_schedule', timeZone }
  const until = answer.until.toISOString()
  if (answer.source === 'schedule') return { code: 'by_schedule_until', until, timeZone }
  return { code: codes[answer.cause ?? 'agent'], until, timeZone, ends: answer.ends }
}

const codes = {
  agent: 'set_by_you_until',
  supervisor: 'set_by_supervisor_until',
  missed_offers: 'missed_offers_until',
} as const

interface Held {
  from: number
  until: number
  ends: OverrideEnd
}

const inForce = (schedule: Schedule, { status, setAt, until, cause }: Override): Held | null => {
  const from = setAt.getTime()
  if (until) return until > setAt ? { from, until: until.getTime(), ends: 'chosen_end' } : null
  const toggle = timetableOf(schedule).toggleAt(from)
  const changesNothing = toggle.scheduled === (status === 'available')
  return changesNothing && cause !== 'missed_offers' ? null : toggle
}
