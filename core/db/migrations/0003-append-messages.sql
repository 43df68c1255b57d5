-- 0003: stores a whole group of messages in one round trip. The function takes a fresh snapshot for each of its
-- statements, so what is read after the lock is what the lock protects: seq has no gaps, and a repeated send is found
-- however it raced with its first copy.
--
-- p_messages: [[conversation id, sender type, sender id, client id, text], ...] in the order of arrival.
-- Returns one row a message, in that order. status:
--   stored     now, or before (a repeated send): seq and at tell where
--   busy       somebody else holds the conversation right now: try again with the next group
--   ended      the conversation takes no more messages
--   not_found  no such conversation for this sender
create function append_messages(p_messages jsonb, p_now timestamptz, p_idle interval)
returns table (status text, seq integer, at_ms double precision, is_new boolean, visitor_id uuid, agent_id uuid)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_held uuid[];
begin
  select array_agg(held.id) into v_held from (
    select c.id from conversations c
    where c.id in (select distinct (m ->> 0)::uuid from jsonb_array_elements(p_messages) m)
    order by c.id
    for update skip locked
  ) held;

  return query
  with input as materialized (
    select (m ->> 0)::uuid as conversation_id, m ->> 1 as sender_type, (m ->> 2)::uuid as sender_id,
           m ->> 3 as client_id, m ->> 4 as text, n
    from jsonb_array_elements(p_messages) with ordinality as t (m, n)
  ),
  judged as materialized (
    select i.*, c.status as conversation_status, c.visitor_id, c.agent_id, c.last_seq,
           greatest(p_now, c.last_at) as at, e.seq as known_seq, e.at as known_at,
           case
             when c.id is null then case when exists (select from conversations x where x.id = i.conversation_id) then 'busy' else 'not_found' end
             when e.seq is not null then 'stored'
             when i.sender_type = 'visitor' and c.visitor_id <> i.sender_id then 'not_found'
             when i.sender_type = 'agent' and c.agent_id is distinct from i.sender_id then 'not_found'
             when c.status = 'active' or (c.status = 'waiting' and i.sender_type = 'visitor') then 'fresh'
             else 'ended'
           end as verdict
    from input i
    left join conversations c on c.id = i.conversation_id and c.id = any (v_held)
    left join entries e on e.conversation_id = c.id and e.sender_type = i.sender_type
      and e.sender_id = i.sender_id and e.client_id = i.client_id
  ),
  -- the same send twice in one group is one message
  fresh as materialized (
    select j.*, j.last_seq + (row_number() over (partition by j.conversation_id order by j.n))::integer as seq
    from (
      select distinct on (conversation_id, sender_type, sender_id, client_id) * from judged
      where verdict = 'fresh' order by conversation_id, sender_type, sender_id, client_id, n
    ) j
  ),
  stored as (
    insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
    select f.conversation_id, f.seq, 'message', f.sender_type, f.sender_id, f.client_id, f.at, f.text from fresh f
  ),
  heads as (
    select f.conversation_id, max(f.seq) as seq, max(f.at) as at,
           (array_agg(left(f.text, 200) order by f.seq desc))[1] as text,
           (array_agg(f.sender_type order by f.seq desc))[1] as sender,
           bool_or(f.sender_type = 'agent') as answered
    from fresh f group by f.conversation_id
  ),
  advanced as (
    update conversations c set
      last_seq = h.seq, last_at = h.at, last_text = h.text, last_sender = h.sender,
      waiting_since = case
        when h.sender = 'agent' then null
        when h.answered then h.at
        else coalesce(c.waiting_since, h.at)
      end,
      idle_at = case when c.status = 'active' then h.at + p_idle end,
      idle_warned = false
    from heads h where c.id = h.conversation_id
  ),
  backlog as (
    insert into search_backlog (conversation_ids, seqs, at)
    select array_agg(f.conversation_id), array_agg(f.seq), p_now from fresh f having count(*) > 0
  )
  select
    case when j.verdict = 'fresh' then 'stored' else j.verdict end,
    coalesce(f.seq, j.known_seq),
    extract(epoch from coalesce(f.at, j.known_at))::double precision * 1000,
    f.n is not null and f.n = j.n,
    j.visitor_id, j.agent_id
  from judged j
  left join fresh f on f.conversation_id = j.conversation_id and f.sender_type = j.sender_type
    and f.sender_id = j.sender_id and f.client_id = j.client_id
  order by j.n;
end
$$;
