import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import { expireOffer } from '../../contracts/jobs.ts'
import type { Change, Services } from '../../services.ts'
import { isVisitorGone, miss } from '../conversations/endings.ts'
import { forVisitor } from '../conversations/for-visitor.ts'
import { append, type ConversationRow } from '../conversations/repository.ts'
import { enqueue } from '../outbox/outbox.ts'
import { lockRouting, nextAgent } from './choose.ts'
import { describeOffers } from './repository.ts'

/**
 * Moves a waiting conversation, whose row the change has locked, one step on: asks the next agent, or gives the
 * visitor the fallback when enough offers have run out or nobody is left to ask. With an offer still pending, or the
 * conversation not waiting any more, it does nothing; so it may be called again by anybody at any time.
 * @param first who is asked out of turn, if they can be; the round robin does not move for it.
 */
export async function routeOn(
  services: Services,
  change: Change,
  conversation: ConversationRow,
  first: string | null = null,
): Promise<void> {
  if (conversation.status !== 'waiting') return
  const { tx, now } = change
  const { rows } = await sql<{ pending: number; expired: number; asked: number }>`
    select count(*) filter (where state = 'pending') as pending,
           count(*) filter (where state = 'expired') as expired,
           count(*) as asked
    from offers where conversation_id = ${conversation.id} and round = ${conversation.round}`.execute(tx)
  const { pending, expired, asked } = rows[0] ?? { pending: 0, expired: 0, asked: 0 }
  if (pending > 0) return
  if (expired >= services.settings.offerTries) return miss(services, change, conversation, 'no_answer')

  const after = await lockRouting(tx)
  const agent = await nextAgent(tx, now, {
    conversation,
    after,
    cap: services.settings.agentCap,
    first,
  })
  if (!agent) return miss(services, change, conversation, asked > 0 ? 'no_answer' : 'nobody_available')

  const id = randomUUIDv7()
  const expiresAt = new Date(now.getTime() + services.settings.offerTimeoutMs)
  await sql`
    with made as (
      insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at, round)
      values (${id}, ${conversation.id}, ${agent.id}, 'pending', ${now}, ${expiresAt}, ${conversation.round})
    )
    update organisation set last_offered_position = ${agent.id === first ? after : agent.position}`.execute(
    tx,
  )
  await enqueue(tx, services.clock, { task: expireOffer, payload: { offerId: id }, runAt: expiresAt })
  change.after(services.wakeJobs)
  const [offer] = await describeOffers(tx, sql`o.id = ${id}`)
  if (offer) change.tellAgent(agent.id, { type: 'offer', offer })
}

/** Takes an active chat, whose row the change has locked, from its agent, and finds somebody else for it in a new round.
 *  The log stays as it is, what nobody has answered included; the visitor reads that a colleague is being found. */
export async function routeAgain(
  services: Services,
  change: Change,
  conversation: ConversationRow,
): Promise<void> {
  const { tx, now } = change
  conversation.status = 'waiting'
  conversation.agentId = null
  conversation.round += 1
  await sql`
    update conversations set status = 'waiting', agent_id = null, accepted_at = null, idle_at = null,
           idle_warned = false, round = ${conversation.round}
    where id = ${conversation.id}`.execute(tx)
  const entry = await append(tx, conversation, now, {
    kind: 'handed_over',
    sender: { type: 'system', id: null },
    data: { name: null },
  })
  change.tellVisitor(conversation.visitorId, { type: 'entry', conversationId: conversation.id, entry })
  change.tellVisitor(conversation.visitorId, {
    type: 'conversation',
    conversation: await forVisitor(tx, conversation.id),
  })
  // nobody is asked for somebody who has left; it is kept as missed
  if (await isVisitorGone(services, change, conversation.id))
    return miss(services, change, conversation, 'visitor_left')
  return routeOn(services, change, conversation)
}
