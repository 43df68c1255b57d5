-- 0002: outgoing mail is kept as rows, so that a job carries an id and an admin sees what was sent, what waits, and
-- what could not be sent and why.

-- A mail. waiting (neither column set) -> sent (sent_at), or given up (unsent_because) -> waiting again by hand.
create table mails (
  id uuid primary key,
  to_address text not null,
  to_name text,
  reply_to text,
  subject text not null,
  text text not null,
  html text,
  -- Further headers, such as {"List-Unsubscribe": "<https://…>"}.
  headers jsonb not null default '{}',
  -- Made from the id before the first attempt and never changed: a mail server that gets the same mail twice,
  -- because its answer to the first was lost, can tell.
  message_id text,
  created_at timestamptz not null,
  sent_at timestamptz,
  unsent_because text,
  check (sent_at is null or unsent_because is null)
);
create index mails_unsent on mails (created_at desc) where sent_at is null;
