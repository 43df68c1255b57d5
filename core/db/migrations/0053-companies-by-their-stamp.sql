-- 0053: of two answers about a company the one counts that tells of the later change, as with people. By when they were asked for alone,
-- a feed that had waited for its turn was taken for older than what a chat had read meanwhile, and the new name it told, which
-- it tells once, was dropped.
alter table companies_mirror add column changed_at timestamptz;
