-- 0017: what nearly every message is, a new one from somebody who may speak, is stored for less than two thirds of the
-- processor time. append_messages (0003) sorts and numbers whatever comes and judges each message by itself; here the
-- sender's side has put the messages of each conversation together, and those of one are stored all or not at all.
--
-- Of each conversation, its place counting from 1: its id, who speaks as its visitor and as its agent (null: nobody),
-- and how many messages there are up to its last one. Of each message: the place of its conversation, whether the agent
-- sends it, client id and text.
-- Returns a row for each conversation whose messages are stored: the first one has the seq before + 1. What is left
-- (somebody holds it, it is over, not theirs) is for append_messages.
-- Raises unique_violation by the index entries_once when one of the messages had been stored before.
create function append_fresh_messages(
  p_ids uuid[], p_visitors uuid[], p_agents uuid[], p_ends integer[],
  p_places integer[], p_by_agent boolean[], p_client_ids text[], p_texts text[],
  p_now timestamptz, p_idle interval)
returns table (place integer, before integer, at_ms double precision, visitor_id uuid, agent_id uuid)
language plpgsql
-- as in 0003: plans made on empty tables must not walk whole ones
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_places integer[];
  -- By place; null where a conversation is left.
  v_ids uuid[];
  v_visitors uuid[];
  v_agents uuid[];
  v_seqs integer[];
  v_ats timestamptz[];
begin
  -- Not "for update": who only holds the conversation's existence, as the search indexer does, is in nobody's way.
  select array_agg(h.place order by h.place), array_agg(h.id order by h.place), array_agg(h.visitor_id order by h.place),
         array_agg(h.agent_id order by h.place), array_agg(h.last_seq order by h.place), array_agg(h.at order by h.place)
  into v_places, v_ids, v_visitors, v_agents, v_seqs, v_ats
  from (
    select w.place::integer, c.id, c.visitor_id, c.agent_id, c.last_seq, greatest(p_now, c.last_at) as at
    from unnest(p_ids, p_visitors, p_agents) with ordinality as w (id, visitor_id, agent_id, place)
    join conversations c on c.id = w.id
    where (w.visitor_id is null or (w.visitor_id = c.visitor_id and c.status in ('waiting', 'active')))
      and (w.agent_id is null or (w.agent_id = c.agent_id and c.status = 'active'))
    for no key update of c skip locked
  ) h;
  if v_places is null then
    return;
  end if;
  if cardinality(v_places) < cardinality(p_ids) then
    select array_agg(h.id order by w.place), array_agg(h.visitor_id order by w.place),
           array_agg(h.agent_id order by w.place), array_agg(h.last_seq order by w.place), array_agg(h.at order by w.place)
    into v_ids, v_visitors, v_agents, v_seqs, v_ats
    from unnest(p_ids) with ordinality as w (id, place)
    left join unnest(v_places, v_ids, v_visitors, v_agents, v_seqs, v_ats)
      as h (place, id, visitor_id, agent_id, last_seq, at) on h.place = w.place;
  end if;

  return query
  with lines as (
    insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
    select v_ids[m.place], v_seqs[m.place] + m.n::integer - coalesce(p_ends[m.place - 1], 0), 'message',
           case when m.by_agent then 'agent' else 'visitor' end,
           case when m.by_agent then v_agents[m.place] else v_visitors[m.place] end, m.client_id, v_ats[m.place], m.text
    from unnest(p_places, p_by_agent, p_client_ids, p_texts) with ordinality as m (place, by_agent, client_id, text, n)
    where v_ids[m.place] is not null
    returning conversation_id, seq
  ),
  heads as (
    update conversations c set
      last_seq = h.last_seq + h.last - h.start, last_at = h.at, last_text = left(p_texts[h.last], 200),
      last_sender = case when p_by_agent[h.last] then 'agent' else 'visitor' end,
      waiting_since = case
        when p_by_agent[h.last] then null
        when h.answered then h.at
        else coalesce(c.waiting_since, h.at)
      end,
      idle_at = case when c.status = 'active' then h.at + p_idle end,
      idle_warned = false
    from (
      select v_ids[w.place] as id, v_seqs[w.place] as last_seq, v_ats[w.place] as at, p_agents[w.place] is not null as answered,
             coalesce(p_ends[w.place - 1], 0) as start, p_ends[w.place] as last
      from unnest(v_places) as w (place)
    ) h
    where c.id = h.id
  ),
  backlog as (
    insert into search_backlog (conversation_ids, seqs, at)
    select array_agg(l.conversation_id), array_agg(l.seq), p_now from lines l
  )
  select w.place, v_seqs[w.place], extract(epoch from v_ats[w.place])::double precision * 1000, v_visitors[w.place],
         v_agents[w.place]
  from unnest(v_places) as w (place);
end
$$;
