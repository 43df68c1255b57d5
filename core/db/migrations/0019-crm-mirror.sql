-- 0019: what the CRMs know of people is mirrored, whole and up to date, so that the panel fills at once; and what Foyer
-- writes back is kept with what became of it.

-- An id is unique within a connector, whatever the type of record.
alter table people_mirror
  -- The vendor's type of record, and its place among the connector's types of people: a contact says more than a lead.
  add column type text not null default '',
  add column rank smallint not null default 0,
  -- All of them, in lower case, the first one first; email is the first.
  add column emails text[] not null default '{}',
  -- Fields this connection may not see: not known, rather than empty.
  add column hidden text[] not null default '{}',
  add column owner_name text,
  -- When it was last changed there, by the vendor's clock.
  add column changed_at timestamptz,
  -- When the activities were last read as a whole; null: never, or something was added since.
  add column activities_at timestamptz;
alter table companies_mirror add column owner_name text;

-- Every address leads to its people. Follows people_mirror by trigger.
create table people_mirror_emails (
  email text not null,
  connector text not null,
  external_id text not null,
  primary key (email, connector, external_id),
  foreign key (connector, external_id) references people_mirror on delete cascade
);
create index people_mirror_emails_of_person on people_mirror_emails (connector, external_id);

create function mirrored_emails(p_email text, p_emails text[]) returns setof text language sql immutable as $$
  select distinct one from unnest(p_emails || p_email) as one where one is not null
$$;
create function follow_emails_added() returns trigger language plpgsql as $$
begin
  insert into people_mirror_emails (email, connector, external_id)
  select one, a.connector, a.external_id from added a, mirrored_emails(a.email, a.emails) as one
  on conflict do nothing;
  return null;
end
$$;
create function follow_emails_changed() returns trigger language plpgsql as $$
begin
  with moved as (
    select n.connector, n.external_id, n.email, n.emails
    from new_people n join old_people o using (connector, external_id)
    where n.email is distinct from o.email or n.emails <> o.emails
  ), gone as (
    delete from people_mirror_emails e using moved m
    where e.connector = m.connector and e.external_id = m.external_id
      and e.email not in (select mirrored_emails(m.email, m.emails))
  )
  insert into people_mirror_emails (email, connector, external_id)
  select one, m.connector, m.external_id from moved m, mirrored_emails(m.email, m.emails) as one
  on conflict do nothing;
  return null;
end
$$;
create trigger people_mirror_added after insert on people_mirror
  referencing new table as added for each statement execute function follow_emails_added();
create trigger people_mirror_changed after update on people_mirror
  referencing old table as old_people new table as new_people for each statement execute function follow_emails_changed();
insert into people_mirror_emails (email, connector, external_id)
select email, connector, external_id from people_mirror where email is not null;

-- Ids that stand for another record now: merged into it, converted to it.
create table people_mirror_former (
  connector text not null,
  former_id text not null,
  external_id text not null,
  primary key (connector, former_id),
  foreign key (connector, external_id) references people_mirror on delete cascade
);
create index people_mirror_former_of on people_mirror_former (connector, external_id);

-- Deleted there. A feed that lags brings nobody back who was deleted later than it says; an erased one never comes back.
create table mirror_gone (
  connector text not null,
  external_id text not null,
  at timestamptz not null,
  erased boolean not null,
  primary key (connector, external_id)
);

create table activities_mirror (
  connector text not null,
  person_id text not null,
  external_id text not null,
  -- What shares one of these is one activity, whoever tells of it.
  keys text[] not null,
  kind text not null,
  at timestamptz not null,
  is_all_day boolean not null,
  title text,
  detail text,
  url text,
  -- Of a chat or a meeting that Foyer wrote there itself.
  foyer_key text,
  -- A meeting has several people.
  primary key (connector, person_id, external_id),
  foreign key (connector, person_id) references people_mirror on delete cascade
);
create index activities_mirror_at on activities_mirror (connector, person_id, at desc);
create index activities_mirror_old on activities_mirror (at);

-- The vendor's users, for owners of what Foyer writes.
create table crm_users (
  connector text not null,
  external_id text not null,
  name text,
  email text check (email = lower(email)),
  active boolean not null,
  is_queue boolean not null,
  primary key (connector, external_id)
);
create index crm_users_email on crm_users (email, connector);

-- Who was asked for by address, and what came of it: also that there is nobody.
create table person_lookups (
  connection_id uuid not null references connections on delete cascade,
  email text not null,
  asked_at timestamptz not null,
  answered_at timestamptz,
  -- As the vendor chose, of several with the address; null: nobody has it.
  external_id text,
  failed_at timestamptz,
  failure text,
  primary key (connection_id, email)
);
create index person_lookups_old on person_lookups (asked_at);

-- How far a connection's mirror has come. Whoever works on it holds a lease.
create table connection_sync (
  connection_id uuid primary key references connections on delete cascade,
  -- The change feed. The cursor is stored together with what it brought.
  poll_cursor text,
  poll_due_at timestamptz not null,
  polled_at timestamptz,
  poll_failures integer not null default 0,
  poll_lease uuid,
  poll_lease_until timestamptz,
  -- Everybody, once. none -> running -> done | failed; whoever starts it again sets it to running.
  import_state text not null default 'none' check (import_state in ('none', 'running', 'done', 'failed')),
  import_cursor text,
  import_done bigint not null default 0,
  import_total bigint,
  -- Time spent on it, without pauses.
  import_ms bigint not null default 0,
  import_due_at timestamptz not null,
  import_failures integer not null default 0,
  import_started_at timestamptz,
  import_finished_at timestamptz,
  import_reason text,
  import_lease uuid,
  import_lease_until timestamptz,
  users_at timestamptz
);

-- What vendors told by themselves. The same event is taken once; a hint, after which the record is read.
create table webhook_events (
  id uuid primary key,
  connection_id uuid not null references connections on delete cascade,
  event_id text not null,
  change jsonb not null,
  merged_ids text[] not null,
  received_at timestamptz not null,
  unique (connection_id, event_id)
);
create index webhook_events_old on webhook_events (received_at);

-- What Foyer writes into a CRM, a row for each thing there, with what became of it.
--   open     to be done                     -> written, skipped, failed; back from each when there is something new
--   written  as it stands in the CRM
--   skipped  there was nothing to write; reason says why
--   failed   given up; reason says why, and a person may try again
create table crm_writes (
  id uuid primary key,
  connection_id uuid not null references connections on delete cascade,
  -- foyer-person-<visitor>, foyer-correction-<visitor>, foyer-chat-<conversation>
  key text not null,
  kind text not null check (kind in ('person', 'correction', 'conversation')),
  -- No foreign keys: the row is also the list of what Foyer left in the CRM.
  visitor_id uuid not null,
  conversation_id uuid,
  -- Of a correction: which fields.
  fields text[] not null default '{}',
  state text not null default 'open' check (state in ('open', 'written', 'skipped', 'failed')),
  reason text,
  -- Put aside while the connection is paused or broken.
  held boolean not null default false,
  attempts integer not null default 0,
  -- An earlier attempt may have had its effect without our hearing of it.
  may_exist boolean not null default false,
  -- One more with each thing that is new; written when both are the same.
  wanted integer not null default 1,
  done integer not null default 0,
  -- Whose record, and the entry made there.
  person_type text,
  person_id text,
  created_person boolean not null default false,
  vendor_id text,
  url text,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  written_at timestamptz,
  unique (connection_id, key)
);
create index crm_writes_of_visitor on crm_writes (visitor_id, created_at);
create index crm_writes_of_person on crm_writes (connection_id, person_id);
create index crm_writes_held on crm_writes (connection_id, created_at) where state = 'open' and held;
create index crm_writes_state on crm_writes (connection_id, state, changed_at desc);

-- Somebody is erased: `emails` until that is done everywhere.
create table erasures (
  id uuid primary key,
  emails text[] not null,
  asked_at timestamptz not null,
  finished_at timestamptz
);

-- When each field was given, and when an agent corrected it.
alter table visitors
  add column given_at jsonb not null default '{}',
  add column corrected_at jsonb not null default '{}';

-- What the CRMs say of the person with this address: of each connector the record that counts; of each field the first
-- value in the admin's order; status and owner from one CRM, the first that has either.
create function crm_facts(p_email text) returns jsonb language sql stable as $$
  with records as materialized (
    select distinct on (m.connector) m.*, c.id as connection_id, c.precedence, c.field_precedence,
      coalesce(c.write_back -> 'directions', '{}') as directions
    from people_mirror_emails e
    join connections c on c.connector = e.connector and c.state in ('active', 'paused', 'broken')
    join people_mirror m on m.connector = e.connector and m.external_id = e.external_id
    left join person_lookups l on l.connection_id = c.id and l.email = e.email
    where e.email = p_email
    order by m.connector, m.rank, l.external_id = m.external_id desc nulls last, m.changed_at desc nulls last, m.external_id
  ), said as (
    select distinct on (one.field) one.field,
      r.fields -> one.field || jsonb_build_object('source', r.connector, 'readAt', r.read_at) as fact
    from records r, unnest(array['name', 'jobTitle', 'phone', 'company']) as one (field)
    where r.fields -> one.field ->> 'value' <> '' and r.directions ->> one.field is distinct from 'off'
    order by one.field, coalesce((r.field_precedence ->> one.field)::integer, r.precedence), r.precedence, r.connector
  ), standing as (
    select r.connector, r.read_at, r.owner_id, r.owner_name, r.owner_email,
      case when r.directions ->> 'crmStatus' is distinct from 'off' then r.fields -> 'crmStatus' end as status
    from records r
    where (r.fields -> 'crmStatus' ->> 'value' <> '' and r.directions ->> 'crmStatus' is distinct from 'off')
      or r.owner_id is not null or r.owner_email is not null
    order by coalesce((r.field_precedence ->> 'crmStatus')::integer, r.precedence), r.precedence, r.connector limit 1
  )
  select jsonb_build_object(
    'fields', coalesce((select jsonb_object_agg(field, fact) from said), '{}'),
    'standing', (select jsonb_build_object('source', connector, 'readAt', read_at, 'status', status, 'ownerId', owner_id,
        'ownerName', owner_name, 'ownerEmail', owner_email) from standing),
    'records', (select jsonb_agg(jsonb_build_object('connector', connector, 'type', type, 'id', external_id,
        'url', record_url, 'readAt', read_at) order by precedence, connector) from records))
  where exists (select from records)
$$;
