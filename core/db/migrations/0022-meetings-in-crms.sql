-- 0022: meetings are written into CRMs, of guests too whom no visitor stands for.
alter table crm_writes
  alter column visitor_id drop not null,
  -- Of a meeting; no foreign key, as for the others.
  add column meeting_id uuid,
  drop constraint crm_writes_kind_check,
  -- foyer-meeting-<meeting>
  add constraint crm_writes_kind_check check (kind in ('person', 'correction', 'conversation', 'meeting')),
  add constraint crm_writes_about check (visitor_id is not null or meeting_id is not null);
