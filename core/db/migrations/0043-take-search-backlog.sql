-- 0043: what waits for the search index is taken by a function, whose plan is kept: planning the statement took longer than
-- carrying it out for the lines of a twentieth of a second, and those are as many as may be taken without keeping
-- messages of that moment waiting.
--
-- Takes the oldest p_groups groups of the backlog, or of them as many as have p_lines lines together, and at least one. Returns a row
-- for each document there is to write: a conversation's lines, at most p_document of them; their text, or null
-- beyond p_octets of all text together.
create function take_search_backlog(p_groups integer, p_lines integer, p_octets integer, p_document integer)
returns table (conversation_id uuid, seqs text, lines integer, text text, since text, may_be_more boolean)
language plpgsql
-- as in 0003: plans made on empty tables must not walk whole ones
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with next as (
    select id, sum(cardinality(seqs)) over (order by id) as lines, row_number() over (order by id) as place
    from (select id, seqs from search_backlog order by id limit p_groups for update skip locked) b
  ), taken as (
    delete from search_backlog where id in (select id from next where lines <= p_lines or place = 1)
    returning conversation_ids, seqs, at
  ), said as (
    select conversation_id, array_agg(seq) as seqs
    from taken, unnest(taken.conversation_ids, taken.seqs) as line (conversation_id, seq) group by conversation_id
  ), held as (
    -- instead of a foreign key: while their words are written, none of them is deleted
    select c.id from conversations c where c.id in (select conversation_id from said) order by c.id for key share
  ), line as (
    select held.id as conversation_id, e.seq, e.text,
           sum(octet_length(e.text)) over (rows unbounded preceding) - octet_length(e.text) < p_octets as fits
    from held join said on said.conversation_id = held.id, lateral (
      select e.seq, e.text from entries e
      where e.conversation_id = held.id and e.seq = any (said.seqs) and e.text is not null
    ) e
  )
  select conversation_id, array_agg(seq)::text, count(*)::int, string_agg(text, ' ') filter (where fits),
         (select min(at) from taken)::text,
         (select count(*) from next) > (select count(*) from taken) or p_groups = 1
  from line
  group by conversation_id, seq / p_document, fits;
end
$$;
