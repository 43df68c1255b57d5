import type { Pool } from 'pg'

/** What may be asked of a Foyer's routing once all is over, read from its rows alone: they are its history, whatever
 *  happened to the processes that wrote it. */

interface Limits {
  cap: number
  tries: number
  offerTimeoutMs: number
  /** How late a deadline may be acted on: processes were killed. */
  lateMs: number
}

interface Choice {
  offerId: string
  conversationId: string
  agentId: string
  round: number
  stage: string | null
  /** Agents passed over, by name or counted, before this one was asked. */
  passedOver: number
}

/** @returns what is broken, a sentence each. */
export async function faultsOfRouting(pool: Pool, limits: Limits): Promise<string[]> {
  const texts = await Promise.all([
    rowsThat(pool, snapshotFaults, [limits.cap]),
    rowsThat(pool, historyFaults, [limits.tries, limits.offerTimeoutMs, limits.lateMs]),
    turnFaults(pool),
  ])
  return texts.flat()
}

/** What no instant may show; may be asked at any time. */
export const faultsNow = (pool: Pool, cap: number): Promise<string[]> => rowsThat(pool, snapshotFaults, [cap])

async function rowsThat(pool: Pool, query: string, values: unknown[]): Promise<string[]> {
  const { rows } = await pool.query<{ what: string }>(query, values)
  return rows.map(({ what }) => what)
}

const snapshotFaults = `
  select 'agent ' || a.id || ' has ' || n.load || ' chats and offers' as what
  from agents a, lateral (select
    (select count(*) from conversations c where c.agent_id = a.id and c.status = 'active')
    + (select count(*) from offers o where o.agent_id = a.id and o.state = 'pending') as load) n
  where n.load > $1
  union all
  select 'conversation ' || conversation_id || ' has several pending offers'
  from offers where state = 'pending' group by conversation_id having count(*) > 1
  union all
  select 'conversation ' || conversation_id || ' was accepted by several'
  from offers where state = 'accepted' group by conversation_id, round having count(*) > 1
  union all
  select 'conversation ' || conversation_id || ' asked somebody twice'
  from offers group by conversation_id, round, agent_id having count(*) > 1
  union all
  select c.status || ' conversation ' || c.id || ' is on offer' from conversations c
  join offers o on o.conversation_id = c.id and o.state = 'pending' where c.status <> 'waiting'
  union all
  select c.status || ' conversation ' || c.id || ' is not with whoever accepted it' from conversations c
  where c.agent_id is distinct from case when c.status in ('active', 'ended') then (
    select o.agent_id from offers o where o.conversation_id = c.id and o.state = 'accepted'
    order by o.round desc limit 1) end`

const historyFaults = `
  select 'conversation ' || id || ' still waits' as what from conversations where status = 'waiting'
  union all
  select 'conversation ' || conversation_id || ' used up ' || count(*) || ' tries'
  from offers where state = 'expired' group by conversation_id, round having count(*) > $1
  union all
  -- whoever was not asked was passed over, by name or as one of so many
  select 'conversation ' || c.id || ' was given up after ' || n.expired || ' tries, with ' || n.others || ' not asked'
  from conversations c, lateral (
    select count(*) filter (where o.state = 'expired') as expired,
           (select count(*) from agents) - count(*) as others
    from offers o where o.conversation_id = c.id and o.round = c.round) n
  where c.end_reason = 'no_answer' and n.expired < $1 and n.others > (
    select count(distinct s.agent_id) filter (where not exists (
             select from offers o where o.conversation_id = c.id and o.round = c.round and o.agent_id = s.agent_id))
           + coalesce(max((select sum(v.value::int) from jsonb_each_text(s.detail) v)) filter (where s.agent_id is null), 0)
    from routing_steps s where s.conversation_id = c.id and s.round = c.round)
  union all
  select 'offer ' || id || ' had ' || expires_at - offered_at || ' to be answered'
  from offers where expires_at <> offered_at + $2 * interval '1 millisecond'
  union all
  select state || ' offer ' || id || ' was closed ' || closed_at - expires_at || ' after its deadline'
  from offers where state in ('accepted', 'declined') and closed_at > expires_at
  union all
  select 'offer ' || id || ' ran out ' || closed_at - expires_at || ' after its deadline' from offers
  where state = 'expired' and (closed_at < expires_at or closed_at > expires_at + $3 * interval '1 millisecond')
  union all
  select 'offer ' || o.id || ' is in no trace' from offers o
  where not exists (
    select from routing_steps s where s.offer_id = o.id and s.agent_id = o.agent_id and s.conversation_id = o.conversation_id
      and s.round = o.round and s.outcome = 'asked')
  union all
  select 'nothing tells why nobody was asked for ' || c.id from conversations c
  where c.end_reason = 'nobody_available' and not exists (select from routing_steps s where s.conversation_id = c.id)
  union all
  select 'nothing is kept of the request ' || c.id from conversations c
  where not exists (select from routing_requests r where r.conversation_id = c.id)
  union all
  select 'the log of ' || c.id || ' has a gap' from conversations c
  where c.last_seq <> (select count(*) from entries e where e.conversation_id = c.id)
  union all
  select 'conversation ' || c.id || ' ended ' || n.ends || ' times' from conversations c, lateral (
    select count(*) filter (where kind = 'ended') as ends from entries e where e.conversation_id = c.id) n
  where n.ends <> case when c.status in ('ended', 'missed') then 1 else 0 end`

/** The round robin over all: between the one asked last and the next there are only those who were passed over. Choices
 *  come in the order of the deadlines they left, which were written under the choosers' lock. */
async function turnFaults(pool: Pool): Promise<string[]> {
  const agents = await pool.query<{ id: string }>('select id from agents order by position')
  const places = agents.rows.map(({ id }) => id)
  const { rows } = await pool.query<Choice>(`
    select o.id as "offerId", o.conversation_id as "conversationId", o.agent_id as "agentId", o.round, s.stage,
           coalesce((
             select sum(case when p.agent_id is null then (select sum(v.value::int) from jsonb_each_text(p.detail) v) else 1 end)
             from routing_steps p
             where p.conversation_id = o.conversation_id and p.round = o.round and p.stage = 'round_robin'
               and p.outcome = 'passed_over' and p.n < s.n), 0)::int as "passedOver"
    from outbox b join offers o on o.id = (b.payload ->> 'offerId')::uuid
    left join routing_steps s on s.offer_id = o.id
    where b.task = 'expire-offer' order by b.id`)
  const faults: string[] = []
  const seen = new Set<string>()
  let last: number | null = null
  for (const { conversationId, round, agentId, stage, passedOver } of rows) {
    if (stage !== 'round_robin') continue
    const place = places.indexOf(agentId)
    const skipped = last === null ? 0 : (place - last - 1 + places.length) % places.length
    // a later choice in a round names only what is new: there the first one says how it was
    const isFirst = !seen.has(`${conversationId} ${round}`)
    if (last !== null && isFirst && skipped !== passedOver)
      faults.push(`agent ${place} was asked after ${last}, with ${passedOver} passed over`)
    seen.add(`${conversationId} ${round}`)
    last = place
  }
  return faults
}
