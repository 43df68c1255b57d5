import { type RawBuilder, sql } from 'kysely'
import type { Offer, Page } from '../../contracts/conversations.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { joinKnown, knownField, knownStatus } from '../visitors/known.ts'

interface OfferRow {
  id: string
  agentId: string
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
  return (await readOffers(db, where)).map(({ offer }) => offer)
}

/** What of a conversation is put to somebody now, with whom to tell of it once more. */
export const pendingOffersOfConversation = (tx: Tx, now: Date, conversationId: string) =>
  readOffers(tx, sql`o.conversation_id = ${conversationId} and o.state = 'pending' and o.expires_at > ${now}`)

async function readOffers(
  db: Db | Tx,
  where: RawBuilder<unknown>,
): Promise<{ agentId: string; offer: Offer }[]> {
  const { rows } = await sql<OfferRow>`${plannedOnce}
    select o.id, o.agent_id, o.conversation_id, o.state, o.offered_at, o.expires_at,
           ${knownField('name')} as name, ${knownField('company')} as company, ${knownStatus} as crm_status, c.page, c.first_text, f.name as handed_over_by, o.note
    from offers o
    join conversations c on c.id = o.conversation_id
    join visitors v on v.id = c.visitor_id
    left join agents f on f.id = o.from_agent_id
    ${joinKnown}
    where ${where}
    order by o.offered_at, o.id`.execute(db)
  return rows.map((row) => ({
    agentId: row.agentId,
    offer: {
      id: row.id,
      conversationId: row.conversationId,
      state: row.state,
      offeredAt: row.offeredAt.toISOString(),
      expiresAt: row.expiresAt.toISOString(),
      visitor: { name: row.name, company: row.company, crmStatus: row.crmStatus },
      page: row.page ? { url: row.page.url, title: row.page.title ?? null } : null,
      firstText: row.firstText,
      handover: row.handedOverBy === null ? null : { from: row.handedOverBy, note: row.note },
    },
  }))
}

/** What is put to an agent now. */
export const pendingOffersOfAgent = (db: Db | Tx, now: Date, agentId: string): Promise<Offer[]> =>
  describeOffers(db, sql`o.agent_id = ${agentId} and o.state = 'pending' and o.expires_at > ${now}`)
