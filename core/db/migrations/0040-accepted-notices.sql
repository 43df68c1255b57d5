-- 0040: what a guest accepted when they booked can be shown later: when it was, and the privacy notice as the site had it then, its
-- words and the address of the whole. All null: nothing had to be accepted, or it was before this.
alter table meetings
  add column notice_accepted_at timestamptz,
  add column notice_text text,
  add column notice_url text,
  add check ((notice_accepted_at is null) = (notice_text is null)),
  add check ((notice_accepted_at is null) <= (notice_url is null));
