import { sql } from 'kysely'
import type { NoOwnerReason, PassedOverReason, RoutingStage } from '../../contracts/routing.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type ChosenRule, type RoutingRequest, stagesFor } from './choose.ts'
import { consider } from './order.ts'
import type { NoOwner } from './owners.ts'

/** Somebody who would be asked, or passed over, in the order of asking. */
export interface PlannedCandidate {
  stage: RoutingStage
  /** The name of the team or rule, or the account's domain. */
  label: string | null
  /** Null: an owner who is nobody to ask. */
  agent: { id: string; name: string } | null
  owner: Pick<NoOwner, 'name' | 'connector'> | null
  /** Null: they can be asked. The first such one would be asked now, the next ones if that one declines. */
  reason: PassedOverReason | NoOwnerReason | null
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
  const considered = [...consider(stages, now, cap)]
  const seen = new Set<string>()
  return stages.flatMap(({ stage, label, noOwners = [] }) => [
    ...noOwners.map(({ why, ...owner }) => ({ ...nobodyAt(stage, label), owner, reason: why })),
    ...considered.flatMap(({ stage: at, label, candidate: { id, name }, verdict }) => {
      if (at !== stage || seen.has(id)) return []
      seen.add(id)
      const agent = { ...nobodyAt(stage, label), agent: { id, name } }
      if (verdict.free) return [agent]
      const { reason, until = null, load = null } = verdict
      return [{ ...agent, reason, until, load }]
    }),
  ])
}

const nobodyAt = (stage: RoutingStage, label: string | null): PlannedCandidate => ({
  stage,
  label,
  agent: null,
  owner: null,
  reason: null,
  until: null,
  load: null,
})
