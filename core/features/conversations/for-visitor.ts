import { type RawBuilder, sql } from 'kysely'
import type { WidgetConversation } from '../../contracts/widget.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'

interface Row {
  id: string
  status: WidgetConversation['status']
  agentId: string | null
  agentName: string | null
  requestedAt: Date
  routedAt: Date | null
  endedAt: Date | null
  endReason: WidgetConversation['endReason']
  lastSeq: number
  lastAt: Date
  lastText: string | null
  agentReadSeq: number
  visitorReadSeq: number
  unread: number
  messageLeft: boolean
}

/** A conversation as its visitor sees it: no CRM facts, no notes, no outcome.
 *  @throws {NotFoundError} */
export async function forVisitor(db: Db | Tx, id: string): Promise<WidgetConversation> {
  const [conversation] = await listForVisitor(db, sql`c.id = ${id}`)
  if (!conversation) throw new NotFoundError('conversation')
  return conversation
}

/** @param where a condition over `c` (conversations), which must name the visitor or one conversation of theirs. */
export async function listForVisitor(
  db: Db | Tx,
  where: RawBuilder<unknown>,
  limit = 1,
): Promise<WidgetConversation[]> {
  const { rows } = await sql<Row>`${plannedOnce}
    select c.id, c.status, c.agent_id, a.name as agent_name, c.requested_at, c.routed_at, c.ended_at, c.end_reason, c.last_seq,
           c.last_at, c.last_text, c.agent_read_seq, c.visitor_read_seq, c.message_left,
           (select count(*) from entries e where e.conversation_id = c.id and e.seq > c.visitor_read_seq
              and e.kind in ('message', 'file') and e.sender_type = 'agent') as unread
    from conversations c left join agents a on a.id = c.agent_id
    where ${where}
    order by (c.status in ('waiting', 'active')) desc, c.requested_at desc limit ${limit}`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    status: row.status,
    agent: row.agentId && row.agentName ? { id: row.agentId, name: row.agentName } : null,
    requestedAt: row.requestedAt.toISOString(),
    routedAt: (row.routedAt ?? row.requestedAt).toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    endReason: row.endReason,
    lastSeq: row.lastSeq,
    lastAt: row.lastAt.toISOString(),
    lastText: row.lastText,
    agentReadSeq: row.agentReadSeq,
    visitorReadSeq: row.visitorReadSeq,
    unread: row.unread,
    messageLeft: row.messageLeft,
  }))
}

/** The open conversation, or the latest one. */
export async function currentOf(db: Db | Tx, visitorId: string): Promise<WidgetConversation | null> {
  const [conversation] = await listForVisitor(db, sql`c.visitor_id = ${visitorId}`)
  return conversation ?? null
}
