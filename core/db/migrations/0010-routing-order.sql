-- 0010: a request goes to whoever knows the visitor: the previous agent, the owner of the account, the owner in the CRM,
-- then where the site's route leads, then round robin over all. And each request keeps how it was decided.

create table teams (
  id uuid primary key,
  name text not null,
  created_at timestamptz not null
);
create unique index teams_name on teams (lower(name));
create table team_members (
  team_id uuid not null references teams on delete cascade,
  agent_id uuid not null references agents,
  primary key (team_id, agent_id)
);
create index team_members_of_agent on team_members (agent_id);

-- The place of the agent offered last in each round robin but the one over all: of a team, or of a routing rule.
-- Written under the lock of organisation, as that one.
create table round_robins (
  of_id uuid primary key,
  last_offered_position bigint not null
);

-- Who looks after a company, by the domain of its e-mail addresses (in ASCII, lower case) or, where the visitor has none
-- of those, by its name.
create table accounts (
  id uuid primary key,
  domain text not null check (domain = lower(domain)),
  company text,
  agent_id uuid not null references agents,
  updated_at timestamptz not null
);
create unique index accounts_domain on accounts (domain);
create index accounts_company on accounts (lower(company)) where company is not null;
create index accounts_words on accounts using gin ((domain || ' ' || lower(coalesce(company, ''))) gin_trgm_ops);

-- What each connector said of each person, by field with when: {"name": {"value": "Sofia Ricci", "at": "2026-…"}}. Jobs
-- fill it; routing and the panel read only this and never ask a CRM.
create table people_mirror (
  -- directory (Foyer's own), salesforce, hubspot, …
  connector text not null,
  external_id text not null,
  email text check (email = lower(email)),
  fields jsonb not null default '{}',
  -- Who owns the record there: the CRM's user, by its id and e-mail address. An owner may also be a queue, or somebody
  -- who is not active any more; neither of them is anybody to ask.
  owner_id text,
  owner_email text check (owner_email = lower(owner_email)),
  owner_active boolean not null default true,
  owner_is_queue boolean not null default false,
  -- Of the same connector.
  company_id text,
  record_url text,
  read_at timestamptz not null,
  primary key (connector, external_id)
);
create index people_mirror_email on people_mirror (email) where email is not null;
create index people_mirror_owner on people_mirror (connector, owner_id) where owner_id is not null;

create table companies_mirror (
  connector text not null,
  external_id text not null,
  -- Of its e-mail addresses, as in accounts.
  domain text check (domain = lower(domain)),
  fields jsonb not null default '{}',
  owner_id text,
  owner_email text check (owner_email = lower(owner_email)),
  owner_active boolean not null default true,
  owner_is_queue boolean not null default false,
  record_url text,
  read_at timestamptz not null,
  primary key (connector, external_id)
);
create index companies_mirror_domain on companies_mirror (domain) where domain is not null;
create index companies_mirror_owner on companies_mirror (connector, owner_id) where owner_id is not null;

-- Which agent a CRM's user is, where an admin said so; else it is the agent with the user's e-mail address. Without an
-- agent: nobody, whatever the address.
create table agent_crm_users (
  connector text not null,
  crm_user text not null,
  agent_id uuid references agents,
  primary key (connector, crm_user)
);

-- Foyer's own directory is one of the connectors, always up to date. A value keeps its time until it changes.
create function mirrored_field(p_known jsonb, p_value text, p_at timestamptz) returns jsonb language sql stable as $$
  select case
    when p_value is null then null
    when p_known ->> 'value' = p_value then p_known
    else jsonb_build_object('value', p_value, 'at', to_jsonb(p_at))
  end
$$;
create function mirror_directory() returns trigger language plpgsql as $$
begin
  insert into people_mirror as m
    (connector, external_id, email, fields, owner_id, owner_email, record_url, read_at)
  select 'directory', p.id::text, p.email,
         jsonb_strip_nulls(jsonb_build_object(
           'name', mirrored_field(k.fields -> 'name', p.name, p.updated_at),
           'jobTitle', mirrored_field(k.fields -> 'jobTitle', p.job_title, p.updated_at),
           'phone', mirrored_field(k.fields -> 'phone', p.phone, p.updated_at),
           'crmStatus', mirrored_field(k.fields -> 'crmStatus', p.crm_status, p.updated_at),
           'company', mirrored_field(k.fields -> 'company', p.company, p.updated_at))),
         lower(p.owner_email), lower(p.owner_email), p.external_url, p.updated_at
  from changed p
  left join people_mirror k on k.connector = 'directory' and k.external_id = p.id::text
  on conflict (connector, external_id) do update set
    email = excluded.email, fields = excluded.fields, owner_id = excluded.owner_id, owner_email = excluded.owner_email,
    record_url = excluded.record_url, read_at = excluded.read_at;
  return null;
end
$$;
create function unmirror_directory() returns trigger language plpgsql as $$
begin
  delete from people_mirror where connector = 'directory' and external_id in (select id::text from gone);
  return null;
end
$$;
create trigger people_added after insert on people
  referencing new table as changed for each statement execute function mirror_directory();
create trigger people_changed after update on people
  referencing new table as changed for each statement execute function mirror_directory();
create trigger people_gone after delete on people
  referencing old table as gone for each statement execute function unmirror_directory();
update people set updated_at = updated_at;

-- Where a site's requests go when nobody is asked by name.
alter table sites
  add column route text not null default 'round_robin' check (route in ('round_robin', 'agent', 'team', 'rules')),
  add column route_agent_id uuid references agents,
  add column route_team_id uuid references teams,
  add check ((route = 'agent') = (route_agent_id is not null)),
  add check ((route = 'team') = (route_team_id is not null));

-- Whom a request is meant for, asked before anybody else. No foreign key: whoever is gone is passed over.
alter table conversations add column wanted_agent_id uuid;
-- Who talked with a visitor the last time, however many conversations came before.
create index conversations_previous_agent on conversations (visitor_id, requested_at desc) include (agent_id)
  where agent_id is not null;

-- How a request was routed: who was considered at each stage, in order, and what came of it. A row is one agent, or those
-- a stage passed over together. How an offer ended stands in offers.
create table routing_steps (
  conversation_id uuid not null references conversations on delete cascade,
  round integer not null,
  n integer not null,
  at timestamptz not null,
  -- wanted | previous_agent | account | person_owner | company_owner | agent | team | rule | round_robin
  stage text not null,
  -- The team, rule or domain by the name it had.
  label text,
  -- Null: several, counted in detail.
  agent_id uuid references agents,
  outcome text not null check (outcome in ('passed_over', 'asked')),
  -- unavailable | full | unreachable | asked_already | inactive; of those asked null
  reason text,
  -- {until} of the unavailable, {load, cap} of the full, {unavailable, full, unreachable, asked_already, inactive} of several
  detail jsonb,
  offer_id uuid references offers on delete cascade,
  primary key (conversation_id, round, n),
  check ((outcome = 'asked') = (offer_id is not null))
);
create unique index routing_steps_offer on routing_steps (offer_id) where offer_id is not null;
