-- 0007: a visitor whom the site's signature names is the same one in every browser, a token can be taken back and ends
-- by itself, one address cannot fill the queue, and what has been kept long enough can go.

-- A token is one browser's, and never changes whom it stands for. Good until it has not been used for a while
-- (retention.visitorTokenDays).
create table visitor_tokens (
  token_hash bytea primary key,
  visitor_id uuid not null references visitors on delete cascade,
  created_at timestamptz not null,
  -- The last session begun with it, to the day.
  used_at timestamptz not null
);
create index visitor_tokens_of_visitor on visitor_tokens (visitor_id);
create index visitor_tokens_used on visitor_tokens (used_at);

insert into visitor_tokens (token_hash, visitor_id, created_at, used_at)
select token_hash, id, created_at, seen_at from visitors;

-- The column stays a visitor's first token, for the previous version while it runs; taken back, it is null.
alter table visitors alter column token_hash drop not null;

create function keep_first_tokens() returns trigger language plpgsql as $$
begin
  insert into visitor_tokens (token_hash, visitor_id, created_at, used_at)
  select token_hash, id, created_at, seen_at from made where token_hash is not null;
  return null;
end
$$;
create trigger visitors_first_token after insert on visitors
  referencing new table as made for each statement execute function keep_first_tokens();

-- Not unique: the previous version knows each browser of somebody as another visitor. They become one as they come.
create index visitors_subject on visitors (site_id, identity_subject, created_at) where identity_subject is not null;

-- From where a request that still waits came: an address, or a network for IPv6. Gone soon after the wait.
create table request_addresses (
  conversation_id uuid primary key references conversations on delete cascade,
  address text not null
);
create index request_addresses_address on request_addresses (address);

-- For deleting what old conversations refer to.
create index conversations_previous on conversations (previous_id) where previous_id is not null;
