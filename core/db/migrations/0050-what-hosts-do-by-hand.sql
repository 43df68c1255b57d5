-- 0050: what the calendar does not hear of, its host does; what is cancelled is ended there as long as it may come; and whose clock is
-- set by new rules reads so in Foyer too.
alter table meetings
  -- Of what is cancelled: the end of the last of the times that its event may stand at. Null: its own.
  add column event_until timestamptz,
  -- When the event begins that still stands in a calendar that was disconnected; its host has to delete it there.
  add column left_at timestamptz,
  -- What clocks were to show when it was booked or moved, where they will show something else by new rules of their zone.
  add column told_wall_time text,
  add column agent_told_wall_time text;
-- What hosts have to be told of.
create index meetings_to_note on meetings (agent_id) where left_at is not null or agent_told_wall_time is not null;
