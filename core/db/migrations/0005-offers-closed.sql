-- 0005: each web process looks every few seconds at the offers that were just closed, to repeat what a lost frame
-- should have told.
create index offers_closed on offers (closed_at) where closed_at is not null;
