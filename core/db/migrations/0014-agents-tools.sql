-- 0014: what agents have at hand in a chat: canned replies, the organisation's own outcomes, blocking a visitor, and
-- files both ways.

-- A text somebody writes again and again. Without an agent it is everybody's.
create table canned_replies (
  id uuid primary key,
  agent_id uuid references agents on delete cascade,
  -- What is typed after "/" to find it.
  shortcut text not null check (shortcut = lower(shortcut)),
  text text not null,
  changed_at timestamptz not null
);
create unique index canned_replies_own on canned_replies (agent_id, shortcut) where agent_id is not null;
create unique index canned_replies_shared on canned_replies (shortcut) where agent_id is null;

-- How a chat went, in the organisation's words. Conversations keep the key, which never changes; one that is offered no
-- more stays, so that old chats can be read.
create table outcomes (
  key text primary key check (key ~ '^[a-z0-9_]{1,40}$'),
  label text not null,
  -- Its place among those offered; null: offered no more.
  place integer
);
insert into outcomes (key, label, place) values
  ('qualified', 'Qualified', 1), ('not_a_fit', 'Not a fit', 2), ('support', 'Support', 3), ('spam', 'Spam', 4);
create index conversations_outcome on conversations (outcome, ended_at desc, id desc)
  where outcome is not null and status in ('ended', 'missed');

-- A visitor nobody is to be asked for any more: whoever has a token of this visitor or is named as them, and, where an
-- address is written down, whoever gives it. in force (lifted_at is null) -> lifted.
create table blocks (
  id uuid primary key,
  visitor_id uuid references visitors on delete set null,
  email text check (email = lower(email)),
  blocked_by uuid not null references agents,
  blocked_at timestamptz not null,
  lifted_by uuid references agents,
  lifted_at timestamptz,
  check ((lifted_by is null) = (lifted_at is null))
);
create unique index blocks_visitor on blocks (visitor_id) where lifted_at is null;
create index blocks_email on blocks (email) where lifted_at is null and email is not null;

-- What a blocked visitor asked for: kept as missed for them to see, shown to no agent.
alter table conversations add column blocked boolean not null default false;
drop index conversations_missed;
create index conversations_missed on conversations (ended_at desc, id desc) where status = 'missed' and not blocked;

-- A file somebody sent. arriving (seq is null) -> stored, with its line in the log; one that never arrived whole goes
-- within the hour.
create table files (
  id uuid primary key,
  conversation_id uuid not null references conversations on delete cascade,
  sender_type text not null check (sender_type in ('visitor', 'agent')),
  sender_id uuid not null,
  client_id text not null,
  -- The place of its line.
  seq integer,
  name text not null,
  -- What its first bytes say it is; null while it arrives.
  media_type text,
  -- As announced; what is stored has exactly as many bytes.
  size integer not null check (size > 0),
  width integer,
  height integer,
  at timestamptz not null,
  check ((seq is null) = (media_type is null))
);
create index files_of_conversation on files (conversation_id);
create index files_of_sender on files (sender_id, at);
create index files_arriving on files (at) where seq is null;
-- The same send is stored once, whatever is sent again.
create unique index files_once on files (conversation_id, sender_type, sender_id, client_id) where seq is not null;

create table file_pieces (
  file_id uuid not null references files on delete cascade,
  place integer not null,
  bytes bytea not null,
  primary key (file_id, place)
);
-- Pictures and archives are compressed already.
alter table file_pieces alter column bytes set storage external;

-- From where a visitor's files of the last day came.
create table file_addresses (
  file_id uuid primary key references files on delete cascade,
  address text not null,
  at timestamptz not null
);
create index file_addresses_address on file_addresses (address, at);
