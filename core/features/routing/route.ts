import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import { expireOffer } from '../../contracts/jobs.ts'
import type { Change, Services } from '../../services.ts'
import { miss } from '../conversations/endings.ts'
import type { ConversationRow } from '../conversations/repository.ts'
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
    from offers where conversation_id = ${conversation.id}`.execute(tx)
  const { pending, expired, asked } = rows[0] ?? { pending: 0, expired: 0, asked: 0 }
  if (pending > 0) return
  if (expired >= services.settings.offerTries) return miss(services, change, conversation, 'no_answer')

  const after = await lockRouting(tx)
  const agent = await nextAgent(tx, now, {
    conversationId: conversation.id,
    after,
    cap: services.settings.agentCap,
    first,
  })
  if (!agent) return miss(services, change, conversation, asked > 0 ? 'no_answer' : 'nobody_available')

  const id = randomUUIDv7()
  const expiresAt = new Date(now.getTime() + services.settings.offerTimeoutMs)
  await sql`
    with made as (
      insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at)
      values (${id}, ${conversation.id}, ${agent.id}, 'pending', ${now}, ${expiresAt})
    )
    update organisation set last_offered_position = ${agent.id === first ? after : agent.position}`.execute(
    tx,
  )
  await enqueue(tx, services.clock, { task: expireOffer, payload: { offerId: id }, runAt: expiresAt })
  change.after(services.wakeJobs)
  const [offer] = await describeOffers(tx, sql`o.id = ${id}`)
  if (offer) change.tellAgent(agent.id, { type: 'offer', offer })
}
