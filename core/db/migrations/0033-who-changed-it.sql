-- 0033: whoever saves an account, a schedule or meeting settings that somebody else has changed meanwhile reads who it was.
-- What was changed before has nobody's name.
alter table accounts add column changed_by uuid references agents;
alter table agents add column live_chat_schedule_changed_by uuid references agents;
alter table meeting_settings add column changed_by uuid references agents;
