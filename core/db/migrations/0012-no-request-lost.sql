-- 0012: no request is lost. A missed one is taken on by one agent and answered by mail, an active chat is handed over or
-- leaves an agent who has gone, what is written to a visitor who has gone follows by mail, and some may watch.

alter table conversations
  -- Missed: who has taken it on themselves, when that last changed, and when it was first answered by mail.
  add column claimed_by uuid references agents,
  add column claim_changed_at timestamptz,
  add column replied_at timestamptz,
  -- When the present round began; null in the first, which began with the request.
  add column routed_at timestamptz,
  -- The last line that a visitor who had left was sent by mail, and when the next such mail is due.
  add column mailed_seq integer not null default 0,
  add column mail_due_at timestamptz;
create index conversations_unclaimed on conversations (ended_at desc, id desc)
  where status = 'missed' and claimed_by is null and replied_at is null;
create index conversations_claimed on conversations (claimed_by) where claimed_by is not null and replied_at is null;
create index conversations_claim_changed on conversations (claim_changed_at) where claim_changed_at is not null;
create index conversations_mail_due on conversations (mail_due_at) where mail_due_at is not null;

-- A handover is an offer for a chat that stays with its agent until somebody else has accepted it. Put to a team, each
-- member in turn gets an offer of their own with the same round.
alter table offers
  add column kind text not null default 'request' check (kind in ('request', 'handover')),
  add column from_agent_id uuid references agents,
  add column team_id uuid,
  -- What the one says to the other.
  add column note text,
  add constraint offers_handed_over_by_somebody check ((kind = 'handover') = (from_agent_id is not null));
create index offers_handovers on offers (conversation_id, offered_at desc) where kind = 'handover';

alter table agents
  -- Sees active chats of others, as an admin has allowed.
  add column supervises boolean not null default false,
  -- No inbox connected since then, while chats are theirs.
  add column gone_since timestamptz;

-- The way back into one conversation, sent by mail to whoever was in it. The token itself is never stored.
create table return_links (
  token_hash bytea primary key,
  conversation_id uuid not null references conversations on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index return_links_of_conversation on return_links (conversation_id);
create index return_links_expired on return_links (expires_at);
