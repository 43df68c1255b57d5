-- 0026: who was merged into somebody else is that one under their old addresses too, also where the CRM keeps only the
-- winner's: a chat that goes on during a merge is written to the winner, and its panel stays filled.
alter table people_mirror_former add column emails text[] not null default '{}';
