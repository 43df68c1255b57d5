-- 0009: two offers in a row that ran out set their agent unavailable, which is told apart from what the agent set.

alter table agents
  -- Who set the override, if not the agent: Foyer after missed offers, or a supervisor.
  add column override_cause text check (override_cause in ('missed_offers', 'supervisor')),
  -- Offers that ran out up to then are not counted any more: the agent has turned the switch, or Foyer has done so.
  add column misses_counted_from timestamptz,
  add constraint agents_override_has_a_cause check (override_cause is null or override_status is not null);

-- An agent's latest offers, however many there have been.
create index offers_closed_of_agent on offers (agent_id, closed_at desc, id desc)
  where state in ('accepted', 'declined', 'expired');
