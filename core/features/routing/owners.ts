import { type RawBuilder, sql } from 'kysely'
import type { NoOwnerReason } from '../../contracts/routing.ts'

/**
 * Who looks after a visitor. These queries read Foyer's own tables only: what a CRM says of its owners stands in the
 * mirror, so routing never waits for one.
 */

/** An owner who is nobody to ask, for the trace. */
export interface NoOwner {
  name: string
  connector: string | null
  why: NoOwnerReason
}

/** From the account list: by the closest of the domains, else by the company's name. At most one row, with `agent_id` and
 *  `domain`. */
export const ownerOfAccount = (domains: string[], company: string | null): RawBuilder<unknown> => sql`
  select agent_id, domain from accounts
  where domain = any (${domains}) or lower(company) = lower(${company})
  order by domain = any (${domains}) desc, length(domain) desc, domain limit 1`

/** From the mirror: the owners of the person with this address, the one who counts first. Of several connectors the one
 *  that the admin put first comes first and the directory last; of one, the record that says most, then what was read
 *  last. Rows as in {@link named}. */
export const ownersOfPerson = (email: string | null): RawBuilder<unknown> =>
  named(sql`
    select k.*, row_number() over (
      order by k.connector = 'directory', ${precedenceOf('k')}, k.rank, k.read_at desc, k.external_id) as place
    from people_mirror_emails e join people_mirror k using (connector, external_id)
    where e.email = ${email} and ${hasOwner('k')}
    order by place limit ${mostRecords}`)

/** From the mirror: the owners of the company that the person belongs to, then of those with these domains. */
export const ownersOfCompany = (email: string | null, domains: string[]): RawBuilder<unknown> =>
  named(sql`
    select k.*, row_number() over (
      order by k.distance, k.connector = 'directory', ${precedenceOf('k')}, k.read_at desc, k.external_id) as place
    from (
      select c.*, 0 as distance from people_mirror_emails e
      join people_mirror p using (connector, external_id)
      join companies_mirror c on c.connector = p.connector and c.external_id = p.company_id
      where e.email = ${email}
      union all
      select c.*, 1 + array_position(${domains}, c.domain) from companies_mirror c where c.domain = any (${domains})
    ) k
    where ${hasOwner('k')}
    order by place limit ${mostRecords}`)

/** The place of the connector in the admin's order; those that are connected no more come last. */
const precedenceOf = (mirrored: string): RawBuilder<number> => sql`
  coalesce((select n.precedence from connections n
    where n.connector = ${sql.table(mirrored)}.connector and n.state <> 'disconnected'), 2147483647)`

/** Of one person or company; nobody has that many connectors. */
const mostRecords = 20

const hasOwner = (mirrored: string): RawBuilder<boolean> => {
  const k = sql.table(mirrored)
  return sql`(${k}.owner_id is not null or ${k}.owner_email is not null)`
}

/** Rows with `place`, `agent_id` of those who are agents, and `owner`, a {@link NoOwner}, of those who are not: queues, users
 *  who are not active any more, and whoever is no agent here. */
const named = (records: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  select place, case when why is null then agent_id end as agent_id,
         case when why is not null then jsonb_build_object(
           'name', coalesce(owner_email, owner_id), 'connector', connector, 'why', why) end as owner
  from (
    select n.*, case
      when n.owner_is_queue then 'queue'
      when not n.owner_active then 'inactive_user'
      when n.agent_id is not null then null
      when exists (select from agent_crm_users u where u.connector = n.connector and u.crm_user = n.owner_id)
        then 'set_to_nobody'
      else 'no_agent' end as why
    from (select k.*, ${agentOf('k')} as agent_id from (${records}) k) n
  ) known`

/** Of the rows of {@link named}: the agent who counts. */
export const firstAgent = (owners: string): RawBuilder<string | null> => sql`
  (select agent_id from ${sql.table(owners)} where agent_id is not null order by place limit 1)`

/** Of the rows of {@link named}: those who would have come before that agent. */
export const passedOwners = (owners: string): RawBuilder<NoOwner[] | null> => {
  const from = sql.table(owners)
  return sql`(
    select jsonb_agg(owner order by place) from ${from}
    where owner is not null
      and place < coalesce((select min(place) from ${from} where agent_id is not null), ${mostRecords + 1}))`
}

/** Which agent the owner is: whom an admin named, else the one with the same e-mail address. */
export const agentOf = (mirrored: string): RawBuilder<string | null> => {
  const k = sql.table(mirrored)
  return sql`(
    case when exists (select from agent_crm_users u where u.connector = ${k}.connector and u.crm_user = ${k}.owner_id)
      then (select u.agent_id from agent_crm_users u where u.connector = ${k}.connector and u.crm_user = ${k}.owner_id)
      else (select o.id from agents o where o.email = ${k}.owner_email)
    end)`
}
