import { type RawBuilder, sql } from 'kysely'
import type { Offer, Page } from '../../contracts/conversations.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { joinKnown, knownField, knownStatus } from '../visitors/known.ts'

interface AboutRow {
  name: string | null
  company: string | null
  crmStatus: string | null
  page: Page | null
  firstText: string
}

/** Of `c` (conversations), with {@link joinKnown}. */
const aboutColumns = sql`
  ${knownField('name')} as name, ${knownField('company')} as company, ${knownStatus} as crm_status, c.page, c.first_text`

interface OfferRow extends AboutRow {
  id: string
  agentId: string
  conversationId: string
  state: Offer['state']
  offeredAt: Date
  expiresAt: Date
  handedOverBy: string | null
  note: string | null
}

/** What a banner says of who asks and what they want. */
export type OfferedRequest = Pick<Offer, 'visitor' | 'page' | 'firstText'>

/** Of a conversation that is about to be offered, whose row `tx` holds: nothing of it changes until the offer is there. */
export async function describeRequest(tx: Tx, conversationId: string): Promise<OfferedRequest | null> {
  const { rows } = await sql<AboutRow>`${plannedOnce}
    select ${aboutColumns}
    from conversations c
    join visitors v on v.id = c.visitor_id
    ${joinKnown}
    where c.id = ${conversationId}`.execute(tx)
  return rows[0] ? toRequest(rows[0]) : null
}

const toRequest = ({ name, company, crmStatus, page, firstText }: AboutRow): OfferedRequest => ({
  visitor: { name, company, crmStatus },
  page: page ? { url: page.url, title: page.title ?? null } : null,
  firstText,
})

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
           ${aboutColumns}, f.name as handed_over_by, o.note
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
      ...toRequest(row),
      handover: row.handedOverBy === null ? null : { from: row.handedOverBy, note: row.note },
    },
  }))
}

/** What is put to an agent now. */
export const pendingOffersOfAgent = (db: Db | Tx, now: Date, agentId: string): Promise<Offer[]> =>
  describeOffers(db, sql`o.agent_id = ${agentId} and o.state = 'pending' and o.expires_at > ${now}`)
