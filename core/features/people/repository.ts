import { randomUUIDv7 } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Person } from '../../contracts/visitors.ts'
import type { Db, Tx } from '../../db/pool.ts'

interface PersonRow extends Omit<Person, 'updatedAt'> {
  updatedAt: Date
}

const personColumns = sql`p.id, p.email, p.name, p.job_title, p.phone, p.crm_status, p.company, p.owner_email, p.updated_at`
/** Those without a name stand where their address does. */
const order = sql`lower(coalesce(p.name, p.email)), p.id`

const toPerson = ({ updatedAt, ...row }: PersonRow): Person => ({
  ...row,
  updatedAt: updatedAt.toISOString(),
})

/** In the order of names. @param after the id of the person the last page ended with. */
export async function readPage(
  db: Db,
  { query, after, limit }: { query: string; after: string | null; limit: number },
): Promise<Person[]> {
  const { rows } = await sql<PersonRow>`
    select ${personColumns} from people p
    where ${matching(query)} and ${
      after === null
        ? sql`true`
        : sql`(${order}) > (select lower(coalesce(l.name, l.email)), l.id from people l where l.id = ${after})`
    }
    order by ${order} limit ${limit}`.execute(db)
  return rows.map(toPerson)
}

export async function count(db: Db, query: string): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*) as count from people p where ${matching(query)}`.execute(db)
  return rows[0]?.count ?? 0
}

export async function exists(db: Db, id: string): Promise<boolean> {
  const { rows } = await sql`select from people where id = ${id}`.execute(db)
  return rows.length > 0
}

/** Every word is a part of the name, the address or the company. */
function matching(query: string): RawBuilder<unknown> {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 10)
  if (words.length === 0) return sql`true`
  const text = sql`lower(coalesce(p.name, '') || ' ' || p.email || ' ' || coalesce(p.company, ''))`
  return sql.join(
    words.map((word) => sql`${text} like ${`%${word.replace(/[\\%_]/g, '\\$&')}%`}`),
    sql` and `,
  )
}

/** All of them by address, a batch at a time, so that a directory of any size needs little memory. */
export async function* readAll(db: Db, batchSize = 1_000): AsyncGenerator<Person[]> {
  let after = ''
  for (;;) {
    const { rows } = await sql<PersonRow>`
      select ${personColumns} from people p where p.email > ${after} order by p.email limit ${batchSize}`.execute(
      db,
    )
    if (rows.length > 0) yield rows.map(toPerson)
    const last = rows.at(-1)
    if (!last || rows.length < batchSize) return
    after = last.email
  }
}

/** What a file says of one person; null leaves what is stored. */
export interface PersonFacts {
  email: string
  name: string | null
  jobTitle: string | null
  phone: string | null
  crmStatus: string | null
  company: string | null
  ownerEmail: string | null
}

/** Stores what is new in a batch without two rows of one address. @returns those stored; the others said nothing new. */
export async function upsert(
  tx: Tx,
  now: Date,
  batch: PersonFacts[],
): Promise<{ email: string; created: boolean }[]> {
  const rows = batch.map((facts) => ({ id: randomUUIDv7(), ...facts }))
  const { rows: stored } = await sql<{ email: string; created: boolean }>`
    insert into people as p (id, email, name, job_title, phone, crm_status, company, owner_email, updated_at)
    select id, email, name, "jobTitle", phone, "crmStatus", company, "ownerEmail", ${now}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (
      id uuid, email text, name text, "jobTitle" text, phone text, "crmStatus" text, company text, "ownerEmail" text)
    -- two imports at a time take rows in the same order, or they could wait for each other
    order by email
    on conflict (email) do update set
      name = coalesce(excluded.name, p.name),
      job_title = coalesce(excluded.job_title, p.job_title),
      phone = coalesce(excluded.phone, p.phone),
      crm_status = coalesce(excluded.crm_status, p.crm_status),
      company = coalesce(excluded.company, p.company),
      owner_email = coalesce(excluded.owner_email, p.owner_email),
      updated_at = excluded.updated_at
    where (coalesce(excluded.name, p.name), coalesce(excluded.job_title, p.job_title), coalesce(excluded.phone, p.phone),
           coalesce(excluded.crm_status, p.crm_status), coalesce(excluded.company, p.company),
           coalesce(excluded.owner_email, p.owner_email))
      is distinct from (p.name, p.job_title, p.phone, p.crm_status, p.company, p.owner_email)
    -- a row that no transaction has replaced yet is one this statement made
    returning p.email, p.xmax = 0 as created`.execute(tx)
  return stored
}

/** The address of each agent by the agent's name in lower case; a name that two have is nobody's. */
export async function agentsByName(db: Db): Promise<Map<string, string>> {
  const { rows } = await sql<{ name: string; email: string }>`
    select lower(name) as name, min(email) as email from agents group by lower(name) having count(*) = 1`.execute(
    db,
  )
  return new Map(rows.map(({ name, email }) => [name, email]))
}
