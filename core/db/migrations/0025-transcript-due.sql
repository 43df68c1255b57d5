-- 0025: a host who is not in the chat that a meeting was booked in gets its transcript once it has ended.
alter table meetings add column transcript_due boolean not null default false;
create index meetings_transcript_due on meetings (id) where transcript_due;
