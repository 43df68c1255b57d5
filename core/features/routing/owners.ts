import { type RawBuilder, sql } from 'kysely'

/**
 * Who looks after a visitor, each as a query of at most one row with `agent_id`. They read Foyer's own tables only: what a
 * CRM says of its owners stands in the mirror, so routing never waits for one.
 */

/** From the account list: by the closest of the domains, else by the company's name. Its row has `domain` too. */
export const ownerOfAccount = (domains: string[], company: string | null): RawBuilder<unknown> => sql`
  select agent_id, domain from accounts
  where domain = any (${domains}) or lower(company) = lower(${company})
  order by domain = any (${domains}) desc, length(domain) desc, domain limit 1`

/** From the mirror: whoever owns the person with this address. Of several connectors a CRM comes before the directory,
 *  and what was read last before what was read earlier. */
export const ownerOfPerson = (email: string | null): RawBuilder<unknown> => sql`
  select ${agentOf('k')} as agent_id from people_mirror k
  where k.email = ${email} and ${namesAnAgent('k')}
  order by k.connector = 'directory', k.read_at desc, k.external_id limit 1`

/** From the mirror: whoever owns the company that the person belongs to, or the one with these domains. */
export const ownerOfCompany = (email: string | null, domains: string[]): RawBuilder<unknown> => sql`
  select ${agentOf('k')} as agent_id
  from (
    select c.*, 0 as distance from people_mirror p
    join companies_mirror c on c.connector = p.connector and c.external_id = p.company_id
    where p.email = ${email}
    union all
    select c.*, 1 + array_position(${domains}, c.domain) from companies_mirror c where c.domain = any (${domains})
  ) k
  where ${namesAnAgent('k')}
  order by k.distance, k.connector = 'directory', k.read_at desc, k.external_id limit 1`

/** Queues, and users who are not active any more, are nobody to ask; nor is an owner who is no agent here. */
const namesAnAgent = (mirrored: string): RawBuilder<boolean> => {
  const k = sql.table(mirrored)
  return sql`${k}.owner_active and not ${k}.owner_is_queue and ${agentOf(mirrored)} is not null`
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
