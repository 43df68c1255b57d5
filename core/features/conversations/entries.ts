import { sql } from 'kysely'
import type { Entry, Note } from '../../contracts/conversations.ts'
import type { Db, Tx } from '../../db/pool.ts'

interface EntryRow {
  seq: number
  kind: Entry['kind']
  senderType: Entry['sender']['type']
  senderId: string | null
  at: Date
  text: string | null
  data: Record<string, unknown> | null
  clientId: string | null
}

const entriesAtOnce = 200
/** A page must fit what may wait for a reader, 1 MiB, however its letters are written. */
const lettersAtOnce = 150_000

/** At most 200 lines, ascending: the first after `afterSeq`, else the last (before `beforeSeq`). The reader's right
 *  to see them has been checked. */
export async function readEntries(
  db: Db | Tx,
  conversationId: string,
  range: { afterSeq?: number; beforeSeq?: number },
): Promise<{ entries: Entry[]; lastSeq: number; hasMore: boolean }> {
  const forward = range.afterSeq !== undefined
  const before = range.beforeSeq ?? 2 ** 31 - 1
  const { rows } = await sql<EntryRow & { lastSeq: number }>`
    select e.seq, e.kind, e.sender_type, e.sender_id, e.at, e.text, e.data, e.client_id
    from entries e
    where e.conversation_id = ${conversationId} and e.seq > ${range.afterSeq ?? 0} and e.seq < ${before}
    order by e.seq ${forward ? sql`asc` : sql`desc`} limit ${entriesAtOnce + 1}`.execute(db)
  const head = await sql<{ lastSeq: number }>`
    select last_seq from conversations where id = ${conversationId}`.execute(db)
  const page = rows.slice(0, fitting(rows))
  const hasMore = rows.length > page.length
  if (!forward) page.reverse()
  return {
    entries: page.map(toEntry),
    // never behind the entries just read, which may have been committed since
    lastSeq: Math.max(head.rows[0]?.lastSeq ?? 0, page.at(-1)?.seq ?? 0),
    hasMore,
  }
}

/** How many of the rows make a page. */
function fitting(rows: EntryRow[]): number {
  let letters = 0
  for (const [index, { text }] of rows.slice(0, entriesAtOnce).entries()) {
    letters += text?.length ?? 0
    if (letters > lettersAtOnce && index > 0) return index
  }
  return Math.min(rows.length, entriesAtOnce)
}

/** Of a conversation whose reader's right to see it has been checked. */
export async function readEntry(
  db: Db | Tx,
  conversationId: string,
  seq: number,
): Promise<Entry | undefined> {
  const { entries } = await readEntries(db, conversationId, { afterSeq: seq - 1, beforeSeq: seq + 1 })
  return entries[0]
}

/** The last line of each, by the conversation's id. */
export async function lastEntries(db: Db | Tx, conversationIds: string[]): Promise<Map<string, Entry>> {
  const { rows } = await sql<EntryRow & { conversationId: string }>`
    select e.conversation_id, e.seq, e.kind, e.sender_type, e.sender_id, e.at, e.text, e.data, e.client_id
    from conversations c join entries e on e.conversation_id = c.id and e.seq = c.last_seq
    where c.id = any (${conversationIds}::uuid[])`.execute(db)
  return new Map(rows.map((row) => [row.conversationId, toEntry(row)]))
}

function toEntry(row: EntryRow): Entry {
  return {
    seq: row.seq,
    kind: row.kind,
    sender: { type: row.senderType, id: row.senderId },
    at: row.at.toISOString(),
    text: row.text,
    data: row.data,
    clientId: row.clientId,
  }
}

/** Notes standing after `fromSeq` to `toSeq`, both included, in order. */
export async function readNotes(
  db: Db | Tx,
  conversationId: string,
  fromSeq: number,
  toSeq: number,
): Promise<Note[]> {
  const { rows } = await sql<NoteRow>`
    select ${noteColumns}
    from notes n join agents a on a.id = n.agent_id
    where n.conversation_id = ${conversationId} and n.after_seq between ${fromSeq} and ${toSeq}
    order by n.after_seq, n.at, n.id`.execute(db)
  return rows.map(toNote)
}

/** Of `notes` as `n`, and of `agents` as `a`, its author. */
export const noteColumns = sql`n.id, n.after_seq, n.agent_id, a.name as agent_name, n.at, n.text, n.client_id`

/** A row of `notes`, with its author's name. */
export interface NoteRow {
  id: string
  afterSeq: number
  agentId: string
  agentName: string
  at: Date
  text: string
  clientId: string
}

/** As the contract has it. */
export function toNote(row: NoteRow): Note {
  return {
    id: row.id,
    afterSeq: row.afterSeq,
    agent: { id: row.agentId, name: row.agentName },
    at: row.at.toISOString(),
    text: row.text,
    clientId: row.clientId,
  }
}
