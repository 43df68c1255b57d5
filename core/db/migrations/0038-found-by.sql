-- 0038: a calendar that was found by an address somebody typed has another link for each address, as a hash that needs the secret key
-- and the visitor. Null: found otherwise.
alter table calendar_shares add column found_by text;
