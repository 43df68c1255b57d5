import { type AnAgent, never, roundTheClock } from '#tests/support/factories.ts'
import type { AgentState } from './circle-model.ts'
import type { RoutingWorld } from './world.ts'

/** Puts every agent into a state, all at once; chats and meetings there were before are forgotten. */
export async function takeStates(
  { pool, clock, siteId }: RoutingWorld,
  agents: AnAgent[],
  states: AgentState[],
  cap: number,
): Promise<void> {
  const now = clock.now()
  const given = [agents.map(({ id }) => id), states]
  await pool.query('truncate visitors, meetings, meeting_settings, outbox cascade')
  await pool.query(
    `update agents a
     set active = g.state <> 'inactive',
         live_chat_schedule = case g.state when 'off_duty' then $3::jsonb else $4::jsonb end,
         override_status = case when g.state in ('away', 'full_and_away') then 'unavailable' end,
         override_set_at = case when g.state in ('away', 'full_and_away') then $5::timestamptz end,
         override_until = null, override_cause = null
     from unnest($1::uuid[], $2::text[]) as g (id, state) where g.id = a.id`,
    [...given, JSON.stringify(never), JSON.stringify(roundTheClock), now],
  )
  await pool.query('delete from presence')
  await pool.query(
    `insert into presence (socket_id, process_id, subject_type, subject_id, connected_at)
     select gen_random_uuid(), p.id, 'agent', g.id, $3
     from unnest($1::uuid[], $2::text[]) as g (id, state), processes p
     where g.state not in ('unreachable', 'full_and_unreachable') and p.alive_until = 'infinity'`,
    [...given, now],
  )
  await pool.query(
    `insert into meeting_settings (agent_id, settings, changed_at)
     select g.id, '{"noChatsWhileBusy": true}', $3 from unnest($1::uuid[], $2::text[]) as g (id, state)
     where g.state = 'in_a_meeting'`,
    [...given, now],
  )
  await pool.query(
    `insert into meetings (id, agent_id, state, name, email, start_at, end_at, time_zone, wall_time, agent_time_zone,
       agent_wall_time, title, event_id, held_at, booked_at, changed_at)
     select gen_random_uuid(), g.id, 'booked', 'Ada', 'ada@northwind.test', $3, $3::timestamptz + interval '1 hour', 'UTC', '',
       'UTC', '', 'Demo', replace(g.id::text, '-', ''), $3, $3, $3
     from unnest($1::uuid[], $2::text[]) as g (id, state) where g.state = 'in_a_meeting'`,
    [...given, now],
  )
  await pool.query(
    `with chats as (
       select gen_random_uuid() as visitor_id, g.id as agent_id
       from unnest($1::uuid[], $2::text[]) as g (id, state), generate_series(1, $3::int)
       where g.state like 'full%'
     ), made as (
       insert into visitors (id, site_id, created_at, seen_at) select visitor_id, $4, $5, $5 from chats
     )
     insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at,
       first_text, last_at, visitor_seen_at)
     select gen_random_uuid(), $4, visitor_id, 'active', agent_id, 'full', $5, $5, 'Hello', $5, $5 from chats`,
    [...given, cap, siteId, now],
  )
}

/** One of the chats that {@link takeStates} gave to this agent. @returns whether there was one. */
export async function chatEnds({ pool, clock }: RoutingWorld, agentId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update conversations set status = 'ended', ended_at = $2, end_reason = 'agent'
     where id = (select id from conversations where agent_id = $1 and status = 'active' limit 1)`,
    [agentId, clock.now()],
  )
  return rowCount === 1
}
