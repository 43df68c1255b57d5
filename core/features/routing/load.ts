import { type RawBuilder, sql } from 'kysely'

/** How many chats an agent has, active and offered together: what the cap counts. */
export const loadOf = (agentId: RawBuilder<unknown>): RawBuilder<number> => sql<number>`(
  (select count(*) from conversations c where c.agent_id = ${agentId} and c.status = 'active')
  + (select count(*) from offers o where o.agent_id = ${agentId} and o.state = 'pending'))`
