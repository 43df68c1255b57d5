import { type RawBuilder, sql } from 'kysely'

/** How many chats an agent has, active and offered together: what the cap counts. */
export const loadOf = (agentId: RawBuilder<unknown>): RawBuilder<number> => sql<number>`(
  (select count(*) from conversations c where c.agent_id = ${agentId} and c.status = 'active')
  + (select count(*) from offers o where o.agent_id = ${agentId} and o.state = 'pending'))`

/** The same for everybody who has any, as rows of (agent_id, load): at once for all, which takes a fraction of the time of
 *  counting for each. */
export const loads = sql`(
  select open.agent_id, count(*) as load from (
    select c.agent_id from conversations c where c.status = 'active'
    union all
    select o.agent_id from offers o where o.state = 'pending') open
  group by open.agent_id)`
