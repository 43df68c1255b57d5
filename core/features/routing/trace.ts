import { type RawBuilder, sql } from 'kysely'
import type { Push } from '../../contracts/push.ts'
import type {
  NoOwnerReason,
  PassedOverReason,
  Routing,
  RoutingStep,
  TraceStage,
} from '../../contracts/routing.ts'
import type { Db } from '../../db/pool.ts'
import { pushesOfOffers } from '../push/pushes.ts'
import type { Considered, StageOrder } from './order.ts'
import type { NoOwner } from './owners.ts'

/** A row of routing_steps, but for its place. */
export interface StepToKeep {
  stage: TraceStage
  label: string | null
  agentId: string | null
  outcome: 'passed_over' | 'asked'
  reason: PassedOverReason | NoOwnerReason | null
  detail: Record<string, unknown> | null
  offerId: string | null
}

/** Passed over by name at one stage; the others of it are counted. */
const namedAtMost = 10

/**
 * What is kept of one choice, so that it stays short whatever the number of agents: of each stage those who were passed over,
 * one by one up to ten, owners who are nobody to ask among them; all others of it, counted by reason; and whoever is asked.
 * @param considered in the order of `stages`, up to whoever is asked.
 */
export function stepsOf(
  stages: StageOrder[],
  considered: Considered[],
  offerId: string | null,
): StepToKeep[] {
  const asked = considered.find(({ verdict }) => verdict.free)
  const last = asked ? stages.findIndex(({ stage }) => stage === asked.stage) : stages.length - 1
  return stages.slice(0, last + 1).flatMap(({ stage, noOwners = [] }) => [
    ...noOwners.map((owner) => noOwnerStep(stage, owner)),
    ...stepsOfStages(
      considered.filter((one) => one.stage === stage),
      offerId,
    ),
  ])
}

const noOwnerStep = (stage: TraceStage, { why, ...owner }: NoOwner): StepToKeep => ({
  stage,
  label: null,
  agentId: null,
  outcome: 'passed_over',
  reason: why,
  detail: { owner },
  offerId: null,
})

/** A handover's choice among those it may go to; the stage they come from says nothing more. */
export const handoverSteps = (considered: Considered[], offerId: string | null): StepToKeep[] =>
  stepsOfStages(considered, offerId).map((step) => ({ ...step, stage: 'handover' }))

/** A team without anybody beside the agent who hands the chat over. */
export const emptyTeamStep = (label: string): StepToKeep => ({
  stage: 'handover',
  label,
  agentId: null,
  outcome: 'passed_over',
  reason: null,
  detail: {},
  offerId: null,
})

function stepsOfStages(considered: Considered[], offerId: string | null): StepToKeep[] {
  const steps: StepToKeep[] = []
  const counts = new Map<
    TraceStage,
    { step: StepToKeep; others: Partial<Record<PassedOverReason, number>> }
  >()
  const named = new Map<TraceStage, number>()
  for (const { stage, label, candidate, verdict } of considered) {
    const at = { stage, label, offerId: null }
    if (verdict.free) {
      steps.push({ ...at, agentId: candidate.id, outcome: 'asked', reason: null, detail: null, offerId })
      continue
    }
    const { reason } = verdict
    const already = named.get(stage) ?? 0
    if (already < namedAtMost) {
      named.set(stage, already + 1)
      const { until, load, cap } = verdict
      const detail = until ? { until: until.toISOString() } : load === undefined ? null : { load, cap }
      steps.push({ ...at, agentId: candidate.id, outcome: 'passed_over', reason, detail })
      continue
    }
    // the list itself says who was asked
    if (reason === 'asked_already') continue
    let counted = counts.get(stage)
    if (!counted) {
      const others = {}
      const step = { ...at, agentId: null, outcome: 'passed_over', reason: null, detail: others } as const
      counted = { step: { ...step }, others }
      counts.set(stage, counted)
      steps.push(counted.step)
    }
    counted.others[reason] = (counted.others[reason] ?? 0) + 1
  }
  return steps
}

/** Appends the steps of one choice, as a statement for a `with`. What stands there already is not repeated: a second
 *  choice in the same round passes mostly the same people over.
 *  @param handedOverBy whose handover it is, also where nobody could be asked */
export const keepSteps = (
  conversation: { id: string; round: number },
  now: Date,
  steps: StepToKeep[],
  handedOverBy: string | null = null,
): RawBuilder<unknown> => sql`
  insert into routing_steps (conversation_id, round, n, at, stage, label, agent_id, outcome, reason, detail, offer_id,
                             handed_over_by)
  select ${conversation.id}::uuid, ${conversation.round}::int,
         (select coalesce(max(k.n), 0) from routing_steps k
          where k.conversation_id = ${conversation.id} and k.round = ${conversation.round})
           + row_number() over (order by s.place),
         ${now}::timestamptz, s.stage, s.label, s.agent_id, s.outcome, s.reason, s.detail, s.offer_id,
         ${handedOverBy}::uuid
  from (
    select (value ->> 'stage') as stage, value ->> 'label' as label, (value ->> 'agentId')::uuid as agent_id,
           value ->> 'outcome' as outcome, value ->> 'reason' as reason, nullif(value -> 'detail', 'null') as detail,
           (value ->> 'offerId')::uuid as offer_id, place
    from jsonb_array_elements(${JSON.stringify(steps)}::jsonb) with ordinality as t (value, place)
  ) s
  where not exists (
    select from routing_steps k
    where k.conversation_id = ${conversation.id} and k.round = ${conversation.round} and k.stage = s.stage
      and k.agent_id is not distinct from s.agent_id
      and (s.agent_id is not null or k.detail = s.detail)
      and (k.reason is not distinct from s.reason or (s.reason = 'asked_already' and k.outcome = 'asked')))`

interface StepRow {
  n: number
  round: number
  at: Date
  stage: TraceStage
  label: string | null
  handedOverBy: string | null
  agentId: string | null
  agentName: string | null
  outcome: RoutingStep['outcome']
  reason: RoutingStep['reason']
  detail: { until?: string; load?: number; cap?: number; owner?: RoutingStep['owner'] } | null
  offerId: string | null
  offerState: NonNullable<RoutingStep['offer']>['state'] | null
  offeredAt: Date | null
  closedAt: Date | null
  expiresAt: Date | null
}

const stepsAtMost = 2_000

/** The reader's right to see the conversation has been checked. */
export async function readRouting(db: Db, conversationId: string): Promise<Routing> {
  const { rows } = await sql<StepRow>`
    select s.n, s.round, s.at, s.stage, s.label, s.agent_id, a.name as agent_name, s.outcome, s.reason, s.detail, s.offer_id,
           o.state as offer_state, o.offered_at, o.closed_at, o.expires_at, coalesce(b.name, h.name) as handed_over_by
    from routing_steps s
    left join agents a on a.id = s.agent_id
    left join offers o on o.id = s.offer_id
    left join agents b on b.id = s.handed_over_by
    -- rounds from before it stood in the step
    left join lateral (
      select by_agent.name from offers given join agents by_agent on by_agent.id = given.from_agent_id
      where given.conversation_id = s.conversation_id and given.round = s.round limit 1) h on true
    where s.conversation_id = ${conversationId} order by s.round, s.n limit ${stepsAtMost}`.execute(db)
  const pushes = await pushesOfOffers(
    db,
    rows.flatMap(({ offerId }) => offerId ?? []),
  )
  return { steps: rows.map((row) => toStep(row, pushes.get(row.offerId ?? '') ?? [])) }
}

function toStep(row: StepRow, pushes: Push[]): RoutingStep {
  const { detail } = row
  const isAlone = row.agentId !== null
  const owner = detail?.owner ?? null
  return {
    n: row.n,
    round: row.round,
    at: row.at.toISOString(),
    stage: row.stage,
    label: row.label,
    agent: row.agentId && row.agentName !== null ? { id: row.agentId, name: row.agentName } : null,
    outcome: row.outcome,
    reason: row.reason,
    until: isAlone ? (detail?.until ?? null) : null,
    load: isAlone ? (detail?.load ?? null) : null,
    cap: isAlone ? (detail?.cap ?? null) : null,
    owner,
    handedOverBy: row.handedOverBy,
    others: isAlone || owner ? null : (detail as RoutingStep['others']),
    offer:
      row.offerId && row.offerState && row.offeredAt && row.expiresAt
        ? {
            id: row.offerId,
            state: row.offerState,
            askedAt: row.offeredAt.toISOString(),
            closedAt: row.closedAt?.toISOString() ?? null,
            expiresAt: row.expiresAt.toISOString(),
            pushes,
          }
        : null,
  }
}
