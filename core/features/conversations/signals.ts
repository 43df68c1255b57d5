import { sql } from 'kysely'
import { change, type Services } from '../../services.ts'
import { forVisitor } from './for-visitor.ts'
import { summary } from './repository.ts'

/** Typing and reading: small facts about an open chat. Each is addressed by the row of the moment, so a chat that
 *  changed hands tells only its present agent. */

interface Seen {
  conversationId: string
  readSeq: number
  receivedSeq: number
}

/** Tells the agent; without effect where the chat is not active or not this visitor's. */
export async function visitorTyping(
  { db, bus }: Services,
  visitorId: string,
  { conversationId, typing }: { conversationId: string; typing: boolean },
): Promise<void> {
  const { rows } = await sql<{ agentId: string }>`
    select agent_id from conversations
    where id = ${conversationId} and visitor_id = ${visitorId} and status = 'active'`.execute(db)
  if (rows[0])
    bus.publish(`agent:${rows[0].agentId}`, JSON.stringify({ type: 'typing', conversationId, typing }))
}

/** Tells the visitor; without effect where the chat is not active or not this agent's. */
export async function agentTyping(
  { db, bus }: Services,
  agentId: string,
  { conversationId, typing }: { conversationId: string; typing: boolean },
): Promise<void> {
  const { rows } = await sql<{ visitorId: string }>`
    select visitor_id from conversations
    where id = ${conversationId} and agent_id = ${agentId} and status = 'active'`.execute(db)
  if (rows[0])
    bus.publish(`visitor:${rows[0].visitorId}`, JSON.stringify({ type: 'typing', conversationId, typing }))
}

/** Only ever moves forward, and not beyond the last line. Tells the agent, and the visitor's other tabs.
 *  @param exceptSocketId the socket it came by. */
export async function visitorSeen(
  services: Services,
  visitorId: string,
  seen: Seen,
  exceptSocketId: string | null,
): Promise<void> {
  await change(services, async ({ tx, tellAgent, tellVisitor }) => {
    const { conversationId } = seen
    const { rows } = await sql<{ agentId: string | null; readSeq: number; receivedSeq: number }>`
      update conversations set
        visitor_read_seq = greatest(visitor_read_seq, least(${seen.readSeq}, last_seq)),
        visitor_received_seq = greatest(visitor_received_seq, visitor_read_seq, least(${seen.receivedSeq}, last_seq), least(${seen.readSeq}, last_seq))
      where id = ${conversationId} and visitor_id = ${visitorId}
        and (visitor_read_seq < least(${seen.readSeq}, last_seq) or visitor_received_seq < least(${seen.receivedSeq}, last_seq))
      returning agent_id, visitor_read_seq as read_seq, visitor_received_seq as received_seq`.execute(tx)
    const row = rows[0]
    if (!row) return
    const { agentId, readSeq, receivedSeq } = row
    if (agentId) tellAgent(agentId, { type: 'seen', conversationId, readSeq, receivedSeq })
    // the unread count of the visitor's other tabs
    if (seen.readSeq > 0) {
      const conversation = await forVisitor(tx, conversationId)
      tellVisitor(visitorId, { type: 'conversation', conversation }, exceptSocketId)
    }
  })
}

/** As {@link visitorSeen}, told to the visitor and the agent's other tabs. The row stays locked until the frames are ready, so that
 *  none tells an older count than the one before. */
export async function agentSeen(
  services: Services,
  agentId: string,
  seen: Seen,
  exceptSocketId: string | null,
): Promise<void> {
  await change(services, async ({ tx, now, tellAgent, tellVisitor }) => {
    const { conversationId } = seen
    const { rows } = await sql<{ visitorId: string; readSeq: number }>`
      update conversations set agent_read_seq = least(${seen.readSeq}, last_seq)
      where id = ${conversationId} and agent_id = ${agentId} and agent_read_seq < least(${seen.readSeq}, last_seq)
      returning visitor_id, agent_read_seq as read_seq`.execute(tx)
    const row = rows[0]
    if (!row) return
    tellVisitor(row.visitorId, { type: 'seen', conversationId, readSeq: row.readSeq })
    // the unread count of the agent's other tabs
    const conversation = await summary(tx, now, conversationId)
    tellAgent(agentId, { type: 'conversation', conversation }, exceptSocketId)
  })
}
