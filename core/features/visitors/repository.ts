import { type RawBuilder, sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import type { Visitor } from '../../contracts/visitors.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { isOnline } from '../../realtime/presence-sql.ts'
import { joinKnown, knownEmail } from './known.ts'
import { type CrmRow, type Said, toPanel } from './panel.ts'

/** How many rows may be one visitor: an address that thousands gave is nobody's, and must not cost thousands of reads. */
const sameVisitorAtMost = 100

/** The ids of the rows that are this visitor: the row itself, and those with the same e-mail address (another browser,
 *  another site), newest first. For use inside `in (…)`. */
export const sameVisitor = (v = 'v'): RawBuilder<string> => {
  const table = sql.table(v)
  return sql<string>`
    select ${table}.id union all
    (select other.id from visitors other
     where ${knownEmail('other')} = ${knownEmail(v)} and other.id <> ${table}.id
     order by other.seen_at desc limit ${sameVisitorAtMost})`
}

interface VisitorRow extends Said {
  id: string
  crms: CrmRow[] | null
  page: Page | null
  timeZone: string | null
  language: string | null
  referrer: string | null
  utm: Record<string, string> | null
  visitCount: number
  lastVisitAt: Date | null
  online: boolean
}

/**
 * The panel of each visitor for which `where` holds: what the mirror of the CRMs, the visitor, the directory and agents said,
 * put together by `toPanel`. No CRM is asked.
 * @param where a condition over `v` (visitors).
 */
export async function describeVisitors(
  db: Db | Tx,
  now: Date,
  where: RawBuilder<unknown>,
): Promise<Visitor[]> {
  const { rows } = await sql<VisitorRow>`
    select v.id, v.corrections, v.corrected_at, v.given_at, v.email_verified, crm.facts,
           jsonb_build_object('name', v.name, 'jobTitle', v.job_title, 'email', v.email, 'phone', v.phone,
             'company', v.company) as given,
           case when p.id is not null then jsonb_build_object('name', p.name, 'jobTitle', p.job_title, 'phone', p.phone,
             'company', p.company, 'crmStatus', p.crm_status, 'ownerEmail', p.owner_email, 'url', p.external_url,
             'at', to_jsonb(p.updated_at)) end as directory,
           (select a.name from agents a
            where a.email = case when crm.facts -> 'standing' ->> 'source' is null then p.owner_email
              else crm.facts #>> '{standing,ownerEmail}' end) as owner_name,
           (select jsonb_agg(jsonb_build_object('connector', n.connector, 'state', n.state, 'reason', n.state_reason,
              'askedAt', l.asked_at, 'answeredAt', l.answered_at, 'found', l.external_id, 'failedAt', l.failed_at,
              'failure', l.failure) order by n.precedence, n.created_at)
            from connections n left join person_lookups l on l.connection_id = n.id and l.email = ${knownEmail()}
            where n.state in ('active', 'paused', 'broken') and n.agent_id is null) as crms,
           v.page, v.time_zone, v.language, v.referrer, v.utm,
           visits.count as visit_count, visits.last_at as last_visit_at,
           ${isOnline('visitor', sql`v.id`, now)} as online
    from visitors v
    ${joinKnown}
    left join lateral (
      select count(*) as count, max(s.last_at) as last_at from visits s where s.visitor_id in (${sameVisitor()})
    ) visits on true
    where ${where}`.execute(db)
  return rows.map((row) => toVisitor(row, now))
}

function toVisitor(row: VisitorRow, now: Date): Visitor {
  return {
    id: row.id,
    ...toPanel(row, row.crms ?? [], now),
    page: row.page ? { url: row.page.url, title: row.page.title ?? null } : null,
    timeZone: row.timeZone,
    language: row.language,
    referrer: row.referrer,
    utm: row.utm,
    visits: { count: row.visitCount, lastAt: row.lastVisitAt?.toISOString() ?? null },
    online: row.online,
  }
}

/** Adds to what agents corrected; null takes a correction back. */
export async function mergeCorrections(
  tx: Tx,
  now: Date,
  id: string,
  corrections: Record<string, string | null | undefined>,
): Promise<void> {
  const times = Object.fromEntries(Object.keys(corrections).map((field) => [field, now.toISOString()]))
  await sql`
    update visitors set corrections = jsonb_strip_nulls(corrections || ${JSON.stringify(corrections)}::jsonb),
      corrected_at = corrected_at || ${JSON.stringify(times)}::jsonb
    where id = ${id}`.execute(tx)
}

/** The open conversations of the visitors for which `where` holds. @param where a condition over `v` (visitors). */
export async function openChats(
  tx: Db | Tx,
  where: RawBuilder<unknown>,
): Promise<{ visitorId: string; conversationId: string }[]> {
  const { rows } = await sql<{ visitorId: string; conversationId: string }>`
    select v.id as visitor_id, c.id as conversation_id
    from conversations c join visitors v on v.id = c.visitor_id
    where c.status in ('waiting', 'active') and ${where}
    -- whoever locks them does so in the same order
    order by c.id`.execute(tx)
  return rows
}

/** Who is talking with them at this moment: the visitors of active chats for which `where` holds, each with the agent
 *  and the conversation. @param where a condition over `v` (visitors). */
export async function activeChats(
  tx: Db | Tx,
  where: RawBuilder<unknown>,
): Promise<{ visitorId: string; conversationId: string; agentId: string }[]> {
  const { rows } = await sql<{ visitorId: string; conversationId: string; agentId: string }>`
    select v.id as visitor_id, c.id as conversation_id, c.agent_id
    from conversations c join visitors v on v.id = c.visitor_id
    where c.status = 'active' and ${where}
    order by c.id`.execute(tx)
  return rows
}
