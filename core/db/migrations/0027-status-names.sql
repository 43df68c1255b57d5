-- 0027: an admin says what a CRM's statuses are called in Foyer, so that two CRMs, panels and routing rules speak of one thing.
-- The CRM's word by the one in Foyer; what is not there is shown as the CRM says it.
alter table connections add column status_names jsonb not null default '{}';

-- What the CRMs say of the person with this address: of each connector the record that counts; of each field the first
-- value in the admin's order; status and owner from one CRM, the first that has
-- either; a status by its name in Foyer, where it has one.
create or replace function crm_facts(p_email text) returns jsonb language sql stable as $$
  with records as materialized (
    select distinct on (m.connector) m.*, c.id as connection_id, c.precedence, c.field_precedence, c.status_names,
      coalesce(c.write_back -> 'directions', '{}') as directions
    from people_mirror_emails e
    join connections c on c.connector = e.connector and c.state in ('active', 'paused', 'broken')
    join people_mirror m on m.connector = e.connector and m.external_id = e.external_id
    left join person_lookups l on l.connection_id = c.id and l.email = e.email
    where e.email = p_email
    order by m.connector, m.rank, l.external_id = m.external_id desc nulls last, m.changed_at desc nulls last, m.external_id
  ), said as (
    select distinct on (one.field) one.field,
      r.fields -> one.field || jsonb_build_object('source', r.connector, 'readAt', r.read_at) as fact
    from records r, unnest(array['name', 'jobTitle', 'phone', 'company']) as one (field)
    where r.fields -> one.field ->> 'value' <> '' and r.directions ->> one.field is distinct from 'off'
    order by one.field, coalesce((r.field_precedence ->> one.field)::integer, r.precedence), r.precedence, r.connector
  ), standing as (
    select r.connector, r.read_at, r.owner_id, r.owner_name, r.owner_email,
      case when r.directions ->> 'crmStatus' is distinct from 'off' then r.fields -> 'crmStatus' || jsonb_strip_nulls(
        jsonb_build_object('value', r.status_names ->> (r.fields -> 'crmStatus' ->> 'value'))) end as status
    from records r
    where (r.fields -> 'crmStatus' ->> 'value' <> '' and r.directions ->> 'crmStatus' is distinct from 'off')
      or r.owner_id is not null or r.owner_email is not null
    order by coalesce((r.field_precedence ->> 'crmStatus')::integer, r.precedence), r.precedence, r.connector limit 1
  )
  select jsonb_build_object(
    'fields', coalesce((select jsonb_object_agg(field, fact) from said), '{}'),
    'standing', (select jsonb_build_object('source', connector, 'readAt', read_at, 'status', status, 'ownerId', owner_id,
        'ownerName', owner_name, 'ownerEmail', owner_email) from standing),
    'records', (select jsonb_agg(jsonb_build_object('connector', connector, 'type', type, 'id', external_id,
        'url', record_url, 'readAt', read_at) order by precedence, connector) from records))
  where exists (select from records)
$$;
