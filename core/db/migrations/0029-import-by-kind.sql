-- 0029: how far the reading of everybody has come, by type of people: {"Contact": {"done": 200, "total": 3000}, …}.
alter table connection_sync add column import_kinds jsonb not null default '{}';
