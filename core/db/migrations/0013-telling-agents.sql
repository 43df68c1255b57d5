-- 0013: agents are told of chats on their devices (Web Push), also with the inbox closed, and by mail of the requests that
-- were missed. An open inbox says whether anybody sees it.

-- The one key pair by which push services know this Foyer. The private half is sealed under FOYER_SECRET_KEY.
create table push_keys (
  id boolean primary key default true check (id),
  public_key text not null,
  private_key bytea not null,
  created_at timestamptz not null
);

-- A browser on some device that may show notifications. Live until its push service says it is gone (gone_at), or has
-- refused so often in a row that nobody may count on it.
create table push_subscriptions (
  id uuid primary key,
  agent_id uuid not null references agents on delete cascade,
  endpoint text not null unique,
  p256dh text not null,
  auth text not null,
  -- Such as "Chrome on macOS".
  device text not null,
  -- The session the browser had when it was last seen. What is shown there depends on whether it still opens anything.
  session_hash bytea,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  delivered_at timestamptz,
  shown_at timestamptz,
  clicked_at timestamptz,
  -- Since something was last delivered.
  failures integer not null default 0,
  failed_because text,
  gone_at timestamptz
);
create index push_subscriptions_live on push_subscriptions (agent_id) where gone_at is null;
create index push_subscriptions_gone on push_subscriptions (gone_at) where gone_at is not null;

-- A notification for one device.
--   waiting    to be handed to the push service   -> delivered, failed, outdated
--   delivered  the push service has it
--   failed     it was refused, or could not be delivered in time
--   outdated   there was nothing to tell any more when it was its turn
create table pushes (
  id uuid primary key,
  subscription_id uuid references push_subscriptions on delete set null,
  agent_id uuid not null references agents on delete cascade,
  -- As the device was called then.
  device text not null,
  kind text not null check (kind in ('offer', 'close', 'message', 'test')),
  offer_id uuid references offers on delete cascade,
  conversation_id uuid references conversations on delete cascade,
  -- For a message: up to which line of the chat it tells.
  seq integer,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed', 'outdated')),
  failed_because text,
  -- A try had no answer: the push service may have it.
  uncertain boolean not null default false,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  delivered_at timestamptz,
  shown_at timestamptz,
  clicked_at timestamptz
);
create index pushes_of_offer on pushes (offer_id) where offer_id is not null;
create index pushes_of_conversation on pushes (conversation_id) where conversation_id is not null;
create index pushes_of_subscription on pushes (subscription_id);
create index pushes_created on pushes (created_at);

-- Whether the page behind an agent's socket can be seen.
alter table presence add column visible boolean not null default true;

-- What one agent is to be told in one mail. Open from the first thing that happened until due_at, then sent.
create table mail_batches (
  id uuid primary key,
  agent_id uuid not null references agents on delete cascade,
  kind text not null check (kind in ('missed', 'failures')),
  due_at timestamptz not null,
  -- Mailed, or found to have nothing to tell any more.
  closed_at timestamptz
);
create unique index mail_batches_one_open on mail_batches (agent_id, kind) where closed_at is null;
create index mail_batches_due on mail_batches (due_at) where closed_at is null;
create table mail_batch_items (
  id bigint generated always as identity primary key,
  batch_id uuid not null references mail_batches on delete cascade,
  conversation_id uuid references conversations on delete cascade,
  -- A job that was given up; it may be forgotten before the mail is written.
  job_id bigint,
  task text,
  at timestamptz not null,
  check ((conversation_id is null) <> (job_id is null))
);
create unique index mail_batch_items_conversation on mail_batch_items (batch_id, conversation_id) where conversation_id is not null;
create index mail_batch_items_of_conversation on mail_batch_items (conversation_id) where conversation_id is not null;
create unique index mail_batch_items_job on mail_batch_items (batch_id, job_id) where job_id is not null;
-- Nobody is told the same twice on one device, whoever looks.
create unique index pushes_offer_once on pushes (subscription_id, offer_id) where kind = 'offer';
create unique index pushes_message_once on pushes (subscription_id, conversation_id, seq) where kind = 'message';
