-- 0047: whom a request goes to is chosen by digests of schedules instead of the schedules themselves, which a process has read
-- once. Of 200 agents they were most of what a choice reads while other requests wait. The table is small, so
-- rewriting it holds nobody up.
alter table agents add column live_chat_schedule_digest text generated always as (md5(live_chat_schedule::text)) stored;
