import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { Conversation, Entry, Note, Outcome } from '../../contracts/conversations.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { checkOffered } from '../outcomes/repository.ts'
import { orderWrites } from '../write-back/orders.ts'
import { type NoteRow, readEntry, toNote } from './entries.ts'
import type { OutgoingMessage } from './message-log.ts'
import { summary } from './repository.ts'
import { type Viewer, visibleTo, withoutWatching } from './visibility.ts'

/**
 * Stores what somebody says and delivers it: to the visitor and to the agent the row named when it was stored. A
 * repeated send is delivered again, as it was stored: the process that stored it may have died before it could.
 * @param exceptSocketId the socket it came by, which gets an acknowledgement instead.
 * @returns what the acknowledgement says: its place in the log, and when it was stored, as ISO 8601.
 * @throws as `MessageLog.append`
 */
export async function say(
  services: Services,
  message: OutgoingMessage,
  exceptSocketId: string | null = null,
): Promise<{ clientId: string; seq: number; at: string }> {
  const { conversationId, clientId } = message
  const stored = await services.messageLog.append(message)
  const entry: Entry | undefined = stored.isNew
    ? {
        seq: stored.seq,
        kind: 'message',
        sender: { type: message.senderType, id: message.senderId },
        at: stored.at.toISOString(),
        text: message.text,
        data: null,
        clientId,
      }
    : await readEntry(services.db, conversationId, stored.seq)
  if (entry) {
    const frame = JSON.stringify({ type: 'entry', conversationId, entry })
    services.bus.publish(`visitor:${stored.visitorId}`, frame, exceptSocketId)
    if (stored.agentId) services.bus.publish(`agent:${stored.agentId}`, frame, exceptSocketId)
    services.told.note(conversationId, stored.seq)
  }
  return { clientId, seq: stored.seq, at: stored.at.toISOString() }
}

/** For agents only; the visitor's log does not move. Repeating it returns the note made then.
 *  @throws {NotFoundError} the conversation is not the viewer's to see, or only to watch */
export function addNote(
  services: Services,
  viewer: Viewer & { name: string },
  { conversationId, clientId, text }: { conversationId: string; clientId: string; text: string },
): Promise<Note> {
  return change(services, async ({ tx, now, tellAgent }) => {
    const { rows } = await sql<NoteRow & { ownerId: string | null }>`
      with made as (
        insert into notes (id, conversation_id, agent_id, client_id, after_seq, at, text)
        select ${randomUUIDv7()}, c.id, ${viewer.id}, ${clientId}, c.last_seq, ${now}, ${text}
        from conversations c where c.id = ${conversationId} and ${visibleTo(withoutWatching(viewer))}
        on conflict (conversation_id, agent_id, client_id) do nothing
        returning *
      )
      select n.*, ${viewer.name} as agent_name, c.agent_id as owner_id from (
        select * from made
        union all
        select * from notes where conversation_id = ${conversationId} and agent_id = ${viewer.id} and client_id = ${clientId}
      ) n join conversations c on c.id = n.conversation_id and ${visibleTo(viewer)}`.execute(tx)
    if (!rows[0]) throw new NotFoundError('conversation')
    const note = toNote(rows[0])
    for (const id of new Set([viewer.id, rows[0].ownerId ?? viewer.id]))
      tellAgent(id, { type: 'note', conversationId, note })
    return note
  })
}

/** Of a chat that has ended; null takes it away.
 *  @throws {InvalidInputError} the outcome is not offered any more
 *  @throws {NotFoundError} the chat goes on, or is not the viewer's to see */
export function setOutcome(
  services: Services,
  viewer: Viewer,
  conversationId: string,
  outcome: Outcome | null,
): Promise<Conversation> {
  return change(services, async (change) => {
    const { tx, now, tellAgents } = change
    if (outcome !== null) await checkOffered(tx, outcome)
    const { rows } = await sql<{ visitorId: string }>`
      update conversations c set outcome = ${outcome}, outcome_changed_at = ${now}
      where c.id = ${conversationId} and c.status = 'ended' and ${visibleTo(viewer)} returning c.visitor_id`.execute(
      tx,
    )
    if (!rows[0]) throw new NotFoundError('conversation')
    const conversation = await summary(tx, now, conversationId)
    tellAgents({ type: 'conversation', conversation })
    await orderWrites(services, change, rows[0].visitorId, { kind: 'conversation', conversationId })
    return conversation
  })
}
