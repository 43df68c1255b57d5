-- 0006: an active chat whose agent is deactivated is routed again. Each time is a round of its own: nobody is asked twice in
-- one, its tries are counted by themselves, and who was asked in an earlier round may be asked again.
alter table conversations add column round integer not null default 1;
alter table offers add column round integer not null default 1;
create unique index offers_nobody_twice_a_round on offers (conversation_id, agent_id, round);
drop index offers_nobody_twice;
