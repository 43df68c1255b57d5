-- 0035: what is told to agents and gets lost is repeated for more than lines and offers: a chat that was routed again, an
-- outcome, a note, the switch. Each is found by when it changed, so that looking for what is new costs nothing.

alter table conversations
  add column outcome_changed_at timestamptz;
create index conversations_outcome_changed on conversations (outcome_changed_at) where outcome_changed_at is not null;
create index conversations_routed_again on conversations (routed_at) where routed_at is not null;
create index notes_at on notes (at);

-- When the switch or the schedule of chats was last changed. Agents are few: no index.
alter table agents
  add column availability_changed_at timestamptz;
