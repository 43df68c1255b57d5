-- 0024: whether whoever booked was told "not certain yet", so that the end of it, good or bad, comes to them by mail.
alter table meetings add column put_off boolean not null default false;
