import { type RawBuilder, sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import type { Visitor } from '../../contracts/visitors.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { isOnline } from '../../realtime/presence-sql.ts'

/** The address agents see. @param v the alias of `visitors` in the query. */
export const knownEmail = (v = 'v'): RawBuilder<string | null> => {
  const table = sql.table(v)
  return sql<string | null>`coalesce(${table}.corrections ->> 'email', ${table}.email)`
}

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

interface VisitorRow {
  id: string
  name: string | null
  jobTitle: string | null
  email: string | null
  emailVerified: boolean
  phone: string | null
  company: string | null
  crmStatus: string | null
  ownerEmail: string | null
  ownerName: string | null
  personId: string | null
  externalUrl: string | null
  personUpdatedAt: Date | null
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
 * The panel of each visitor for which `where` holds. Per field the first that is known: what an agent corrected, what
 * the visitor gave, what the directory says of the person with that e-mail address. Status and owner come from the
 * directory alone.
 * @param where a condition over `v` (visitors).
 */
export async function describeVisitors(
  db: Db | Tx,
  now: Date,
  where: RawBuilder<unknown>,
): Promise<Visitor[]> {
  const { rows } = await sql<VisitorRow>`
    select v.id,
           coalesce(v.corrections ->> 'name', v.name, p.name) as name,
           coalesce(v.corrections ->> 'jobTitle', v.job_title, p.job_title) as job_title,
           ${knownEmail()} as email,
           -- what an agent wrote down has been looked at by somebody
           v.corrections ? 'email' or (v.email is not null and v.email_verified) as email_verified,
           coalesce(v.corrections ->> 'phone', v.phone, p.phone) as phone,
           coalesce(v.corrections ->> 'company', v.company, p.company) as company,
           p.crm_status, p.owner_email, owner.name as owner_name,
           p.id as person_id, p.external_url, p.updated_at as person_updated_at,
           v.page, v.time_zone, v.language, v.referrer, v.utm,
           visits.count as visit_count, visits.last_at as last_visit_at,
           ${isOnline('visitor', sql`v.id`, now)} as online
    from visitors v
    left join people p on p.email = ${knownEmail()}
    left join agents owner on owner.email = p.owner_email
    left join lateral (
      select count(*) as count, max(s.last_at) as last_at from visits s where s.visitor_id in (${sameVisitor()})
    ) visits on true
    where ${where}`.execute(db)
  return rows.map(toVisitor)
}

function toVisitor(row: VisitorRow): Visitor {
  return {
    id: row.id,
    name: row.name,
    jobTitle: row.jobTitle,
    email: row.email,
    emailVerified: row.emailVerified,
    phone: row.phone,
    crmStatus: row.crmStatus,
    company: row.company,
    owner: row.ownerEmail === null ? null : { name: row.ownerName, email: row.ownerEmail },
    crm:
      row.personUpdatedAt === null
        ? null
        : { source: 'directory', url: row.externalUrl, updatedAt: row.personUpdatedAt.toISOString() },
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
  id: string,
  corrections: Record<string, string | null | undefined>,
): Promise<void> {
  await sql`
    update visitors set corrections = jsonb_strip_nulls(corrections || ${JSON.stringify(corrections)}::jsonb)
    where id = ${id}`.execute(tx)
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
    -- whoever locks them does so in the same order
    order by c.id`.execute(tx)
  return rows
}
