-- 0011: admins say which agents or team a request goes to by what is known of it, and see what a rule would do before and
-- after they save it.

create table routing_rules (
  id uuid primary key,
  name text not null,
  enabled boolean not null,
  -- 1 is looked at first. Deferred, so that one statement may turn the order around.
  priority integer not null check (priority > 0),
  -- A group of conditions and where the request goes: see core/contracts/routing-rules.ts. The target names agents or a
  -- team without a foreign key: a rule whose agents have gone stays, and is passed over.
  conditions jsonb not null,
  target jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint routing_rules_priority unique (priority) deferrable initially deferred
);

-- Counts the changes of the rules: every process keeps them compiled, and whoever routes sees here, under the lock that
-- choosers take anyway, whether its copy is still the right one.
alter table organisation add column routing_rules_version bigint not null default 0;

-- What was known of a request when it was made, for replaying a week of them against a rule. Kept for 30 days.
create table routing_requests (
  conversation_id uuid primary key references conversations on delete cascade,
  at timestamptz not null,
  facts jsonb not null
);
create index routing_requests_at on routing_requests (at, conversation_id);
