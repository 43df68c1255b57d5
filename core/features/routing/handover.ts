import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { Conversation } from '../../contracts/conversations.ts'
import { expireOffer } from '../../contracts/jobs.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { forVisitor } from '../conversations/for-visitor.ts'
import * as conversations from '../conversations/repository.ts'
import { enqueue } from '../outbox/outbox.ts'
import { pushOffer } from '../push/pushes.ts'
import { lockRouting, stagesFor } from './choose.ts'
import { withdrawPending } from './offers.ts'
import { type Considered, consider } from './order.ts'
import { describeOffers } from './repository.ts'
import { emptyTeamStep, handoverSteps, keepSteps } from './trace.ts'

/**
 * An active chat goes from its agent to another one, or to whoever of a team can. It stays with its agent until an offer
 * of kind `handover` is accepted, and so it does when that is declined, runs out or is taken back; a team's next member
 * is asked first. Each handover is a round of its own. Everything happens under the conversation's lock, so a chat has
 * one agent at every instant, whatever races.
 */
interface Handover {
  fromAgentId: string
  to: { agentId: string } | { teamId: string }
  note: string | null
}

/** @throws {NotFoundError} the chat is not this agent's, or not active
 *  @throws {ConflictError} `handover_pending`, or `agent_unavailable`, `agent_unreachable`, `agent_full`,
 *  `agent_inactive`, `nobody_free` in a team: nothing has changed then but the trace, which says so */
export async function handOver(
  services: Services,
  agentId: string,
  conversationId: string,
  { to, note }: Omit<Handover, 'fromAgentId'>,
): Promise<Conversation> {
  const answer = await change(services, async (change) => {
    const { tx, now } = change
    if ('agentId' in to && to.agentId === agentId)
      throw new InvalidInputError('This chat is yours already.', [
        { field: 'agentId', message: 'Choose somebody else.' },
      ])
    const conversation = await lockOwn(change, agentId, conversationId)
    if (await isPending(change, conversationId))
      throw new ConflictError('handover_pending', 'This chat is being handed over already.')
    conversation.round += 1
    await sql`update conversations set round = ${conversation.round} where id = ${conversationId}`.execute(tx)
    const asked = await ask(services, change, conversation, { fromAgentId: agentId, to, note })
    // thrown only when it is committed: why nobody could be asked stays in the trace
    if (asked !== 'asked') return refusal(to, asked)
    const summary = await conversations.summary(tx, now, conversationId)
    change.tellAgent(agentId, { type: 'conversation', conversation: summary })
    return summary
  })
  if (answer instanceof ConflictError) throw answer
  return answer
}

/** Its agent keeps the chat after all. With nothing on offer any more it changes nothing.
 *  @throws {NotFoundError} */
export function takeBack(services: Services, agentId: string, conversationId: string): Promise<Conversation> {
  return change(services, async (change) => {
    const conversation = await lockOwn(change, agentId, conversationId)
    await withdrawPending(change, conversation.id)
    const summary = await conversations.summary(change.tx, change.now, conversationId)
    change.tellAgent(agentId, { type: 'conversation', conversation: summary })
    return summary
  })
}

/** The chat, whose row the change has locked, becomes the agent's who has just accepted it. */
export async function takeOver(
  change: Change,
  conversation: conversations.ConversationRow,
  agent: { id: string; name: string },
  idleAt: Date,
): Promise<Conversation> {
  const { tx, now } = change
  const before = conversation.agentId
  const { rows } = await sql<{ name: string }>`select name from agents where id = ${before}`.execute(tx)
  await sql`
    update conversations set agent_id = ${agent.id}, accepted_at = ${now}, idle_at = ${idleAt}, idle_warned = false
    where id = ${conversation.id}`.execute(tx)
  conversation.agentId = agent.id
  const entry = await conversations.append(tx, conversation, now, {
    kind: 'handed_over',
    sender: { type: 'agent', id: agent.id },
    data: { name: agent.name, from: rows[0]?.name ?? null },
  })
  const frame = { type: 'entry', conversationId: conversation.id, entry } as const
  const summary = await conversations.summary(tx, now, conversation.id)
  if (before)
    change.tellAgent(before, { type: 'conversation_left', conversationId: conversation.id, to: agent.name })
  change.tellAgent(agent.id, { type: 'conversation', conversation: summary })
  change.tellAgent(agent.id, frame)
  change.tellVisitor(conversation.visitorId, frame)
  change.tellVisitor(conversation.visitorId, {
    type: 'conversation',
    conversation: await forVisitor(tx, conversation.id),
  })
  return summary
}

/** An offer of this round has just ended without being accepted: asks the next of the team, if it was put to one; else
 *  the chat stays where it is, and its agent is told. */
export async function handOn(
  services: Services,
  change: Change,
  conversation: conversations.ConversationRow,
): Promise<void> {
  const { tx, now } = change
  if (conversation.status !== 'active' || !conversation.agentId) return
  const { rows } = await sql<{ fromAgentId: string; teamId: string | null; note: string | null }>`
    select from_agent_id, team_id, note from offers
    where conversation_id = ${conversation.id} and kind = 'handover' and round = ${conversation.round}
    order by offered_at desc, id desc limit 1`.execute(tx)
  const last = rows[0]
  if (last?.teamId)
    await ask(services, change, conversation, {
      fromAgentId: last.fromAgentId,
      to: { teamId: last.teamId },
      note: last.note,
    })
  const summary = await conversations.summary(tx, now, conversation.id)
  change.tellAgent(conversation.agentId, { type: 'conversation', conversation: summary })
}

async function lockOwn(
  { tx }: Change,
  agentId: string,
  conversationId: string,
): Promise<conversations.ConversationRow> {
  const conversation = await conversations.lock(tx, conversationId)
  if (conversation.agentId !== agentId || conversation.status !== 'active')
    throw new NotFoundError('active chat of yours')
  return conversation
}

async function isPending({ tx }: Change, conversationId: string): Promise<boolean> {
  const { rows } = await sql`
    select from offers where conversation_id = ${conversationId} and state = 'pending'`.execute(tx)
  return rows.length > 0
}

type Refused = Exclude<Considered['verdict'], { free: true }>

/** @returns why not, where the one who was named cannot be asked; null for a team without anybody. */
async function ask(
  services: Services,
  change: Change,
  { id: conversationId, round }: conversations.ConversationRow,
  { fromAgentId, to, note }: Handover,
): Promise<'asked' | Refused | null> {
  const { tx, now } = change
  const after = await lockRouting(tx)
  const route =
    'teamId' in to ? ({ by: 'team', ...to } as const) : ({ by: 'agent', agentId: to.agentId } as const)
  const request = {
    conversation: { id: conversationId, round },
    wantedAgentId: null,
    previousAgentId: null,
    takenFromAgentId: null,
    email: null,
    company: null,
    route,
  }
  // nobody beside those it may go to
  const stages = await stagesFor(tx, now, request, { after, rule: null, limit: 0 })
  const named = stages.filter(({ stage }) => stage === route.by)
  const considered = [...consider(named, now, services.settings.agentCap)].filter(
    ({ candidate }) => candidate.id !== fromAgentId,
  )
  const first = considered.findIndex(({ verdict }) => verdict.free)
  const chosen = considered[first]
  if (!chosen) {
    const label = considered.length === 0 && 'teamId' in to ? await teamName(tx, to.teamId) : null
    const steps = label === null ? handoverSteps(considered, null) : [emptyTeamStep(label)]
    await keepSteps({ id: conversationId, round }, now, steps, fromAgentId).execute(tx)
    const verdict = considered[0]?.verdict
    return 'agentId' in to && verdict && !verdict.free ? verdict : null
  }
  const id = randomUUIDv7()
  const expiresAt = new Date(now.getTime() + services.settings.offerTimeoutMs)
  const teamId = 'teamId' in to ? to.teamId : null
  await sql`
    insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at, round, kind, from_agent_id, team_id, note)
    values (${id}, ${conversationId}, ${chosen.candidate.id}, 'pending', ${now}, ${expiresAt}, ${round}, 'handover',
            ${fromAgentId}, ${teamId}, ${note})`.execute(tx)
  const steps = handoverSteps(considered.slice(0, first + 1), id)
  await keepSteps({ id: conversationId, round }, now, steps, fromAgentId).execute(tx)
  if (teamId)
    await sql`
      insert into round_robins (of_id, last_offered_position) values (${teamId}, ${chosen.candidate.position})
      on conflict (of_id) do update set last_offered_position = excluded.last_offered_position`.execute(tx)
  await enqueue(tx, services.clock, { task: expireOffer, payload: { offerId: id }, runAt: expiresAt })
  change.after(services.wakeJobs)
  const [offer] = await describeOffers(tx, sql`o.id = ${id}`)
  if (offer) change.tellAgent(chosen.candidate.id, { type: 'offer', offer })
  await pushOffer(services, change, { id, agentId: chosen.candidate.id })
  return 'asked'
}

async function teamName(tx: Change['tx'], id: string): Promise<string | null> {
  const { rows } = await sql<{ name: string }>`select name from teams where id = ${id}`.execute(tx)
  return rows[0]?.name ?? null
}

function refusal(to: Handover['to'], why: Refused | null): ConflictError {
  if ('teamId' in to)
    return new ConflictError('nobody_free', 'Nobody of this team can take the chat right now.')
  switch (why?.reason) {
    case 'unavailable':
      return new ConflictError('agent_unavailable', 'This colleague is unavailable right now.')
    case 'unreachable':
      return new ConflictError('agent_unreachable', 'This colleague has no inbox open right now.')
    case 'full':
      return new ConflictError('agent_full', 'This colleague has as many chats as they can have.')
    default:
      return new ConflictError('agent_inactive', 'This colleague takes no chats.')
  }
}
