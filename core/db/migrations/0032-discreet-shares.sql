-- 0032: a calendar that was found by an address or company somebody only typed does not say whose it is before something is
-- booked. Of those made so far nobody knows any more how they were found.
alter table calendar_shares add column discreet boolean not null default false;
update calendar_shares set discreet = true where shared_by is null and agent_id is not null;
