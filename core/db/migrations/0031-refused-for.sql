-- 0031: whoever books or moves a meeting learns whether the time was taken, or the calendar takes nothing at the moment.
alter table meetings add column refused_for text check (refused_for in ('taken', 'calendar'));
