import { type RawBuilder, sql } from 'kysely'

/** The address agents see. @param v the alias of `visitors` in the query. */
export const knownEmail = (v = 'v'): RawBuilder<string | null> => {
  const table = sql.table(v)
  return sql<string | null>`coalesce(${table}.corrections ->> 'email', ${table}.email)`
}

/** Joins whoever has the visitor's address: `p` in the directory, `crm.facts` in the CRMs (see crm_facts in migration
 *  0019). One row for each visitor. */
export const joinKnown: RawBuilder<unknown> = sql`
  left join people p on p.email = ${knownEmail()}
  cross join lateral crm_facts(${knownEmail()}) as crm (facts)`

const columns = { name: 'name', jobTitle: 'job_title', phone: 'phone', company: 'company' } as const

/** What agents see, over {@link joinKnown}: what one of them corrected, what the CRMs say, what the visitor gave, what the
 *  directory says. */
export const knownField = (field: keyof typeof columns): RawBuilder<string | null> => {
  const column = sql.ref(columns[field])
  return sql<
    string | null
  >`coalesce(v.corrections ->> ${sql.lit(field)}, ${crmField(field)}, v.${column}, p.${column})`
}

export const crmField = (field: keyof typeof columns): RawBuilder<string | null> =>
  sql<string | null>`crm.facts #>> ${sql.lit(`{fields,${field},value}`)}`

/** Status comes from one CRM, and only without one from the directory. */
export const knownStatus: RawBuilder<string | null> = sql<string | null>`
  case when crm.facts -> 'standing' ->> 'source' is null then p.crm_status
    else crm.facts #>> '{standing,status,value}' end`
