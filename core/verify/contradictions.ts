import type { Pool } from 'pg'

/** Something in the database that no run of Foyer, however it was interrupted, may leave behind. */
export interface Contradiction {
  /** The rule that is broken, as a sentence. */
  rule: string
  /** What breaks it: ids of rows, at most `mostNamed`. */
  ids: string[]
  /** How many rows break it. */
  count: number
}

const mostNamed = 5

interface Rule {
  says: string
  /** Selects `id`, as text, of what breaks it. $1: whatever was due before this instant should be done by now. */
  broken: string
}

/** Of `m`, with its buffers. */
const timeOfMeeting = `tstzrange(
  m.start_at - m.buffer_before_minutes * interval '1 minute', m.end_at + m.buffer_after_minutes * interval '1 minute')`

const rules: Rule[] = [
  {
    says: 'A chat’s log has no gap, and its head is the last line',
    broken: `
      select c.id::text from conversations c
      left join (select conversation_id, count(*) as lines, min(seq) as first, max(seq) as last from entries group by 1) e
        on e.conversation_id = c.id
      where (coalesce(e.lines, 0), coalesce(e.last, 0)) <> (c.last_seq, c.last_seq) or e.first > 1`,
  },
  {
    says: 'Every line belongs to a chat',
    broken: `
      select distinct e.conversation_id::text as id from entries e
      where not exists (select from conversations c where c.id = e.conversation_id)`,
  },
  {
    says: 'Nobody has read or received lines that were not written',
    broken: `
      select id::text from conversations
      where greatest(agent_read_seq, visitor_read_seq, visitor_received_seq, mailed_seq) > last_seq`,
  },
  {
    says: 'One agent at most has accepted a request in one round',
    broken: `
      select conversation_id::text as id from offers where state = 'accepted' and kind = 'request'
      group by conversation_id, round having count(*) > 1`,
  },
  {
    says: 'Only what waits is put to agents, and only what is active is handed over',
    broken: `
      select o.id::text from offers o join conversations c on c.id = o.conversation_id
      where o.state = 'pending' and c.status <> case o.kind when 'handover' then 'active' else 'waiting' end`,
  },
  {
    says: 'An offer nobody answers ends in time',
    broken: `select id::text from offers where state = 'pending' and expires_at < $1`,
  },
  {
    says: 'Somebody is being asked for whoever waits',
    broken: `
      select c.id::text from conversations c
      where c.status = 'waiting' and coalesce(c.routed_at, c.requested_at) < $1
        and not exists (select from offers o where o.conversation_id = c.id and o.state = 'pending')
        and not exists (select from offers o where o.conversation_id = c.id and o.closed_at >= $1)`,
  },
  {
    says: 'A chat without a message ends in time',
    broken: `select id::text from conversations where status = 'active' and idle_at < $1`,
  },
  {
    says: 'No active chat is with an agent who is deactivated',
    broken: `
      select c.id::text from conversations c join agents a on a.id = c.agent_id
      where c.status = 'active' and not a.active`,
  },
  {
    says: 'A meeting has a time only while it is held or booked, and it is its agent’s',
    broken: `
      select m.id::text from meetings m join taken_times t on t.meeting_id = m.id
      where m.state in ('cancelled', 'failed') or t.agent_id <> m.agent_id
      union select m.id::text from meetings m
      where m.state = 'held' and not exists (select from taken_times t where t.meeting_id = m.id)`,
  },
  {
    says: 'A meeting that is booked has its time, unless another one has some of it',
    broken: `
      select m.id::text from meetings m where m.state = 'booked' and m.end_at > $1
        and not exists (select from taken_times t where t.meeting_id = m.id)
        and not exists (select from taken_times t where t.agent_id = m.agent_id and t.taken && ${timeOfMeeting})`,
  },
  {
    says: 'The time of a meeting that is not being moved is the one that is taken',
    broken: `
      select m.id::text from meetings m join taken_times t on t.meeting_id = m.id
      where m.state in ('held', 'booked') and m.moving_to is null and m.event_due is distinct from 'look'
        and t.taken <> ${timeOfMeeting}`,
  },
  {
    says: 'What a calendar has still to be told is what became of the meeting',
    broken: `
      select id::text from meetings where (state = 'held') <> (event_due is not distinct from 'insert')
        or (event_due is not distinct from 'move') <> (moving_to is not null)
        or event_due = 'cancel' and state not in ('cancelled', 'failed') or event_due = 'look' and state <> 'booked'`,
  },
  {
    says: 'What is promised is worked on in time, or given up with a reason',
    broken: `
      select o.id::text from outbox o
      where o.state = 'open' and o.run_at < $1 and (o.claimed_until is null or o.claimed_until < $1) and not exists (
        select from outbox older where older.order_key = o.order_key and older.state = 'open' and older.id < o.id)
      union all select id::text from outbox where state = 'dead' and last_error is null`,
  },
  {
    says: 'What is said becomes searchable',
    broken: `select id::text from search_backlog where at < $1`,
  },
  {
    says: 'What is written to a CRM is of a visitor there is',
    broken: `
      select w.id::text from crm_writes w
      where w.state = 'open' and not w.held and w.changed_at < $1 and not exists (select from visitors v where v.id = w.visitor_id)`,
  },
]

export const ruleCount = rules.length

/**
 * Looks for what contradicts itself in what Foyer holds, all as of one moment; Foyer may run. Reads every line once: minutes for
 * ten million.
 * @param dueBefore what was due before it counts as left lying: some minutes ago, or Foyer's own delays are taken for faults.
 * @returns one for each rule that is broken; empty: all is well.
 */
export async function findContradictions(pool: Pool, dueBefore: Date): Promise<Contradiction[]> {
  const client = await pool.connect()
  try {
    await client.query('begin isolation level repeatable read read only')
    await client.query('set local statement_timeout = 0')
    const found: Contradiction[] = []
    for (const { says, broken } of rules) {
      const { rows } = await client.query<{ id: string; count: number }>(
        `select id, count(*) over () as count from (${broken}) broken, (select $1::timestamptz) given limit ${mostNamed}`,
        [dueBefore],
      )
      if (rows[0]) found.push({ rule: says, ids: rows.map(({ id }) => id), count: rows[0].count })
    }
    return found
  } finally {
    await client.query('rollback').catch(() => undefined)
    client.release()
  }
}
