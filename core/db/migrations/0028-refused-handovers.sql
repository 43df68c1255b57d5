-- 0028: a handover that nobody could be asked for leaves its steps too: without an offer, so whose it was stands here.
alter table routing_steps add column handed_over_by uuid references agents;
