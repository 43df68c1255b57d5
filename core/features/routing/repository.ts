import { type RawBuilder, sql } from 'kysely'
import type { Offer, Page } from '../../contracts/conversations.ts'
import type { Db, Tx } from '../../db/pool.ts'

interface OfferRow {
  id: string
  conversationId: string
  state: Offer['state']
  offeredAt: Date
  expiresAt: Date
  name: string | null
  company: string | null
  crmStatus: string | null
  page: Page | null
  firstText: string
  handedOverBy: string | null
  note: string | null
}

/** Offers as the banner shows them, oldest first. @param where a condition over `o` (offers). */
export async function describeOffers(db: Db | Tx, where: RawBuilder<unknown>): Promise<Offer[]> {
  const { rows } = await sql<OfferRow>`
    select o.id, o.conversation_id, o.state, o.offered_at, o.expires_at,
           coalesce(v.corrections ->> 'name', v.name, p.name) as name,
           coalesce(v.corrections ->> 'company', v.company, p.company) as company,
           p.crm_status, c.page, c.first_text, f.name as handed_over_by, o.note
    from offers o
    join conversations c on c.id = o.conversation_id
    join visitors v on v.id = c.visitor_id
    left join agents f on f.id = o.from_agent_id
    left join people p on p.email = coalesce(v.corrections ->> 'email', v.email)
    where ${where}
    order by o.offered_at, o.id`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    conversationId: row.conversationId,
    state: row.state,
    offeredAt: row.offeredAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    visitor: { name: row.name, company: row.company, crmStatus: row.crmStatus },
    page: row.page ? { url: row.page.url, title: row.page.title ?? null } : null,
    firstText: row.firstText,
    handover: row.handedOverBy === null ? null : { from: row.handedOverBy, note: row.note },
  }))
}

export const pendingOffersOf = (db: Db | Tx, now: Date, agentId: string): Promise<Offer[]> =>
  describeOffers(db, sql`o.agent_id = ${agentId} and o.state = 'pending' and o.expires_at > ${now}`)
