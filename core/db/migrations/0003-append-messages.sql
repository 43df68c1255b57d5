-- 0003: stores a whole group of messages in one round trip. The function takes a fresh snapshot for each of its
-- statements, so what is read after the lock is what the lock protects: seq has no gaps.
--
-- p_ids: the conversations the messages are for, each once.
-- p_messages: [[conversation id, sender type, sender id, client id, text], ...] in the order of arrival, no client id of
-- one sender twice.
-- p_repeated: whether some may have been stored before. Looking for them costs an index look-up each, so it is done for
-- all only when an attempt without it has run into the index entries_once.
-- Returns one row a message, in that order. status:
--   stored     now, or before (is_new false): seq and at_ms tell where
--   busy       somebody else holds the conversation right now: try again with the next group
--   ended      the conversation takes no more messages
--   not_found  no such conversation for this sender
create function append_messages(p_ids uuid[], p_messages jsonb, p_now timestamptz, p_idle interval, p_repeated boolean)
returns table (status text, seq integer, at_ms double precision, is_new boolean, visitor_id uuid, agent_id uuid)
language plpgsql
-- The plans are made once a connection and kept, perhaps while the tables are still empty: a walk over a whole table
-- must never look cheap (tried: 20 ms for four messages once there were 80,000).
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
  v_statuses text[];
  v_visitors uuid[];
  v_agents uuid[];
  v_seqs integer[];
  v_ats timestamptz[];
begin
  select array_agg(h.id), array_agg(h.status), array_agg(h.visitor_id), array_agg(h.agent_id), array_agg(h.last_seq),
         array_agg(h.last_at)
  into v_ids, v_statuses, v_visitors, v_agents, v_seqs, v_ats
  from (
    select c.id, c.status, c.visitor_id, c.agent_id, c.last_seq, c.last_at from conversations c
    where c.id = any (p_ids) order by c.id for update skip locked
  ) h;

  return query
  with judged as (
    select i.*, known.seq as known_seq, known.at as known_at,
           case
             when known.seq is not null then 'stored'
             when i.may then 'fresh'
             when i.held and i.is_sender then 'ended'
             when i.held or not exists (select from conversations x where x.id = i.conversation_id) then 'not_found'
             else 'busy'
           end as verdict
    from (
      select m.*, h.id is not null as held, h.visitor_id, h.agent_id, h.last_seq, greatest(p_now, h.last_at) as at,
             m.sender_id = case m.sender_type when 'visitor' then h.visitor_id else h.agent_id end as is_sender,
             m.sender_id = case m.sender_type when 'visitor' then h.visitor_id else h.agent_id end
               and (h.status = 'active' or (h.status = 'waiting' and m.sender_type = 'visitor')) as may
      from (
        select (value ->> 0)::uuid as conversation_id, value ->> 1 as sender_type, (value ->> 2)::uuid as sender_id,
               value ->> 3 as client_id, value ->> 4 as text, n
        from jsonb_array_elements(p_messages) with ordinality as t (value, n)
      ) m
      left join unnest(v_ids, v_statuses, v_visitors, v_agents, v_seqs, v_ats)
        as h (id, status, visitor_id, agent_id, last_seq, last_at) on h.id = m.conversation_id
    ) i
    -- what may not be stored now may have been stored while it might
    left join lateral (
      select e.seq, e.at from entries e
      where (p_repeated or i.may is not true) and i.held and e.conversation_id = i.conversation_id
        and e.sender_type = i.sender_type and e.sender_id = i.sender_id and e.client_id = i.client_id
      limit 1
    ) known on true
  ),
  lines as materialized (
    select j.*, j.last_seq + (row_number() over line)::integer as seq,
           lead(j.n) over line is null as is_last,
           bool_or(j.sender_type = 'agent') over (partition by j.conversation_id, j.verdict) as answered
    from judged j
    window line as (partition by j.conversation_id, j.verdict order by j.n)
  ),
  stored as (
    insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
    select l.conversation_id, l.seq, 'message', l.sender_type, l.sender_id, l.client_id, l.at, l.text
    from lines l where l.verdict = 'fresh'
  ),
  advanced as (
    update conversations c set
      last_seq = l.seq, last_at = l.at, last_text = left(l.text, 200), last_sender = l.sender_type,
      waiting_since = case
        when l.sender_type = 'agent' then null
        when l.answered then l.at
        else coalesce(c.waiting_since, l.at)
      end,
      idle_at = case when c.status = 'active' then l.at + p_idle end,
      idle_warned = false
    from lines l where l.verdict = 'fresh' and l.is_last and c.id = l.conversation_id
  ),
  backlog as (
    insert into search_backlog (conversation_ids, seqs, at)
    select array_agg(l.conversation_id), array_agg(l.seq), p_now from lines l where l.verdict = 'fresh' having count(*) > 0
  )
  select
    case when l.verdict = 'fresh' then 'stored' else l.verdict end,
    case when l.verdict = 'fresh' then l.seq else l.known_seq end,
    extract(epoch from case when l.verdict = 'fresh' then l.at else l.known_at end)::double precision * 1000,
    l.verdict = 'fresh',
    l.visitor_id, l.agent_id
  from lines l order by l.n;
end
$$;
