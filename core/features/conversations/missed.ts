import { sql } from 'kysely'
import type { Conversation } from '../../contracts/conversations.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { tellCounts } from './endings.ts'
import { forVisitor } from './for-visitor.ts'
import { addressOf, quoted, writeTo } from './letters.ts'
import * as conversations from './repository.ts'

/** What becomes of a missed request: one agent claims it, answers it by mail, or gives it back. Who may see missed
 *  ones may see all of them, so everybody's list hears of every step. What a blocked visitor asked for is nobody's. */

interface Answering {
  id: string
  name: string
  email: string
}

/** Takes the row on oneself; again changes nothing. Of two who do so at once exactly one gets it.
 *  @throws {NotFoundError} it is not missed
 *  @throws {ConflictError} `already_claimed` */
export function claim(
  services: Services,
  agent: Omit<Answering, 'email'>,
  conversationId: string,
): Promise<Conversation> {
  return change(services, async (change) => {
    const conversation = await lockMissed(change.tx, conversationId)
    await refuseClaimed(change.tx, conversation, agent.id)
    if (conversation.claimedBy === null) await setClaim(services, change, conversation, agent.id)
    return told(change, conversation)
  })
}

/** Gives the row back to everybody. What is not one's own stays as it is.
 *  @throws {NotFoundError} it is not missed
 *  @throws {ConflictError} `already_claimed` by somebody else */
export function release(services: Services, agentId: string, conversationId: string): Promise<Conversation> {
  return change(services, async (change) => {
    const conversation = await lockMissed(change.tx, conversationId)
    await refuseClaimed(change.tx, conversation, agentId)
    if (conversation.claimedBy !== null) await setClaim(services, change, conversation, null)
    return told(change, conversation)
  })
}

/** What a deactivated agent had claimed and not answered is everybody's again. */
export async function releaseAllOf(services: Services, change: Change, agentId: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from conversations where claimed_by = ${agentId} and replied_at is null order by id for update`.execute(
    change.tx,
  )
  for (const { id } of rows) {
    await setClaim(services, change, { id }, null)
    await told(change, { id })
  }
}

/** Of a claim and a deactivation at once both may be stored: no lock is in both ways. */
export async function sweepClaims(services: Services): Promise<void> {
  const { rows } = await sql<{ id: string }>`${plannedOnce}
    select distinct a.id from agents a join conversations c on c.claimed_by = a.id and c.replied_at is null
    where not a.active`.execute(services.db)
  for (const { id } of rows) await change(services, (change) => releaseAllOf(services, change, id))
}

/** Answers by mail, and keeps the answer in the log, where a visitor who comes back reads it. Whoever answers has
 *  claimed it. The same client id again is the same answer.
 *  @throws {NotFoundError} it is not missed
 *  @throws {ConflictError} `already_claimed`, `no_mail_server`, `no_address` */
export function reply(
  services: Services,
  agent: Answering,
  conversationId: string,
  { clientId, text }: { clientId: string; text: string },
): Promise<Conversation> {
  return change(services, async (change) => {
    const { tx, now } = change
    const conversation = await lockMissed(tx, conversationId)
    if (await isSaid(tx, conversationId, agent.id, clientId))
      return conversations.summary(tx, now, conversationId)
    await refuseClaimed(tx, conversation, agent.id)
    const to = await addressOf(services, tx, conversation.visitorId)

    const entry = await conversations.append(tx, conversation, now, {
      kind: 'message',
      sender: { type: 'agent', id: agent.id },
      text,
      data: { channel: 'mail' },
      clientId,
    })
    await sql`
      with line as (
        insert into search_backlog (conversation_ids, seqs, at) values (${[conversationId]}, ${[entry.seq]}, ${now})
      )
      update conversations set last_text = left(${text}, 200), last_sender = 'agent', waiting_since = null,
             mailed_seq = ${entry.seq}, claimed_by = ${agent.id}, claim_changed_at = ${now},
             replied_at = coalesce(replied_at, ${now})
      where id = ${conversationId}`.execute(tx)
    const asked = conversation.firstText.trim()
    await writeTo(services, change, conversation, to, {
      subject: (organisation) => `${organisation}: an answer to your message`,
      body: [text, agent.name, ...(asked ? [`You wrote:\n${quoted(asked)}`] : [])],
      replyTo: agent.email,
    })
    const frame = { type: 'entry', conversationId, entry } as const
    change.tellVisitor(conversation.visitorId, frame)
    change.tellVisitor(conversation.visitorId, {
      type: 'conversation',
      conversation: await forVisitor(tx, conversationId),
    })
    change.tellAgents(frame)
    change.after(() => tellCounts(services))
    return told(change, conversation)
  })
}

async function lockMissed(tx: Tx, id: string): Promise<conversations.ConversationRow> {
  const conversation = await conversations.lock(tx, id)
  if (conversation.status !== 'missed' || conversation.blocked) throw new NotFoundError('missed request')
  return conversation
}

async function refuseClaimed(
  tx: Tx,
  { claimedBy }: conversations.ConversationRow,
  agentId: string,
): Promise<void> {
  if (claimedBy === null || claimedBy === agentId) return
  const { rows } = await sql<{ name: string }>`select name from agents where id = ${claimedBy}`.execute(tx)
  const name = rows[0]?.name ?? 'A colleague'
  throw new ConflictError('already_claimed', `${name} has claimed this request.`, { claimedBy: name })
}

async function setClaim(
  services: Services,
  { tx, now, after }: Change,
  { id }: { id: string },
  agentId: string | null,
): Promise<void> {
  await sql`
    update conversations set claimed_by = ${agentId}, claim_changed_at = ${now} where id = ${id}`.execute(tx)
  after(() => tellCounts(services))
}

async function isSaid(tx: Tx, conversationId: string, agentId: string, clientId: string): Promise<boolean> {
  const { rows } = await sql`
    select from entries where conversation_id = ${conversationId} and sender_type = 'agent'
      and sender_id = ${agentId} and client_id = ${clientId}`.execute(tx)
  return rows.length > 0
}

async function told({ tx, now, tellAgents }: Change, { id }: { id: string }): Promise<Conversation> {
  const conversation = await conversations.summary(tx, now, id)
  tellAgents({ type: 'conversation', conversation })
  return conversation
}
