import { type RawBuilder, sql } from 'kysely'
import type { Profile } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import { accountDomains, freeMailDomain } from '../../contracts/free-mail.ts'
import type { RoutingStage } from '../../contracts/routing.ts'
import type { SiteRoute } from '../../contracts/sites.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { hasDevice, isConnected, isReachable } from '../../realtime/presence-sql.ts'
import { permits } from '../agents/permissions.ts'
import { schedulesOf } from '../availability/read-once.ts'
import { type OverrideColumns, overrideColumns, toOverride } from '../availability/service.ts'
import { busyAt } from './busy.ts'
import { loadOf, loads } from './load.ts'
import { type Candidate, inTurn, type StageOrder } from './order.ts'
import {
  firstAgent,
  type NoOwner,
  ownerOfAccount,
  ownersOfCompany,
  ownersOfPerson,
  passedOwners,
} from './owners.ts'

/** What routing decides by. */
export interface RoutingRequest {
  /** The conversation and its round, whose earlier offers count; null where there are none. */
  conversation: { id: string; round: number } | null
  wantedAgentId: string | null
  previousAgentId: string | null
  /** Who had this chat before it was routed again. */
  takenFromAgentId: string | null
  email: string | null
  company: string | null
  route: SiteRoute
}

/** The rule that decides where a request goes. */
export interface ChosenRule {
  id: string
  name: string
  target: { type: 'agents'; agentIds: string[] } | { type: 'team'; teamId: string }
}

/** Takes the place in the queue of choosers: one request at a time chooses, so order and caps hold under any race.
 *  Always after the conversation's own lock, never before it.
 *  @returns the position, in the round robin over all, of the agent it offered last. */
export async function lockRouting(tx: Tx): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    select last_offered_position as position from organisation for update`.execute(tx)
  return rows[0]?.position ?? 0
}

interface CandidateRow extends OverrideColumns {
  id: string
  name: string
  position: number
  profile: Profile
  active: boolean
  liveChatScheduleDigest: string
  reachable: boolean
  gone: boolean
  hasDevice: boolean
  asked: boolean
  load: number
  busyUntil: Date | null
  isTarget: boolean
  targetName: string | null
  targetPosition: number | null
}

/** Who looks after the visitor: agents by their ids, and owners who are nobody to ask. */
interface Owners {
  account: string | null
  accountDomain: string | null
  person: string | null
  company: string | null
  personNoOwners: NoOwner[] | null
  companyNoOwners: NoOwner[] | null
}

const noOwners: Owners = {
  account: null,
  accountDomain: null,
  person: null,
  company: null,
  personNoOwners: null,
  companyNoOwners: null,
}

/** By itself, because of many visitors nothing is known that somebody could look after, and in one statement with the
 *  candidates making the plan took longer than all the rest. */
async function readOwners(
  db: Db | Tx,
  { email, company }: RoutingRequest,
  domains: string[],
): Promise<Owners> {
  if (email === null && company === null) return noOwners
  const { rows } = await sql<Owners>`${plannedOnce}
    with account as materialized (${ownerOfAccount(domains, company)}),
         person as materialized (${ownersOfPerson(email)}),
         company as materialized (${ownersOfCompany(email, domains)})
    select (select agent_id from account) as account, (select domain from account) as account_domain,
           ${firstAgent('person')} as person, ${firstAgent('company')} as company,
           ${passedOwners('person')} as person_no_owners, ${passedOwners('company')} as company_no_owners`.execute(
    db,
  )
  return rows[0] ?? noOwners
}

/**
 * Everybody there is to ask, by stage and in order. It reads indexes that hold only open chats and pending
 * offers: past conversations cost nothing. Call under {@link lockRouting}, so that it reads what the last chooser
 * committed.
 * @param after the position of the agent whom the round robin over all offered last.
 * @param rule what custom rules say, where the site's route asks them.
 * @param limit of the round robin over all, only so many that come next (see look-ahead.ts), because reading all takes longer
 *   than everything else; null for all.
 */
export async function stagesFor(
  db: Db | Tx,
  now: Date,
  request: RoutingRequest,
  { after, rule, limit = null }: { after: number; rule: ChosenRule | null; limit?: number | null },
): Promise<StageOrder[]> {
  const target = targetOf(request.route, rule)
  const teamId = target?.teamId ?? null
  const { conversation } = request
  const owners = await readOwners(db, request, accountDomains(request.email))
  const byName = [
    request.wantedAgentId,
    request.previousAgentId,
    owners.account,
    owners.person,
    owners.company,
    ...(target?.agentIds ?? []),
  ].filter(Boolean)
  const isTarget: RawBuilder<boolean> = teamId
    ? sql`a.id in (select m.agent_id from team_members m where m.team_id = ${teamId})`
    : isOneOf(target?.agentIds ?? [])
  const asked = conversation
    ? sql<boolean>`a.id in (select o.agent_id from offers o where o.conversation_id = ${conversation.id}
                              and o.round = ${conversation.round})`
    : sql<boolean>`false`
  const { takenFromAgentId } = request
  const gone = takenFromAgentId
    ? sql<boolean>`(a.id = ${takenFromAgentId} and not ${isConnected('agent', sql`a.id`, now)})`
    : sql<boolean>`false`
  const { rows } = await sql<CandidateRow>`${plannedOnce}
    select a.id, a.name, a.position, a.profile, a.active, a.live_chat_schedule_digest, ${overrideColumns},
           ${isReachable('agent', sql`a.id`, now)} as reachable, ${gone} as gone,
           ${hasDevice(sql`a.id`)} as has_device, ${asked} as asked,
           ${limit === null ? sql`coalesce(loads.load, 0)` : loadOf(sql`a.id`)} as load, busy.until as busy_until,
           ${isTarget} as is_target,
           (select name from teams where id = ${teamId}) as target_name,
           (select last_offered_position from round_robins where of_id = ${target?.turnOf ?? null}) as target_position
    from agents a
    left join ${busyAt(now)} busy on busy.agent_id = a.id
    ${limit === null ? sql`left join ${loads} loads on loads.agent_id = a.id` : sql``}
    where ${isOneOf(byName)} or ${isTarget} or a.id in (
      select next.id from agents next where next.active
      order by next.position <= ${after}, next.position limit ${limit})
    order by a.position`.execute(db)
  return toStages(request, owners, rows, await schedulesOf(db, rows), target, after)
}

/** Not `= any`: how many that are is guessed from the parameter, so a plan made for this one looks cheaper than the one for all
 *  and PostgreSQL plans anew each time, which took as long as carrying it out. */
const isOneOf = (ids: (string | null)[]): RawBuilder<boolean> =>
  sql<boolean>`a.id in (select unnest(${ids}::uuid[]))`

interface Target {
  stage: RoutingStage
  label: string | null
  agentIds: string[]
  teamId: string | null
  turnOf: string | null
}

function targetOf(route: SiteRoute, rule: ChosenRule | null): Target | null {
  if (route.by === 'agent')
    return { stage: 'agent', label: null, agentIds: [route.agentId], teamId: null, turnOf: null }
  if (route.by === 'team')
    return { stage: 'team', label: null, agentIds: [], teamId: route.teamId, turnOf: route.teamId }
  if (route.by === 'round_robin' || !rule) return null
  const { target } = rule
  const named = { stage: 'rule', label: rule.name } as const
  // a team has one round robin, whichever way a request comes to it
  return target.type === 'team'
    ? { ...named, agentIds: [], teamId: target.teamId, turnOf: target.teamId }
    : { ...named, agentIds: target.agentIds, teamId: null, turnOf: rule.id }
}

function toStages(
  request: RoutingRequest,
  owners: Owners,
  rows: CandidateRow[],
  schedules: Map<string, Schedule>,
  target: Target | null,
  after: number,
): StageOrder[] {
  const all = rows.flatMap((row) => {
    const schedule = schedules.get(row.id)
    return schedule ? [{ row, candidate: toCandidate(row, schedule) }] : []
  })
  const pick = (is: (row: CandidateRow) => boolean) =>
    all.filter(({ row }) => is(row)).map(({ candidate }) => candidate)
  const named = (stage: RoutingStage, is: (row: CandidateRow) => boolean, label: string | null = null) => ({
    stage,
    label,
    candidates: pick(is),
  })
  const ownedBy = (
    stage: RoutingStage,
    is: (row: CandidateRow) => boolean,
    noOwners: NoOwner[] | null = null,
  ) => ({ ...named(stage, is), noOwners: noOwners ?? [] })
  const everybodys = freeMailDomain(request.email)
  const stages: StageOrder[] = [
    named('wanted', ({ id }) => id === request.wantedAgentId),
    named('previous_agent', ({ id }) => id === request.previousAgentId),
    {
      ...named('account', ({ id }) => id === owners.account, owners.accountDomain),
      noOwners: everybodys ? [{ name: everybodys, connector: null, why: 'free_mail' }] : [],
    },
    ownedBy('person_owner', ({ id }) => id === owners.person, owners.personNoOwners),
    ownedBy('company_owner', ({ id }) => id === owners.company, owners.companyNoOwners),
  ]
  if (target) {
    const { stage, label, turnOf } = target
    const last = rows[0]?.targetPosition ?? 0
    // whoever was deactivated is no member any more; named as the one agent, they are passed over
    const members = pick(({ isTarget, active }) => isTarget && (active || stage === 'agent'))
    stages.push({
      stage,
      label: label ?? rows[0]?.targetName ?? null,
      candidates: turnOf ? inTurn(members, last) : members,
      ...(turnOf ? { turnOf } : {}),
    })
  }
  const everybody = pick(({ active, profile }) => active && canChat(profile))
  stages.push({ stage: 'round_robin', label: null, candidates: inTurn(everybody, after) })
  return stages.filter(({ candidates, noOwners = [] }) => candidates.length + noOwners.length > 0)
}

const toCandidate = (row: CandidateRow, schedule: Schedule): Candidate => ({
  id: row.id,
  name: row.name,
  position: row.position,
  mayChat: row.active && canChat(row.profile),
  reachable: row.reachable,
  gone: row.gone,
  hasDevice: row.hasDevice,
  asked: row.asked,
  load: row.load,
  schedule,
  override: toOverride(row),
  busyUntil: row.busyUntil,
})

const canChat = (profile: Profile) => permits(profile, 'conversations.reply')
