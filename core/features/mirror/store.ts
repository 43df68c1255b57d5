import { sql } from 'kysely'
import type { CrmCompany, CrmOwner, CrmPerson } from '#connectors/sdk/crm.ts'
import { personFields } from '#connectors/sdk/crm.ts'
import type { Tx } from '../../db/pool.ts'

/** Whose mirror it is. */
export interface MirrorOf {
  connector: string
  /** The connector's types of people, most telling first. */
  types: readonly string[]
}

export interface Reading {
  /** When the vendor was asked: of two answers about the same state the later one counts. */
  readAt: Date
  /** Read by its id, so it is there now, whatever was heard of its end. What a feed or a search says may lag. */
  direct: boolean
}

/** More at once hold the others up; more rows than this are stored in several transactions. */
export const storedAtOnce = 500

/**
 * Takes what a CRM said of people into the mirror. What is older than what is known changes nothing, so answers may be
 * stored twice and in any order; whoever was merged into somebody else goes, with what hangs on them. Ids that were
 * deleted come back only if they were changed, or looked at by id, since then; erased ones never.
 * @returns the addresses of which something is different now.
 */
export async function storePeople(
  tx: Tx,
  { connector, types }: MirrorOf,
  people: CrmPerson[],
  { readAt, direct }: Reading,
): Promise<string[]> {
  if (people.length === 0) return []
  await lockMirror(tx, connector)
  const { later, renamed } = await storeCompanies(tx, connector, companiesOf(people), readAt)
  const given = people.map((person) => toRow(person, types, later))
  const { rows } = await sql<{ emails: string[] }>`
    with given as materialized (
      select distinct on (g.id) g.* from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as g (
        id text, type text, rank smallint, emails text[], fields jsonb, hidden text[], owner_id text, owner_name text,
        owner_email text, owner_active boolean, owner_is_queue boolean, company_id text, url text, changed_at timestamptz)
      order by g.id, g.changed_at desc
    ), whole as materialized (
      select g.*, g.emails || array(select distinct e from people_mirror_former f, unnest(f.emails) as e
        where f.connector = ${connector} and f.external_id = g.id and e <> all (g.emails) order by e) as all_emails
      from given g
    ), fresh as materialized (
      select g.*, merged.fields as merged, coalesce(k.emails || k.email, '{}') as emails_before,
        k.external_id is null or merged.fields <> k.fields or g.all_emails <> k.emails
          or (g.type, g.owner_id, g.owner_name, g.owner_email, g.owner_active, g.owner_is_queue, g.company_id, g.url)
            is distinct from (k.type, k.owner_id, k.owner_name, k.owner_email, k.owner_active, k.owner_is_queue, k.company_id, k.record_url)
          as is_new
      from whole g
      left join people_mirror k on k.connector = ${connector} and k.external_id = g.id
      left join mirror_gone d on d.connector = ${connector} and d.external_id = g.id
      cross join lateral (
        select coalesce(jsonb_object_agg(f.key, mirrored_field(k.fields -> f.key, f.value, ${readAt})), '{}') as fields
        from jsonb_each_text(g.fields) f) merged
      where (d.external_id is null or (not d.erased and d.at < case when ${direct} then ${readAt}::timestamptz else g.changed_at end))
        and (k.changed_at is null or k.changed_at < g.changed_at or (k.changed_at = g.changed_at and k.read_at <= ${readAt}))
        and not exists (select from people_mirror_former f where f.connector = ${connector} and f.former_id = g.id)
    ), stored as (
      insert into people_mirror as m (connector, external_id, type, rank, email, emails, fields, hidden, owner_id, owner_name,
        owner_email, owner_active, owner_is_queue, company_id, record_url, changed_at, read_at)
      select ${connector}, id, type, rank, all_emails[1], all_emails, merged, hidden, owner_id, owner_name, owner_email, owner_active,
        owner_is_queue, company_id, url, changed_at, ${readAt}
      from fresh
      on conflict (connector, external_id) do update set
        type = excluded.type, rank = excluded.rank, email = excluded.email, emails = excluded.emails,
        fields = excluded.fields, hidden = excluded.hidden, owner_id = excluded.owner_id, owner_name = excluded.owner_name,
        owner_email = excluded.owner_email, owner_active = excluded.owner_active,
        owner_is_queue = excluded.owner_is_queue, company_id = excluded.company_id, record_url = excluded.record_url,
        changed_at = excluded.changed_at, read_at = excluded.read_at
    ), back as (
      delete from mirror_gone d using fresh f where d.connector = ${connector} and d.external_id = f.id
    )
    select array(select distinct unnest(all_emails || emails_before)) as emails from fresh where is_new`.execute(
    tx,
  )
  const moved = await takeOverFormer(tx, connector, people)
  return [...new Set([...rows.flatMap(({ emails }) => emails), ...renamed, ...moved])]
}

function toRow(person: CrmPerson, types: readonly string[], later: LaterNames) {
  const { owner, company } = person
  const emails = [...new Set(person.emails.map((email) => email.trim().toLowerCase()).filter(Boolean))]
  const values = Object.entries({ ...person.fields, company: companyText(person, later) })
  const fields = Object.fromEntries(
    values.flatMap(([field, value]) => {
      const text = clean(value)
      return text === null ? [] : [[field, text]]
    }),
  )
  return {
    id: person.id,
    type: person.type,
    rank: Math.max(0, types.indexOf(person.type)),
    emails,
    fields,
    hidden: personFields.filter((field) => person.fields[field] === undefined),
    ...ownerColumns(owner),
    company_id: company?.id ?? null,
    url: person.url,
    changed_at: person.changedAt.toISOString(),
  }
}

/** What was typed beside a person is their own; the name of their company is as it is known by now. */
function companyText({ fields, company }: CrmPerson, later: LaterNames) {
  const own = fields.company || company?.name
  return company && own === company.name && later.has(company.id) ? later.get(company.id) : own
}

const ownerColumns = (owner: CrmOwner | null) => ({
  owner_id: owner?.id ?? null,
  owner_name: clean(owner?.name),
  owner_email: owner?.email?.toLowerCase() ?? null,
  owner_active: owner?.active ?? true,
  owner_is_queue: owner?.isQueue ?? false,
})

/** PostgreSQL keeps no NUL, and a name is no book. */
const clean = (value: string | null | undefined): string | null =>
  value?.replaceAll('\0', '').toWellFormed().trim().slice(0, 1_000) || null

/**
 * Takes what a CRM said of companies into the mirror: of those that somebody in it works for. Whoever is shown with the company's
 * name is shown with the new one.
 * @returns the addresses of which something is different now.
 */
export async function storeCompaniesAlone(
  tx: Tx,
  connector: string,
  companies: CrmCompany[],
  readAt: Date,
): Promise<string[]> {
  if (companies.length === 0) return []
  await lockMirror(tx, connector)
  const { rows: known } = await sql<{ id: string }>`
    select external_id as id from companies_mirror
    where connector = ${connector} and external_id = any (${companies.map(({ id }) => id)})`.execute(tx)
  const ids = new Set(known.map(({ id }) => id))
  const { different } = await storeCompanies(
    tx,
    connector,
    companies.filter(({ id }) => ids.has(id)),
    readAt,
  )
  if (different.length === 0) return []
  const { rows } = await sql<{ emails: string[] }>`
    select emails from people_mirror where connector = ${connector} and company_id = any (${different})`.execute(
    tx,
  )
  return [...new Set(rows.flatMap(({ emails }) => emails))]
}

const companiesOf = (people: CrmPerson[]): CrmCompany[] => [
  ...new Map(people.flatMap(({ company }) => (company ? [[company.id, company]] : []))).values(),
]

const companyRow = ({ id, name, domain, owner, url, changedAt }: CrmCompany) => ({
  id,
  name: clean(name),
  domain: domain?.toLowerCase() ?? null,
  ...ownerColumns(owner),
  url,
  changed_at: changedAt?.toISOString() ?? null,
})

/** By the company's id: its name, where more is known of it than this answer says. */
type LaterNames = ReadonlyMap<string, string | null>

interface StoredCompanies {
  later: LaterNames
  /** Those known before, of which something is different now. */
  different: string[]
  /** The addresses of those who are shown with another name of their company now. */
  renamed: string[]
}

/**
 * A feed waits for its turn longer than a chat, and what it was asked before that it reads after it. So the vendor's own stamps say
 * which of two answers is later: a change that a feed tells once must not be taken for older than what somebody else read
 * meanwhile.
 */
async function storeCompanies(
  tx: Tx,
  connector: string,
  companies: CrmCompany[],
  readAt: Date,
): Promise<StoredCompanies> {
  if (companies.length === 0) return { later: new Map(), different: [], renamed: [] }
  const given = companies.map(companyRow)
  const { rows } = await sql<{
    id: string
    isLater: boolean
    name: string | null
    before: string | null
  }>`
    with given as materialized (
      select g.*, k.fields as fields_before, k.fields -> 'name' ->> 'value' as name_before,
        case when k.read_at is null then true when k.changed_at <> g.changed_at then k.changed_at < g.changed_at
          else k.read_at <= ${readAt} end as is_later,
        k.read_at is not null and
          (g.name, g.domain, g.owner_id, g.owner_name, g.owner_email, g.owner_active, g.owner_is_queue, g.url) is distinct from
            (k.fields -> 'name' ->> 'value', k.domain, k.owner_id, k.owner_name, k.owner_email, k.owner_active, k.owner_is_queue,
              k.record_url) as is_different
      from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as g (id text, name text, domain text, owner_id text,
        owner_name text, owner_email text, owner_active boolean, owner_is_queue boolean, url text, changed_at timestamptz)
      left join companies_mirror k on k.connector = ${connector} and k.external_id = g.id
    ), stored as (
      insert into companies_mirror as m (connector, external_id, domain, fields, owner_id, owner_name, owner_email, owner_active,
        owner_is_queue, record_url, changed_at, read_at)
      select ${connector}, g.id, g.domain,
        jsonb_strip_nulls(jsonb_build_object('name', mirrored_field(g.fields_before -> 'name', g.name, ${readAt}))),
        g.owner_id, g.owner_name, g.owner_email, g.owner_active, g.owner_is_queue, g.url, g.changed_at, ${readAt}
      from given g where g.is_later
      on conflict (connector, external_id) do update set
        domain = excluded.domain, fields = excluded.fields, owner_id = excluded.owner_id, owner_name = excluded.owner_name,
        owner_email = excluded.owner_email, owner_active = excluded.owner_active, owner_is_queue = excluded.owner_is_queue,
        record_url = excluded.record_url, changed_at = excluded.changed_at, read_at = excluded.read_at
    )
    select id, is_later, name, name_before as before from given where is_different or not is_later`.execute(
    tx,
  )
  const different = rows.filter(({ isLater }) => isLater)
  return {
    later: new Map(rows.filter(({ isLater }) => !isLater).map(({ id, before }) => [id, before])),
    different: different.map(({ id }) => id),
    renamed: await rename(tx, connector, different, readAt),
  }
}

/** Whoever is shown with a company's name is shown with the new one. @returns their addresses. */
async function rename(
  tx: Tx,
  connector: string,
  companies: { id: string; name: string | null; before: string | null }[],
  readAt: Date,
): Promise<string[]> {
  const renamed = companies.filter(({ name, before }) => name !== null && name !== before)
  // most answers rename nobody: those of an import are not to look for them
  if (renamed.length === 0) return []
  const { rows } = await sql<{ emails: string[] }>`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(renamed)}::jsonb) as g (id text, name text, before text)
    )
    update people_mirror m
    set fields = jsonb_set(m.fields, '{company}', mirrored_field(m.fields -> 'company', g.name, ${readAt}))
    from given g
    where m.connector = ${connector} and m.company_id = g.id and m.fields -> 'company' ->> 'value' is not distinct from g.before
    returning m.emails`.execute(tx)
  return rows.flatMap(({ emails }) => emails)
}

/** Those who are somebody else now go; their activities, addresses, and what Foyer wrote about them, are that one's. */
async function takeOverFormer(tx: Tx, connector: string, people: CrmPerson[]): Promise<string[]> {
  const pairs = people.flatMap(({ id, formerIds }) =>
    formerIds.filter((former) => former !== id).map((former) => ({ former, id })),
  )
  if (pairs.length === 0) return []
  await sql`
    with pairs as materialized (
      select distinct on (p.former) p.former, p.id from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as p (former text, id text)
      where exists (select from people_mirror m where m.connector = ${connector} and m.external_id = p.id)
    ), known as (
      insert into people_mirror_former as f (connector, former_id, external_id, emails)
      select ${connector}, p.former, p.id, coalesce(m.emails, '{}')
      from pairs p left join people_mirror m on m.connector = ${connector} and m.external_id = p.former
      on conflict (connector, former_id) do update set
        external_id = excluded.external_id, emails = case when excluded.emails = '{}' then f.emails else excluded.emails end
    ), further as (
      update people_mirror_former f set external_id = p.id from pairs p
      where f.connector = ${connector} and f.external_id = p.former and f.former_id not in (select former from pairs)
    ), brought as (
      insert into activities_mirror (connector, person_id, external_id, keys, kind, at, is_all_day, title, detail, url, foyer_key)
      select a.connector, p.id, a.external_id, a.keys, a.kind, a.at, a.is_all_day, a.title, a.detail, a.url, a.foyer_key
      from activities_mirror a join pairs p on p.former = a.person_id
      where a.connector = ${connector}
      on conflict do nothing
    ), looked_up as (
      update person_lookups l set external_id = p.id from pairs p, connections c
      where l.external_id = p.former and c.id = l.connection_id and c.connector = ${connector}
    )
    update crm_writes w set person_id = p.id from pairs p, connections c
    where w.person_id = p.former and c.id = w.connection_id and c.connector = ${connector}`.execute(tx)
  const { rows: gone } = await sql<{ emails: string[] }>`
    delete from people_mirror where connector = ${connector}
      and external_id = any (${pairs.map(({ former }) => former)}) returning emails`.execute(tx)
  // a CRM may keep only the winner's
  await sql`
    update people_mirror m set email = whole.emails[1], emails = whole.emails
    from (
      select w.external_id, w.emails || array_agg(distinct e order by e) as emails
      from people_mirror w
      join people_mirror_former f on f.connector = w.connector and f.external_id = w.external_id, unnest(f.emails) as e
      where w.connector = ${connector} and w.external_id = any (${pairs.map(({ id }) => id)}) and e <> all (w.emails)
      group by w.external_id, w.emails
    ) as whole
    where m.connector = ${connector} and m.external_id = whole.external_id`.execute(tx)
  return gone.flatMap(({ emails }) => emails)
}

/** Forgets whom the CRM has deleted, under every id they had: a feed that lags may still tell of one that was merged into
 *  them. @returns the addresses of which something is different now. */
export async function forgetPeople(
  tx: Tx,
  connector: string,
  ids: string[],
  now: Date,
  { erased = false } = {},
): Promise<string[]> {
  if (ids.length === 0) return []
  await lockMirror(tx, connector)
  await sql`
    insert into mirror_gone as g (connector, external_id, at, erased, emails)
    select ${connector}, id, ${now}, ${erased}, case when ${erased} then '{}' else coalesce(m.emails, '{}') end
    from (
      select unnest(${ids}::text[]) as id
      union
      select former_id from people_mirror_former where connector = ${connector} and external_id = any (${ids})
    ) as gone
    left join people_mirror m on m.connector = ${connector} and m.external_id = id
    on conflict (connector, external_id) do update set
      at = greatest(g.at, excluded.at), erased = g.erased or excluded.erased,
      emails = case when g.erased or excluded.erased then '{}' when excluded.emails = '{}' then g.emails else excluded.emails end`.execute(
    tx,
  )
  const { rows } = await sql<{ emails: string[] }>`
    delete from people_mirror where connector = ${connector} and external_id = any (${ids}) returning emails`.execute(
    tx,
  )
  return rows.flatMap(({ emails }) => emails)
}

/** One after the other for each connector: a merge touches rows of others. Held for some milliseconds. */
const lockMirror = (tx: Tx, connector: string) =>
  sql`select pg_advisory_xact_lock(hashtextextended('mirror: ' || ${connector}, 0))`.execute(tx)

/** The vendor's users, all of them. */
export async function storeUsers(tx: Tx, connector: string, users: CrmOwner[]): Promise<void> {
  const given = users.map(({ id, name, email, active, isQueue }) => ({
    id,
    name: clean(name),
    email: email?.toLowerCase() ?? null,
    active,
    is_queue: isQueue,
  }))
  await sql`
    with given as materialized (
      select distinct on (g.id) g.* from jsonb_to_recordset(${JSON.stringify(given)}::jsonb)
        as g (id text, name text, email text, active boolean, is_queue boolean)
    ), gone as (
      delete from crm_users where connector = ${connector} and external_id not in (select id from given)
    )
    insert into crm_users (connector, external_id, name, email, active, is_queue)
    select ${connector}, id, name, email, active, is_queue from given
    on conflict (connector, external_id) do update set
      name = excluded.name, email = excluded.email, active = excluded.active, is_queue = excluded.is_queue`.execute(
    tx,
  )
}
