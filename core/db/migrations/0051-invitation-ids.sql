-- 0051: where Foyer invites the guest to an event of the host's calendar, the invitation has that event's own id, so that the guest's answer
-- by mail finds it there. Null: the id that Foyer gives, as what was booked before keeps it: with another one it would be a second event.
alter table meetings add column invitation_uid text;
