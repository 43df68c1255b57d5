import type { Schedule } from '../../contracts/availability.ts'
import type { PassedOverReason, RoutingStage } from '../../contracts/routing.ts'
import { availabilityAt, type Override } from '../availability/schedule.ts'
import type { NoOwner } from './owners.ts'

/** An agent as routing sees them at one instant. */
export interface Candidate {
  id: string
  name: string
  /** The place in every round robin. */
  position: number
  /** Not deactivated, and with a profile that takes chats. */
  mayChat: boolean
  reachable: boolean
  /** Has a device that is told of offers. */
  hasDevice?: boolean
  /** Had this very chat, until it was taken from them, and has no inbox connected. A device that may ring does not count:
   *  the visitor has waited for them once. */
  gone?: boolean
  /** In this round of this conversation. */
  asked: boolean
  /** Chats, active and offered together. */
  load: number
  schedule: Schedule
  override: Override | null
  /** In a meeting, or busy as the calendar says, and wanting no chats meanwhile. */
  busyUntil?: Date | null
}

/** Who is asked at one stage, in order; `label` is what the stage goes by: a domain, a team, a rule. */
export interface StageOrder {
  stage: RoutingStage
  label: string | null
  candidates: Candidate[]
  /** Owners before them who are nobody to ask. */
  noOwners?: NoOwner[]
  /** Whose round robin moves when somebody of this stage is asked: a team's or a rule's id. */
  turnOf?: string
}

/** `until` when they can be met again, where that is known; `load` and `cap` in chats. */
export type Verdict =
  | { free: true }
  | { free: false; reason: PassedOverReason; until?: Date | null; load?: number; cap?: number }

/** One candidate at one stage, and whether they can be asked. */
export interface Considered {
  stage: RoutingStage
  label: string | null
  turnOf: string | null
  candidate: Candidate
  verdict: Verdict
}

/**
 * Goes through the stages in order. A stage only says who comes first: those it has seen are not looked at again by a
 * team, a rule or the round robin that follow, and whoever a stage leaves out is reached by the round robin over all.
 * Whoever asks takes the first who is free.
 */
export function* consider(stages: StageOrder[], now: Date, cap: number): Generator<Considered> {
  const seen = new Set<string>()
  for (const { stage, label, candidates, turnOf = null } of stages)
    for (const candidate of candidates) {
      if (seen.has(candidate.id) && goesThroughMany(stage)) continue
      seen.add(candidate.id)
      yield { stage, label, turnOf, candidate, verdict: verdictOf(candidate, now, cap) }
    }
}

const goesThroughMany = (stage: RoutingStage) =>
  stage === 'team' || stage === 'rule' || stage === 'round_robin'

/** The sequential round robin: those after the one asked last, in the order of position, then around the end. */
export function inTurn(candidates: Candidate[], lastPosition: number): Candidate[] {
  const sorted = candidates.toSorted((a, b) => a.position - b.position)
  const next = sorted.findIndex(({ position }) => position > lastPosition)
  return next <= 0 ? sorted : [...sorted.slice(next), ...sorted.slice(0, next)]
}

function verdictOf(candidate: Candidate, now: Date, cap: number): Verdict {
  if (!candidate.mayChat) return { free: false, reason: 'inactive' }
  if (candidate.asked) return { free: false, reason: 'asked_already' }
  // `now` was read before the wait for the lock, perhaps by another process: a switch set since then, or by a clock a
  // little ahead, already counts
  const { override } = candidate
  const at = override && override.setAt > now ? override.setAt : now
  const { available, until } = availabilityAt(candidate.schedule, override, at)
  if (!available) return { free: false, reason: 'unavailable', until }
  if (candidate.busyUntil && candidate.busyUntil > now)
    return { free: false, reason: 'unavailable', until: candidate.busyUntil }
  if (candidate.gone) return { free: false, reason: 'gone' }
  if (!candidate.reachable) return { free: false, reason: 'unreachable' }
  if (candidate.load >= cap) return { free: false, reason: 'full', load: candidate.load, cap }
  return { free: true }
}
