import type pg from 'pg'

/** Who can still be asked when nearly all are full: one of forty, more than the choice looks at first. */
const oneFreeOf = 40

/** @returns how many agents of so many {@link fillUp} leaves as they were. */
export const freeOf = (agents: number): number => agents / oneFreeOf

/** Gives everybody but one of forty as many chats as they may have; what has been asked by then is forgotten. The chats began
 *  an hour ago: what is new is repeated to agents by a look of every few seconds, and is not what is measured.
 *  @param cap chats of one agent at most. */
export async function fillUp(database: pg.Pool, cap: number): Promise<void> {
  await forgetRequests(database)
  await database.query(
    `with full_agents as (
       select a.id, $2 - count(c.id) as missing
       from (select id, row_number() over (order by position) as n from agents) a
       left join conversations c on c.agent_id = a.id and c.status = 'active'
       where a.n % $1 <> 0 group by a.id
     ), chats as (
       select f.id as agent_id, gen_random_uuid() as visitor_id, s.id as site_id
       from full_agents f, sites s, generate_series(1, f.missing)
     ), made as (
       insert into visitors (id, site_id, created_at, seen_at) select visitor_id, site_id, now(), now() from chats
     )
     insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at,
       first_text, last_at, idle_at, visitor_seen_at)
     select gen_random_uuid(), site_id, visitor_id, 'active', agent_id, 'full', at, at, 'Hello', at,
            now() + interval '1 hour', now()
     from chats cross join (select now() - interval '1 hour' as at) began`,
    [oneFreeOf, cap],
  )
}

/** As if nobody had asked: the few who are free stay free for the next ones. */
export async function forgetRequests(database: pg.Pool): Promise<void> {
  await database.query(`delete from conversations where status = 'waiting'`)
}
