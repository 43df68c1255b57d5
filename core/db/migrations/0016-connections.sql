-- 0016: accounts at CRMs can be connected, by connectors that core knows only by what they declare.

-- One account of one connector.
--   connecting    made, and not agreed to at the vendor yet   -> active, disconnected
--   active        used by jobs and by live chats              -> paused, broken, disconnected
--   paused        an admin stopped it                         -> active, broken, disconnected
--   broken        the vendor takes our grant no more          -> active (connected again), disconnected
--   disconnected  over; its secrets are gone
create table connections (
  id uuid primary key,
  connector text not null,
  state text not null default 'connecting'
    check (state in ('connecting', 'active', 'paused', 'broken', 'disconnected')),
  -- A sentence for admins: why it is so.
  state_reason text,
  settings jsonb not null default '{}',
  client_id text,
  -- {"Contact": {"jobTitle": "Title", …}, …}
  mapping jsonb not null default '{}',
  -- Lower comes first, for all fields and for single ones: {"phone": 2}.
  precedence integer not null,
  field_precedence jsonb not null default '{}',
  -- Whose it is, as the vendor said, and what we may see there.
  account jsonb,
  description jsonb,
  described_at timestamptz,
  write_back jsonb not null default '{}',
  -- Nothing is written before an admin has seen what would be.
  writing_on boolean not null default false,
  previewed_at timestamptz,
  check (not writing_on or previewed_at is not null),
  created_at timestamptz not null,
  changed_at timestamptz not null,
  connected_at timestamptz,
  version integer not null default 1
);
-- Rows of the mirror carry the connector, so there is one account of each at a time.
create unique index connections_one on connections (connector) where state <> 'disconnected';

-- Everything sealed under FOYER_SECRET_KEY, each bound to its connection and name.
create table connection_secrets (
  connection_id uuid primary key references connections on delete cascade,
  client_secret bytea,
  access_token bytea,
  refresh_token bytea,
  expires_at timestamptz,
  scopes text[] not null default '{}',
  -- Counts the access tokens there have been.
  generation integer not null default 0,
  -- When this token took the place of one that the vendor had refused (401); null: of one that was running out.
  replaced_at timestamptz
);

-- What happened lately. Never part of a decision of record, so it is written apart from the work.
create table connection_health (
  connection_id uuid primary key references connections on delete cascade,
  last_ok_at timestamptz,
  last_failure_at timestamptz,
  last_failure text,
  last_failure_code text,
  failures_in_a_row integer not null default 0,
  last_sync_at timestamptz,
  -- Nothing is sent before: the vendor asked for it.
  resting_until timestamptz,
  resting_because text
);

-- How much of each of the vendor's limits is used, in slices of its stretch of time.
create table connection_limits (
  connection_id uuid not null references connections on delete cascade,
  name text not null,
  -- The number of the newest slice since 1970, and what each took, the newest first.
  slice bigint not null,
  taken integer[] not null,
  -- As the vendor said last: how much there is, how much is used that is not ours.
  reported_max integer,
  others integer not null default 0,
  reported_at timestamptz,
  primary key (connection_id, name)
);

-- An admin on the way to the vendor's page and back: valid once, for that session.
create table oauth_states (
  state_hash bytea primary key,
  connection_id uuid not null references connections on delete cascade,
  session_hash bytea not null,
  agent_id uuid not null references agents on delete cascade,
  verifier bytea not null,
  expires_at timestamptz not null
);
create index oauth_states_expired on oauth_states (expires_at);

-- Takes up to p_want turns under all of the limits at once and says how many it got, and after how many milliseconds
-- one more can be had. A stretch of time is 40 slices; a slice counts until it is wholly out of the stretch, so no
-- stretch ever has more than p_max, wherever it begins.
create function take_turns(
  p_connection uuid, p_now timestamptz, p_want integer, p_names text[], p_max integer[], p_per_ms bigint[], p_share real[]
) returns table (granted integer, wait_ms bigint) language plpgsql as $$
declare
  slices constant integer := 41;
  now_ms constant bigint := floor(extract(epoch from p_now) * 1000);
  size bigint;
  current bigint;
  row connection_limits;
  free integer;
  freed integer;
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
    kept := kept || row;
    free := floor(coalesce(row.reported_max, p_max[i]) * p_share[i])
      - (select coalesce(sum(taken), 0) from unnest(row.taken) as taken)
      -- what the vendor said of others is news for a while only
      - case when row.reported_at > p_now - least(p_per_ms[i], 600000) * interval '1 millisecond' then row.others else 0 end;
    if free < granted then granted := greatest(0, free); end if;
    if free < p_want then
      freed := free;
      for place in reverse slices..1 loop
        exit when freed > 0;
        freed := freed + row.taken[place];
        if freed > 0 then wait_ms := greatest(wait_ms, (row.slice + slices - place + 1) * size - now_ms); end if;
      end loop;
      -- only others' use stands in the way
      if freed <= 0 then wait_ms := greatest(wait_ms, least(p_per_ms[i], 600000)); end if;
    end if;
  end loop;
  foreach row in array kept loop
    row.taken[1] := row.taken[1] + granted;
    update connection_limits set slice = row.slice, taken = row.taken where connection_id = p_connection and name = row.name;
  end loop;
  return next;
end
$$;
