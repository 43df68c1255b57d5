-- 0046: what others use of a vendor's day stays used. Ten minutes after the vendor had said so it counted for nothing, and all that
-- background work wanted by then went out at once, into the reserve of live chats. Now it is one request in ten minutes, whose answer
-- tells how it is; and nobody waits longer to ask, where the next of our own slices leaves the stretch hours later.

-- As before (0016): takes up to p_want turns under all of the limits at once and says how many it got, and after how many milliseconds
-- one more can be had. A stretch of time is 40 slices; a slice counts until it is wholly out of the stretch, so no
-- stretch ever has more than p_max, wherever it begins.
create or replace function take_turns(
  p_connection uuid, p_now timestamptz, p_want integer, p_names text[], p_max integer[], p_per_ms bigint[], p_share real[]
) returns table (granted integer, wait_ms bigint) language plpgsql as $$
declare
  slices constant integer := 41;
  now_ms constant bigint := floor(extract(epoch from p_now) * 1000);
  size bigint;
  current bigint;
  row connection_limits;
  free integer;
  others integer;
  is_old boolean;
  freed integer;
  one_more bigint;
  i integer;
  kept connection_limits[] := '{}';
begin
  granted := p_want;
  wait_ms := 0;
  insert into connection_limits (connection_id, name, slice, taken)
  select p_connection, name, 0, array_fill(0, array[slices]) from unnest(p_names) as name order by name
  on conflict do nothing;
  -- in the order of their names, so that two never wait for each other
  for row in
    select * from connection_limits where connection_id = p_connection and name = any (p_names) order by name for update
  loop
    i := array_position(p_names, row.name);
    size := greatest(1, ceil(p_per_ms[i] / (slices - 1)::numeric));
    -- a clock that is behind another process's writes into that one's slice
    current := greatest(row.slice, now_ms / size);
    if current > row.slice then
      row.taken := (array_fill(0, array[least(slices, current - row.slice)::integer]) || row.taken)[1:slices];
      row.slice := current;
    end if;
    is_old := coalesce(row.reported_at <= p_now - least(p_per_ms[i], 600000) * interval '1 millisecond', true);
    -- in a stretch that is longer than that, what others used stays used
    others := case when is_old and coalesce(row.reported_at <= p_now - p_per_ms[i] * interval '1 millisecond', true) then 0 else row.others end;
    free := floor(coalesce(row.reported_max, p_max[i]) * p_share[i])
      - (select coalesce(sum(taken), 0) from unnest(row.taken) as taken) - others;
    if is_old and free < 1 and free + others >= 1 then
      -- whether they still do, one request asks
      free := 1;
      row.reported_at := p_now;
    end if;
    kept := kept || row;
    if free < granted then granted := greatest(0, free); end if;
    if free < p_want then
      freed := free;
      one_more := 0;
      for place in reverse slices..1 loop
        exit when freed > 0;
        freed := freed + row.taken[place];
        if freed > 0 then one_more := (row.slice + slices - place + 1) * size - now_ms; end if;
      end loop;
      -- only others' use stands in the way
      if freed <= 0 or free + others >= 1 then one_more := least(nullif(one_more, 0), p_per_ms[i], 600000); end if;
      if free < 1 then wait_ms := greatest(wait_ms, one_more); end if;
    end if;
  end loop;
  foreach row in array kept loop
    row.taken[1] := row.taken[1] + granted;
    update connection_limits set slice = row.slice, taken = row.taken,
      reported_at = case when granted > 0 then row.reported_at else reported_at end
    where connection_id = p_connection and name = row.name;
  end loop;
  return next;
end
$$;
