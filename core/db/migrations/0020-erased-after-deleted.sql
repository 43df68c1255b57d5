-- 0020: a CRM that deletes somebody first and says afterwards that it was for privacy is understood: whose address it was is
-- kept with the deletion for as long as such a word may take.
alter table mirror_gone add column emails text[] not null default '{}';
create index mirror_gone_emails on mirror_gone (at) where emails <> '{}';
