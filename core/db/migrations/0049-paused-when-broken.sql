-- 0049: a connection that an admin has paused stays so when it breaks, until it works again and beyond.
alter table connections add column was_paused boolean not null default false;
