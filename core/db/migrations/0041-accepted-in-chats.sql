-- 0041: what a visitor accepted before a first message is kept as for meetings (0040): when, and the privacy notice as the site had it.
-- All null: nothing had to be accepted, it was with an earlier chat, or before this.
alter table conversations
  add column notice_accepted_at timestamptz,
  add column notice_text text,
  add column notice_url text,
  add check ((notice_accepted_at is null) = (notice_text is null)),
  add check ((notice_accepted_at is null) <= (notice_url is null));
