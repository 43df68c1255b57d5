-- 0001: everything the main job rests on: who may sign in, who visits, what is said, who is asked, and what
-- still has to be done about it. Instants are timestamptz and always come in as parameters from Foyer's one
-- clock; no statement here or elsewhere reads now() to decide something.

create extension if not exists btree_gin;
create extension if not exists pg_trgm;

-- One row: a Foyer serves one organisation.
create table organisation (
  id boolean primary key default true check (id),
  name text not null,
  time_zone text not null,
  -- What admins may change, see core/features/organisation/settings.ts; absent keys mean the default.
  settings jsonb not null default '{}',
  -- The place in the round robin of the agent offered last. Locked by whoever chooses the next one, so that two
  -- requests never choose at the same time and neither order nor caps can be broken by a race.
  last_offered_position bigint not null default 0,
  created_at timestamptz not null
);

-- One-time links that open the first-run set-up page; the token itself is never stored.
create table setup_links (
  token_hash bytea primary key,
  expires_at timestamptz not null,
  used_at timestamptz
);

create table agents (
  id uuid primary key,
  email text not null check (email = lower(email)),
  name text not null,
  password_hash text,
  profile text not null check (profile in ('admin', 'live_agent')),
  active boolean not null default true,
  -- Round robin goes through agents in this order.
  position bigint generated always as identity unique,
  -- {timeZone, blocks: [{weekday, start, end}], datesOff: ["2026-12-25"]}
  live_chat_schedule jsonb not null,
  -- The switch: null follows the schedule. Its end is computed from the schedule of the moment of asking, unless
  -- the agent gave an explicit one.
  override_status text check (override_status in ('available', 'unavailable')),
  override_set_at timestamptz,
  override_until timestamptz,
  preferences jsonb not null default '{}',
  created_at timestamptz not null,
  check ((override_status is null) = (override_set_at is null)),
  check (override_until is null or override_status is not null)
);
create unique index agents_email on agents (email);

create table sessions (
  token_hash bytea primary key,
  agent_id uuid not null references agents on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  address text,
  user_agent text
);
create index sessions_agent on sessions (agent_id);

create table sites (
  id uuid primary key,
  name text not null,
  key text not null unique,
  -- Origins whose pages may embed the widget, such as https://shop.example; empty allows any.
  allowed_origins text[] not null default '{}',
  -- Appearance, greeting, fields, fallback, privacy: see SiteSettings in core/contracts/sites.ts.
  settings jsonb not null default '{}',
  identity_secret text not null,
  created_at timestamptz not null
);

-- Who the company's own records say somebody is. With no CRM connected this directory fills the panel.
create table people (
  id uuid primary key,
  email text not null check (email = lower(email)),
  name text,
  job_title text,
  phone text,
  crm_status text,
  company text,
  owner_email text,
  source text not null default 'directory',
  external_url text,
  updated_at timestamptz not null
);
create unique index people_email on people (email);

create table visitors (
  id uuid primary key,
  site_id uuid not null references sites,
  token_hash bytea not null unique,
  -- What the visitor gave; a verified e-mail came signed.
  name text,
  email text check (email = lower(email)),
  email_verified boolean not null default false,
  -- Who the site's signature says this is; a browser that comes back as somebody else is another visitor.
  identity_subject text,
  job_title text,
  phone text,
  company text,
  -- What an agent corrected: {name?, jobTitle?, email?, phone?, company?}; wins over everything else.
  corrections jsonb not null default '{}',
  time_zone text,
  language text,
  -- {url, title, referrer, utm: {...}} of the latest page.
  page jsonb,
  referrer text,
  utm jsonb,
  created_at timestamptz not null,
  seen_at timestamptz not null
);
create index visitors_email on visitors (email) where email is not null;
create index visitors_words on visitors using gin ((lower(coalesce(name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(company, ''))) gin_trgm_ops);

-- A chat. States:
--   waiting  requested, being routed          -> active (an offer accepted), missed (nobody accepted, visitor left or cancelled)
--   active   has exactly one agent            -> ended (by agent, visitor, time-out)
--   ended    had an agent; read-only
--   missed   never had an agent; a left message is one too
create table conversations (
  id uuid primary key,
  site_id uuid not null references sites,
  visitor_id uuid not null references visitors,
  status text not null check (status in ('waiting', 'active', 'ended', 'missed')),
  agent_id uuid references agents,
  previous_id uuid references conversations,
  -- The visitor's own id for the request: asking twice opens one conversation.
  client_id text not null,
  requested_at timestamptz not null,
  accepted_at timestamptz,
  ended_at timestamptz,
  -- agent | visitor | timeout | no_answer | nobody_available | visitor_left | cancelled | left_message
  end_reason text,
  outcome text,
  first_text text not null,
  -- Whether the visitor left a message for later in it.
  message_left boolean not null default false,
  page jsonb,

  -- The log's head. seq is given under this row's lock, without gaps.
  last_seq integer not null default 0,
  last_at timestamptz not null,
  last_text text,
  last_sender text,
  -- The visitor's oldest message that no agent has answered.
  waiting_since timestamptz,
  -- When the chat ends for want of messages, and whether the warning line has been written since the last message.
  idle_at timestamptz,
  idle_warned boolean not null default false,
  agent_read_seq integer not null default 0,
  visitor_read_seq integer not null default 0,
  visitor_received_seq integer not null default 0,
  -- The last sign of life that did not come over a socket.
  visitor_seen_at timestamptz not null,

  check ((status = 'active') <= (agent_id is not null)),
  check ((status in ('ended', 'missed')) = (ended_at is not null))
) with (fillfactor = 70);
-- None of these indexes holds a column that a message changes in an open chat, so that storing a message stays a
-- heap-only update.
create unique index conversations_once on conversations (visitor_id, client_id);
create unique index conversations_one_open on conversations (visitor_id) where status in ('waiting', 'active');
create index conversations_open on conversations (agent_id) where status = 'active';
create index conversations_waiting on conversations (requested_at) where status = 'waiting';
create index conversations_closed on conversations (ended_at desc, id desc) where status in ('ended', 'missed');
create index conversations_closed_of_agent on conversations (agent_id, ended_at desc, id desc) where status in ('ended', 'missed');
create index conversations_missed on conversations (ended_at desc, id desc) where status = 'missed';
create index conversations_of_visitor on conversations (visitor_id, requested_at desc);

-- The log. kind: message, file, joined, calendar_shared, meeting_booked, handed_over, warning, ended.
-- No foreign key: lines are only written under the lock of their conversation's row, and looking it up again for each
-- line took a tenth of the database's time at saturation. What a key's cascade would do, the trigger does.
create table entries (
  conversation_id uuid not null,
  seq integer not null,
  kind text not null,
  sender_type text not null check (sender_type in ('visitor', 'agent', 'system')),
  sender_id uuid,
  client_id text,
  at timestamptz not null,
  text text,
  data jsonb,
  primary key (conversation_id, seq)
);
create unique index entries_once on entries (conversation_id, sender_type, sender_id, client_id) where client_id is not null;

create function delete_entries_of_deleted() returns trigger language plpgsql as $$
begin
  delete from entries where conversation_id in (select id from deleted);
  return null;
end
$$;
create trigger entries_go_with_conversations after delete on conversations
  referencing old table as deleted for each statement execute function delete_entries_of_deleted();

-- Notes are no entries: a note carries the seq it stands after, so that visitors see no gap.
create table notes (
  id uuid primary key,
  conversation_id uuid not null references conversations on delete cascade,
  agent_id uuid not null references agents,
  client_id text not null,
  after_seq integer not null,
  at timestamptz not null,
  text text not null,
  unique (conversation_id, agent_id, client_id)
);
create index notes_of_conversation on notes (conversation_id, after_seq);

-- A chat put to one agent. pending -> accepted | declined | expired | withdrawn, never back.
create table offers (
  id uuid primary key,
  conversation_id uuid not null references conversations on delete cascade,
  agent_id uuid not null references agents,
  state text not null check (state in ('pending', 'accepted', 'declined', 'expired', 'withdrawn')),
  offered_at timestamptz not null,
  expires_at timestamptz not null,
  closed_at timestamptz,
  check ((state = 'pending') = (closed_at is null))
);
create unique index offers_one_pending on offers (conversation_id) where state = 'pending';
create unique index offers_nobody_twice on offers (conversation_id, agent_id);
create index offers_pending_of_agent on offers (agent_id) where state = 'pending';
create index offers_pending on offers (expires_at) where state = 'pending';

-- Which processes live, and whose sockets they hold: an agent is reachable while a live process holds a socket of
-- hers, or dropped the last one less than 30 s ago.
create table processes (
  id uuid primary key,
  role text not null,
  started_at timestamptz not null,
  alive_until timestamptz not null
);
create table presence (
  socket_id uuid primary key,
  process_id uuid not null,
  subject_type text not null check (subject_type in ('agent', 'visitor')),
  subject_id uuid not null,
  connected_at timestamptz not null,
  dropped_at timestamptz
);
create index presence_subject on presence (subject_id);
create index presence_process on presence (process_id);

-- A visit: one visitor, one site, pages in order, until 30 min without a sign of life.
create table visits (
  id uuid primary key,
  visitor_id uuid not null references visitors on delete cascade,
  started_at timestamptz not null,
  last_at timestamptz not null,
  pages jsonb not null default '[]',
  page_count integer not null default 0
);
create index visits_of_visitor on visits (visitor_id, last_at desc);

-- What happened with a person outside Foyer's own tables (the directory's history; later the CRMs').
create table activities (
  id uuid primary key,
  person_id uuid not null references people on delete cascade,
  kind text not null,
  at timestamptz not null,
  subject text not null,
  detail text,
  source text not null
);
create index activities_of_person on activities (person_id, at desc);

-- Work promised in the transaction that made it necessary. A row is open until its effect is committed; BullMQ only
-- carries it. open -> done | dead (with last_error), dead -> open by hand. While open it may be claimed: a worker is
-- busy with an effect outside PostgreSQL (a mail, a CRM) until claimed_until, which it keeps moving while it lives.
create table outbox (
  id bigint generated always as identity primary key,
  task text not null,
  payload jsonb not null,
  -- Rows with the same key are done one after the other, oldest first.
  order_key text,
  state text not null default 'open' check (state in ('open', 'done', 'dead')),
  run_at timestamptz not null,
  attempts integer not null default 0,
  last_error text,
  -- Set when handed to the queue, cleared when it must be handed over again.
  relayed_at timestamptz,
  claimed_by uuid,
  claimed_until timestamptz,
  created_at timestamptz not null,
  finished_at timestamptz,
  check ((claimed_by is null) = (claimed_until is null)),
  check ((state = 'open') = (finished_at is null))
);
create index outbox_unrelayed on outbox (run_at) where state = 'open' and relayed_at is null;
create index outbox_open on outbox (run_at) where state = 'open';
create index outbox_order on outbox (order_key, id) where state = 'open' and order_key is not null;
create index outbox_done on outbox (finished_at) where state = 'done';
create index outbox_dead on outbox (finished_at) where state = 'dead';

-- What the search indexer still has to read: one row a stored group of messages, taken with DELETE ... SKIP LOCKED,
-- so that no cursor has to guess which rows commit late.
create table search_backlog (
  id bigint generated always as identity primary key,
  conversation_ids uuid[] not null,
  seqs integer[] not null,
  at timestamptz not null
);
-- The words of some consecutive lines of one conversation, as many as were taken from the backlog together: a row a
-- message would cost more than storing the message. Sliced by id, newest slice first: a word nobody wrote must not
-- walk ten million rows.
create table search_documents (
  id bigint generated always as identity primary key,
  conversation_id uuid not null references conversations on delete cascade,
  words tsvector not null
);
create index search_documents_of_conversation on search_documents (conversation_id);
create index search_documents_words on search_documents using gin (((id / 250000)::int), words);

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor_id uuid,
  action text not null,
  object_type text,
  object_id text,
  detail jsonb
);
create index audit_log_at on audit_log (at desc);
