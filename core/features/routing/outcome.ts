import { sql } from 'kysely'
import type { OfferOutcome } from '../../contracts/push.ts'
import type { Db } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'

/** What became of an offer made to this agent: for whoever comes by a notification and may be too late.
 *  @throws {NotFoundError} it was made to somebody else */
export async function offerOutcome(
  db: Db,
  now: Date,
  agentId: string,
  offerId: string,
): Promise<OfferOutcome> {
  const { rows } = await sql<OfferOutcome>`
    select o.conversation_id,
           case when o.state = 'pending' and o.expires_at <= ${now} then 'expired' else o.state end as state,
           coalesce(v.corrections ->> 'name', v.name) as visitor, c.agent_id = ${agentId} as is_own, t.name as taken_by
    from offers o
    join conversations c on c.id = o.conversation_id
    join visitors v on v.id = c.visitor_id
    left join agents t on t.id = c.agent_id and t.id <> ${agentId}
    where o.id = ${offerId} and o.agent_id = ${agentId}`.execute(db)
  const row = rows[0]
  if (!row) throw new NotFoundError('offer')
  return { ...row, isOwn: row.isOwn ?? false }
}
