import { type RawBuilder, sql } from 'kysely'
import type {
  Conversation,
  ConversationStatus,
  EndReason,
  Entry,
  Offer,
  Outcome,
  Page,
} from '../../contracts/conversations.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { isOnline } from '../../realtime/presence-sql.ts'
import { joinKnown, knownEmail, knownField } from '../visitors/known.ts'
import { type Viewer, visibleTo } from './visibility.ts'

/** The row as the services decide about it; locked where the name says so. */
export interface ConversationRow {
  id: string
  siteId: string
  visitorId: string
  status: ConversationStatus
  agentId: string | null
  previousId: string | null
  requestedAt: Date
  acceptedAt: Date | null
  endedAt: Date | null
  endReason: EndReason | null
  lastSeq: number
  lastAt: Date
  idleAt: Date | null
  idleWarned: boolean
  firstText: string
  page: Page | null
  /** Asked for by a blocked visitor: no agent sees it. */
  blocked: boolean
  /** How many times it has been routed, from 1. */
  round: number
  /** Missed: who has taken it on themselves. */
  claimedBy: string | null
  repliedAt: Date | null
}

export const rowColumns = sql`
  id, site_id, visitor_id, status, agent_id, previous_id, requested_at, accepted_at, ended_at, end_reason,
  last_seq, last_at, idle_at, idle_warned, first_text, page, blocked, round, claimed_by, replied_at`

/** @throws {NotFoundError} */
export async function lock(tx: Tx, id: string): Promise<ConversationRow> {
  const [row] = await lockAll(tx, [id])
  if (!row) throw new NotFoundError('conversation')
  return row
}

/** Those of them that exist. Locked in the order of their ids: whoever locks several does so. */
export async function lockAll(tx: Tx, ids: string[]): Promise<ConversationRow[]> {
  const { rows } = await sql<ConversationRow>`${plannedOnce}
    select ${rowColumns} from conversations where id = any (${ids}::uuid[]) order by id for update`.execute(
    tx,
  )
  return rows
}

interface NewEntry {
  kind: Entry['kind']
  sender: Entry['sender']
  text?: string | null
  data?: Record<string, unknown> | null
  clientId?: string | null
}

/** Appends a line to the log of a conversation that `tx` has locked; advances the given row with it. */
export async function append(tx: Tx, row: ConversationRow, now: Date, entry: NewEntry): Promise<Entry> {
  row.lastSeq += 1
  row.lastAt = now > row.lastAt ? now : row.lastAt
  const data = entry.data ? JSON.stringify(entry.data) : null
  await sql`
    with line as (
      insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text, data)
      values (${row.id}, ${row.lastSeq}, ${entry.kind}, ${entry.sender.type}, ${entry.sender.id},
              ${entry.clientId ?? null}, ${row.lastAt}, ${entry.text ?? null}, ${data}::jsonb)
    )
    update conversations set last_seq = ${row.lastSeq}, last_at = ${row.lastAt} where id = ${row.id}`.execute(
    tx,
  )
  return {
    seq: row.lastSeq,
    kind: entry.kind,
    sender: entry.sender,
    at: row.lastAt.toISOString(),
    text: entry.text ?? null,
    data: entry.data ?? null,
    clientId: entry.clientId ?? null,
  }
}

interface SummaryRow {
  id: string
  status: ConversationStatus
  visitorId: string
  visitorName: string | null
  visitorEmail: string | null
  visitorCompany: string | null
  online: boolean
  agentId: string | null
  agentName: string | null
  siteId: string
  siteName: string
  previousId: string | null
  requestedAt: Date
  acceptedAt: Date | null
  endedAt: Date | null
  endReason: EndReason | null
  outcome: Outcome | null
  page: Page | null
  firstText: string
  lastSeq: number
  lastAt: Date
  lastText: string | null
  lastSender: Conversation['lastSender']
  waitingSince: Date | null
  idleAt: Date | null
  unread: number
  agentReadSeq: number
  visitorReadSeq: number
  visitorReceivedSeq: number
  mailedSeq: number
  claimedById: string | null
  claimedByName: string | null
  repliedAt: Date | null
  handover: {
    offerId: string
    state: Offer['state']
    toId: string
    toName: string
    team: string | null
    expiresAt: string
    closedAt: string | null
  } | null
}

/** The latest handover of an active chat. As JSON, since one column is less to name than seven. */
const latestHandover = sql`
  case when c.status = 'active' then (
    select jsonb_build_object('offerId', o.id, 'state', o.state, 'toId', o.agent_id, 'toName', t.name, 'team', m.name,
      'expiresAt', o.expires_at, 'closedAt', o.closed_at)
    from offers o join agents t on t.id = o.agent_id left join teams m on m.id = o.team_id
    where o.conversation_id = c.id and o.kind = 'handover' order by o.offered_at desc, o.id desc limit 1
  ) end`

/** What an agent sees of conversations. Whether they may has to be part of the condition, or decided before.
 *  @param where a condition over `c` (conversations), `v` (visitors), `p` (people).
 *  @param rest what may stand behind it: order, limit. */
export async function summaries(
  db: Db | Tx,
  now: Date,
  where: RawBuilder<unknown>,
  rest: RawBuilder<unknown> = sql``,
): Promise<Conversation[]> {
  const { rows } = await sql<SummaryRow>`
    select c.id, c.status, c.visitor_id,
           ${knownField('name')} as visitor_name,
           ${knownEmail()} as visitor_email,
           ${knownField('company')} as visitor_company,
           -- a test chat's visitor has no socket, and is there all day
           (${isOnline('visitor', sql`c.visitor_id`, now)} or c.visitor_seen_at > ${now}) as online,
           c.agent_id, a.name as agent_name, c.site_id, s.name as site_name, c.previous_id, c.requested_at, c.accepted_at, c.ended_at, c.end_reason,
           c.outcome, c.page, c.first_text, c.last_seq, c.last_at, c.last_text, c.last_sender, c.waiting_since, c.idle_at,
           (select count(*) from entries e where e.conversation_id = c.id and e.seq > c.agent_read_seq
              and e.kind in ('message', 'file') and e.sender_type = 'visitor') as unread,
           c.agent_read_seq, c.visitor_read_seq, c.visitor_received_seq, c.mailed_seq,
           c.claimed_by as claimed_by_id, k.name as claimed_by_name, c.replied_at, ${latestHandover} as handover
    from conversations c
    join visitors v on v.id = c.visitor_id
    join sites s on s.id = c.site_id
    ${joinKnown}
    left join agents a on a.id = c.agent_id
    left join agents k on k.id = c.claimed_by
    where ${where}
    ${rest}`.execute(db)
  return rows.map(toConversation)
}

/** @throws {NotFoundError} also when it is not the viewer's to see */
export async function visibleSummary(
  db: Db | Tx,
  now: Date,
  viewer: Viewer,
  id: string,
): Promise<Conversation> {
  const [conversation] = await summaries(db, now, sql`c.id = ${id} and ${visibleTo(viewer)}`)
  if (!conversation) throw new NotFoundError('conversation')
  return conversation
}

/** Whatever may be seen of it, for frames whose addressee is already decided.
 *  @throws {NotFoundError} */
export async function summary(db: Db | Tx, now: Date, id: string): Promise<Conversation> {
  const [conversation] = await summaries(db, now, sql`c.id = ${id}`)
  if (!conversation) throw new NotFoundError('conversation')
  return conversation
}

function toConversation(row: SummaryRow): Conversation {
  return {
    id: row.id,
    status: row.status,
    visitor: {
      id: row.visitorId,
      name: row.visitorName,
      email: row.visitorEmail,
      company: row.visitorCompany,
      online: row.online,
    },
    agent: row.agentId && row.agentName ? { id: row.agentId, name: row.agentName } : null,
    site: { id: row.siteId, name: row.siteName },
    previousId: row.previousId,
    requestedAt: row.requestedAt.toISOString(),
    acceptedAt: row.acceptedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
    endReason: row.endReason,
    outcome: row.outcome,
    page: row.page ? { url: row.page.url, title: row.page.title ?? null } : null,
    firstText: row.firstText,
    lastSeq: row.lastSeq,
    lastAt: row.lastAt.toISOString(),
    lastText: row.lastText,
    lastSender: row.lastSender,
    waitingSince: row.status === 'ended' ? null : (row.waitingSince?.toISOString() ?? null),
    idleAt: row.status === 'active' ? (row.idleAt?.toISOString() ?? null) : null,
    unread: row.status === 'active' ? row.unread : 0,
    agentReadSeq: row.agentReadSeq,
    visitorReadSeq: row.visitorReadSeq,
    visitorReceivedSeq: row.visitorReceivedSeq,
    mailedSeq: row.mailedSeq,
    claimedBy: row.claimedById && row.claimedByName ? { id: row.claimedById, name: row.claimedByName } : null,
    repliedAt: row.repliedAt?.toISOString() ?? null,
    handover: row.handover && {
      offerId: row.handover.offerId,
      state: row.handover.state,
      to: { id: row.handover.toId, name: row.handover.toName },
      team: row.handover.team,
      expiresAt: new Date(row.handover.expiresAt).toISOString(),
      closedAt: row.handover.closedAt && new Date(row.handover.closedAt).toISOString(),
    },
  }
}
