-- 0048: taking what waits for the search index compares nothing with everything. Its plan, made for the few lines of a calm
-- moment, looked through all conversations that were taken for each line of them: of 10,000 lines of 1,000 conversations, as many as
-- are taken at once where much is said, ten million comparisons and up to two seconds, which messages of that moment waited for.
-- Whose lines they are comes along with the lock now. Else as in 0043.
create or replace function take_search_backlog(p_groups integer, p_lines integer, p_octets integer, p_document integer)
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
    select c.id, said.seqs from conversations c join said on said.conversation_id = c.id order by c.id for key share of c
  ), line as (
    select held.id as conversation_id, e.seq, e.text,
           sum(octet_length(e.text)) over (rows unbounded preceding) - octet_length(e.text) < p_octets as fits
    from held, lateral (
      select e.seq, e.text from entries e
      where e.conversation_id = held.id and e.seq = any (held.seqs) and e.text is not null
    ) e
  )
  select conversation_id, array_agg(seq)::text, count(*)::int, string_agg(text, ' ') filter (where fits),
         (select min(at) from taken)::text,
         (select count(*) from next) > (select count(*) from taken) or p_groups = 1
  from line
  group by conversation_id, seq / p_document, fits;
end
$$;
