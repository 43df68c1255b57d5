import { sql } from 'kysely'
import type { PassedOverReason, RoutingStage } from '../../contracts/routing.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type ChosenRule, type RoutingRequest, stagesFor } from './choose.ts'
import { consider } from './order.ts'

/** Somebody who would be asked, or passed over, in the order of asking. */
export interface PlannedCandidate {
  stage: RoutingStage
  /** The name of the team or rule, or the account's domain. */
  label: string | null
  agent: { id: string; name: string }
  /** Null: they can be asked. The first such one would be asked now, the next ones if that one declines. */
  reason: PassedOverReason | null
  /** unavailable: until when, if it is known. */
  until: Date | null
  /** full: how many chats they have. */
  load: number | null
}

/**
 * What would happen to a request at `now`, without asking anybody: all candidates in order, each once at the stage where
 * they come first. Writes nothing and takes no lock, so it is what routing would do, as long as nobody else is routed
 * meanwhile.
 * @param rule what custom rules say of the request; counts only where `request.route` is by rules.
 * @param cap chats of one agent at most.
 */
export async function planRoute(
  db: Db | Tx,
  now: Date,
  request: RoutingRequest,
  { rule = null, cap }: { rule?: ChosenRule | null; cap: number },
): Promise<PlannedCandidate[]> {
  const { rows } = await sql<{ after: number }>`
    select last_offered_position as after from organisation`.execute(db)
  const stages = await stagesFor(db, now, request, { after: rows[0]?.after ?? 0, rule })
  const planned = new Map<string, PlannedCandidate>()
  for (const { stage, label, candidate, verdict } of consider(stages, now, cap))
    if (!planned.has(candidate.id))
      planned.set(candidate.id, {
        stage,
        label,
        agent: { id: candidate.id, name: candidate.name },
        reason: verdict.free ? null : verdict.reason,
        until: verdict.free ? null : (verdict.until ?? null),
        load: verdict.free ? null : (verdict.load ?? null),
      })
  return [...planned.values()]
}
