-- 0042: a meeting's event may have to be read once more (look): where a move was given up that the calendar may have made all the
-- same, and where something was changed in the calendar while Foyer was entering or moving the event.
alter table meetings drop constraint meetings_event_due_check;
alter table meetings add constraint meetings_event_due_check check (event_due in ('insert', 'move', 'cancel', 'look'));
-- Its event was changed in the calendar while Foyer was at it, and what has become of it is not known here yet.
alter table meetings add column changed_meanwhile boolean not null default false;

-- What was dragged in the calendar onto another meeting had no time of its own for good, also when the other one was gone: such
-- a time could be sold again.
insert into taken_times (meeting_id, agent_id, taken)
select m.id, m.agent_id, times.taken from meetings m, lateral (select tstzrange(
    m.start_at - m.buffer_before_minutes * interval '1 minute', m.end_at + m.buffer_after_minutes * interval '1 minute')) times (taken)
where m.state = 'booked' and m.end_at > now()
  and not exists (select from taken_times t where t.meeting_id = m.id and t.taken = times.taken)
order by m.booked_at, m.id
on conflict do nothing;
