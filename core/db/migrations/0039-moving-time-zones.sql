-- 0039: whoever moves a meeting may be in another zone by now. It holds once the move is made, as one that is refused leaves time and zone
-- as they were told.
alter table meetings add column moving_time_zone text;
