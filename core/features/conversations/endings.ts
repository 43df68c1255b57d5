import { sql } from 'kysely'
import type { Conversation, EndReason, Entry, Outcome } from '../../contracts/conversations.ts'
import { endIdle } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { isReachable } from '../../realtime/presence-sql.ts'
import { type Change, change, eachByItself, type Services } from '../../services.ts'
import { noteMissed } from '../mail/batches.ts'
import { enqueueOnce } from '../outbox/outbox.ts'
import { checkOffered } from '../outcomes/repository.ts'
import { withdrawPending } from '../routing/offers.ts'
import { orderWrites } from '../write-back/orders.ts'
import { forVisitor } from './for-visitor.ts'
import * as conversations from './repository.ts'

type Ender =
  | { type: 'agent'; id: string; name: string }
  | { type: 'visitor'; id: string }
  | { type: 'system' }

/** Ends an active chat whose row the change has locked. */
async function end(
  change: Change,
  conversation: conversations.ConversationRow,
  reason: EndReason,
  by: Ender,
  outcome: Outcome | null,
): Promise<Conversation> {
  const { tx, now } = change
  // it may be on its way to somebody else
  await withdrawPending(change, conversation.id)
  await sql`
    update conversations set status = 'ended', ended_at = ${now}, end_reason = ${reason}, outcome = ${outcome},
           idle_at = null, waiting_since = null
    where id = ${conversation.id}`.execute(tx)
  conversation.status = 'ended'
  return announceEnd(change, conversation, reason, by)
}

/** Gives up a waiting request, whose row the change has locked: it is kept as missed. */
export async function miss(
  services: Services,
  change: Change,
  conversation: conversations.ConversationRow,
  reason: EndReason,
): Promise<void> {
  const { tx, now } = change
  await withdrawPending(change, conversation.id)
  await sql`
    update conversations set status = 'missed', ended_at = ${now}, end_reason = ${reason} where id = ${conversation.id}`.execute(
    tx,
  )
  conversation.status = 'missed'
  await announceEnd(change, conversation, reason, { type: 'system' })
  await noteMissed(services, change, conversation.id)
  change.after(() => tellCounts(services))
  services.log.info({ conversation: conversation.id, reason }, 'A request was missed')
}

/** Answers a waiting request of a blocked visitor, whose row the change has locked, as if nobody were there. No agent
 *  sees that somebody asked. */
export async function missUnseen(change: Change, conversation: conversations.ConversationRow): Promise<void> {
  const { tx, now } = change
  await withdrawPending(change, conversation.id)
  await sql`
    update conversations set status = 'missed', ended_at = ${now}, end_reason = 'nobody_available', blocked = true
    where id = ${conversation.id}`.execute(tx)
  conversation.status = 'missed'
  conversation.blocked = true
  await announceEnd(change, conversation, 'nobody_available', { type: 'system' })
}

/** Whoever is blocked is let go: by the agent who has them, and from waiting. */
export async function endForBlock(
  change: Change,
  conversation: conversations.ConversationRow,
  agent: { id: string; name: string },
): Promise<void> {
  if (conversation.status === 'waiting') await missUnseen(change, conversation)
  else if (conversation.status === 'active' && conversation.agentId === agent.id)
    await end(change, conversation, 'agent', { type: 'agent', ...agent }, null)
}

/** A chat that has ended is written into the CRMs; one that was ended by a block is not. */
const logInCrm = (services: Services, change: Change, { id, visitorId }: conversations.ConversationRow) =>
  orderWrites(services, change, visitorId, { kind: 'conversation', conversationId: id })

/** An ended or missed conversation is visible to everybody, so everybody's list hears of it. */
async function announceEnd(
  change: Change,
  conversation: conversations.ConversationRow,
  reason: EndReason,
  by: Ender,
): Promise<Conversation> {
  const { tx, now } = change
  const entry: Entry = await conversations.append(tx, conversation, now, {
    kind: 'ended',
    sender: by.type === 'system' ? { type: 'system', id: null } : { type: by.type, id: by.id },
    data: { reason, by: by.type === 'agent' ? by.name : null },
  })
  const summary = await conversations.summary(tx, now, conversation.id)
  const frame = { type: 'entry', conversationId: conversation.id, entry } as const
  if (conversation.agentId) change.tellAgent(conversation.agentId, frame)
  change.tellVisitor(conversation.visitorId, frame)
  change.tellVisitor(conversation.visitorId, {
    type: 'conversation',
    conversation: await forVisitor(tx, conversation.id),
  })
  if (!conversation.blocked) change.tellAgents({ type: 'conversation', conversation: summary })
  return summary
}

/** How many missed requests nobody has claimed or answered: what the badge counts. Counted to 100 only. */
export async function countMissed(db: Db | Tx): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from (
      select from conversations where status = 'missed' and claimed_by is null and replied_at is null
        and not blocked limit 100) m`.execute(db)
  return rows[0]?.n ?? 0
}

/** Tells every inbox the badge's number. Counted after the commit: two changes at the same time do not see each other's
 *  missed request, and the later one must count both. One count after the other: the answer of an older one may come
 *  after that of a newer one, and would then stand in every inbox. */
export function tellCounts(services: Services): void {
  const counting = countings.get(services.db)
  if (counting) counting.again = true
  else void countInTurn(services)
}

/** One a database: a process may serve several in tests. */
const countings = new WeakMap<Db, { again: boolean }>()

async function countInTurn({ db, bus, log }: Services): Promise<void> {
  const counting = { again: true }
  countings.set(db, counting)
  while (counting.again) {
    counting.again = false
    try {
      const missed = await countMissed(db)
      bus.publish('agents', JSON.stringify({ type: 'counts', counts: { missed } }))
    } catch (error) {
      log.warn({ error: String(error) }, 'Missed requests were not counted')
    }
  }
  countings.delete(db)
}

/** End session. Ending again changes nothing but an outcome given then.
 *  @throws {NotFoundError} the chat is not this agent's */
export function endByAgent(
  services: Services,
  agent: { id: string; name: string },
  conversationId: string,
  outcome: Outcome | null,
): Promise<Conversation> {
  return change(services, async (change) => {
    const conversation = await conversations.lock(change.tx, conversationId)
    if (conversation.agentId !== agent.id) throw new NotFoundError('conversation')
    if (outcome !== null) await checkOffered(change.tx, outcome)
    if (conversation.status === 'active') {
      const ended = await end(change, conversation, 'agent', { type: 'agent', ...agent }, outcome)
      await logInCrm(services, change, conversation)
      return ended
    }
    if (outcome && conversation.status === 'ended' && (await keepOutcome(change, conversation, outcome)))
      await logInCrm(services, change, conversation)
    return conversations.summary(change.tx, change.now, conversationId)
  })
}

/** The agent's word on a chat that the visitor or the time ended first; one that was given stays. */
async function keepOutcome(
  { tx, now, tellAgents }: Change,
  { id }: { id: string },
  outcome: Outcome,
): Promise<boolean> {
  const { rows } = await sql`
    update conversations set outcome = ${outcome} where id = ${id} and outcome is null returning id`.execute(
    tx,
  )
  if (rows[0]) tellAgents({ type: 'conversation', conversation: await conversations.summary(tx, now, id) })
  return rows.length > 0
}

/** The visitor ends the chat, or cancels the request. */
export function endByVisitor(services: Services, visitorId: string, conversationId: string): Promise<void> {
  return change(services, async (change) => {
    const conversation = await conversations.lock(change.tx, conversationId)
    if (conversation.visitorId !== visitorId) throw new NotFoundError('conversation')
    if (conversation.status === 'waiting') await miss(services, change, conversation, 'cancelled')
    if (conversation.status === 'active') {
      await end(change, conversation, 'visitor', { type: 'visitor', id: visitorId }, null)
      await logInCrm(services, change, conversation)
    }
  })
}

/** Looks at a silent chat: warns, ends, or asks to be called again when the next of the two is due. */
export function endIfIdle(services: Services, conversationId: string): Promise<void> {
  return change(services, async (change) => {
    const { tx, now } = change
    const conversation = await conversations.lock(tx, conversationId).catch(orNothing)
    if (conversation?.status !== 'active' || !conversation.idleAt) return
    const warnAt = new Date(conversation.idleAt.getTime() - services.settings.idleWarningMs)
    // once: the job may run twice, and the sweep looks too
    const again = (runAt: Date) =>
      enqueueOnce(tx, services.clock, { task: endIdle, payload: { conversationId }, runAt })
    if (conversation.idleAt <= now) {
      await end(change, conversation, 'timeout', { type: 'system' }, null)
      await logInCrm(services, change, conversation)
    } else if (warnAt <= now) {
      if (!conversation.idleWarned) await warn(change, conversation)
      await again(conversation.idleAt)
    } else {
      await again(warnAt)
    }
  })
}

async function warn(change: Change, conversation: conversations.ConversationRow): Promise<void> {
  const { tx, now, tellAgent, tellVisitor } = change
  const entry = await conversations.append(tx, conversation, now, {
    kind: 'warning',
    sender: { type: 'system', id: null },
    data: { endsAt: conversation.idleAt?.toISOString() },
  })
  await sql`update conversations set idle_warned = true where id = ${conversation.id}`.execute(tx)
  const frame = { type: 'entry', conversationId: conversation.id, entry } as const
  if (conversation.agentId) tellAgent(conversation.agentId, frame)
  tellVisitor(conversation.visitorId, frame)
}

/** Withdraws a request whose visitor has shown no sign of life for long enough. */
export function withdrawIfGone(services: Services, conversationId: string): Promise<void> {
  return change(services, async (change) => {
    const conversation = await conversations.lock(change.tx, conversationId).catch(orNothing)
    if (conversation?.status !== 'waiting') return
    if (await isVisitorGone(services, change, conversationId))
      await miss(services, change, conversation, 'visitor_left')
  })
}

/** Whether the visitor of a waiting conversation has shown no sign of life for long enough. */
export async function isVisitorGone(
  services: Services,
  { tx, now }: Change,
  conversationId: string,
): Promise<boolean> {
  const { rows } = await sql`
    select from conversations c where c.id = ${conversationId} and ${isGone(services, now)}`.execute(tx)
  return rows.length > 0
}

const isGone = (services: Services, now: Date) => sql`
  c.status = 'waiting' and c.visitor_seen_at <= ${new Date(now.getTime() - services.settings.visitorGoneMs)}
  and not ${isReachable('visitor', sql`c.visitor_id`, now, services.settings.visitorGoneMs)}`

/** What lost jobs should have done. Called every second or so by one worker; cheap when nothing is due.
 *  @throws the first of what went wrong, when all the rest is done */
export async function sweepConversations(services: Services): Promise<void> {
  const { db, clock, settings } = services
  const now = clock.now()
  const warnedBy = new Date(now.getTime() + settings.idleWarningMs)
  const idle = await sql<{ id: string }>`
    select id from conversations
    where status = 'active' and (idle_at <= ${now} or (idle_at <= ${warnedBy} and not idle_warned)) limit 200`.execute(
    db,
  )
  const failures = await eachByItself(idle.rows, ({ id }) => endIfIdle(services, id))
  const gone = await sql<{
    id: string
  }>`${plannedOnce} select c.id from conversations c where ${isGone(services, now)} limit 200`.execute(db)
  failures.push(...(await eachByItself(gone.rows, ({ id }) => withdrawIfGone(services, id))))
  if (failures.length > 0) throw failures[0]
}

/** For deadlines of rows that an erasure may have removed meanwhile. */
function orNothing(error: unknown): null {
  if (error instanceof NotFoundError) return null
  throw error
}
