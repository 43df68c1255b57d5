import { sql } from 'kysely'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type StoredRoute, toRoute } from '../sites/route.ts'
import type { RoutingRequest } from './choose.ts'

interface RequestRow extends StoredRoute {
  pending: number
  expired: number
  asked: number
  hasCrm: boolean
  wantedAgentId: string | null
  previousAgentId: string | null
  takenFromAgentId: string | null
  email: string | null
  company: string | null
}

/** What routing decides by, and how far this round has come. The previous agent is whoever talked with the visitor the
 *  last time, however many requests were missed since. */
export async function readRequest(
  tx: Tx,
  { id, round }: { id: string; round: number },
): Promise<{
  request: RoutingRequest
  pending: number
  expired: number
  asked: number
  /** Whether somebody can be asked who the visitor is. */
  hasCrm: boolean
} | null> {
  const { rows } = await sql<RequestRow>`${plannedOnce}
    select offered.pending, offered.expired, offered.asked, c.wanted_agent_id,
           (select p.agent_id from conversations p
            where p.visitor_id = c.visitor_id and p.agent_id is not null
            order by p.requested_at desc limit 1) as previous_agent_id,
           (select o.agent_id from offers o
            where o.conversation_id = c.id and o.state = 'accepted'
            order by o.round desc limit 1) as taken_from_agent_id,
           coalesce(v.corrections ->> 'email', v.email) as email,
           coalesce(v.corrections ->> 'company', v.company) as company,
           s.route, s.route_agent_id, s.route_team_id,
           exists (select from connections n where n.state = 'active') as has_crm
    from conversations c
    join visitors v on v.id = c.visitor_id
    join sites s on s.id = c.site_id
    cross join lateral (
      select count(*) filter (where state = 'pending') as pending, count(*) filter (where state = 'expired') as expired,
             count(*) as asked
      from offers o where o.conversation_id = c.id and o.round = ${round}) offered
    where c.id = ${id}`.execute(tx)
  const row = rows[0]
  if (!row) return null
  return {
    pending: row.pending,
    expired: row.expired,
    asked: row.asked,
    hasCrm: row.hasCrm,
    request: {
      conversation: row.asked > 0 ? { id, round } : null,
      wantedAgentId: row.wantedAgentId,
      previousAgentId: row.previousAgentId,
      takenFromAgentId: row.takenFromAgentId,
      email: row.email,
      company: row.company,
      route: toRoute(row),
    },
  }
}

/** The request that a visitor might make on a site now, for {@link import('./plan.ts').planRoute}. Without a visitor, one
 *  that nothing is known of. */
export async function imagineRequest(
  db: Db | Tx,
  { siteId, visitorId = null }: { siteId: string; visitorId?: string | null },
): Promise<RoutingRequest | null> {
  const { rows } = await sql<Pick<RequestRow, 'previousAgentId' | 'email' | 'company' | keyof StoredRoute>>`
    select (select p.agent_id from conversations p
            where p.visitor_id = v.id and p.agent_id is not null
            order by p.requested_at desc limit 1) as previous_agent_id,
           coalesce(v.corrections ->> 'email', v.email) as email,
           coalesce(v.corrections ->> 'company', v.company) as company,
           s.route, s.route_agent_id, s.route_team_id
    from sites s left join visitors v on v.id = ${visitorId}
    where s.id = ${siteId}`.execute(db)
  const row = rows[0]
  if (!row) return null
  const { previousAgentId, email, company } = row
  const fresh = { conversation: null, wantedAgentId: null, takenFromAgentId: null }
  return { ...fresh, previousAgentId, email, company, route: toRoute(row) }
}
