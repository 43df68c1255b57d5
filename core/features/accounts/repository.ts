import { randomUUIDv7 } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Account } from '../../contracts/accounts.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { versionOf } from '../content-version.ts'

interface AccountRow {
  id: string
  domain: string
  company: string | null
  agentId: string
  agentName: string
  agentEmail: string
  agentActive: boolean
  updatedAt: Date
}

const read = (where: RawBuilder<unknown>, rest: RawBuilder<unknown> = sql``) => sql<AccountRow>`
  select c.id, c.domain, c.company, a.id as agent_id, a.name as agent_name, a.email as agent_email, a.active as agent_active,
         c.updated_at
  from accounts c join agents a on a.id = c.agent_id where ${where} ${rest}`

const toAccount = (row: AccountRow): Account => ({
  id: row.id,
  domain: row.domain,
  company: row.company,
  agent: { id: row.agentId, name: row.agentName, email: row.agentEmail, active: row.agentActive },
  updatedAt: row.updatedAt.toISOString(),
  version: versionOf([row.domain, row.company, row.agentId]),
})

/** In the order of domains. @param after the domain the last page ended with. */
export async function readPage(
  db: Db,
  { query, after, limit }: { query: string; after: string; limit: number },
): Promise<Account[]> {
  const { rows } = await read(
    sql`c.domain > ${after} and ${matching(query)}`,
    sql`order by c.domain limit ${limit}`,
  ).execute(db)
  return rows.map(toAccount)
}

export async function count(db: Db, query: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from accounts c where ${matching(query)}`.execute(db)
  return rows[0]?.count ?? 0
}

/** Every word is a part of the domain or the company's name. */
function matching(query: string): RawBuilder<unknown> {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 10)
  if (words.length === 0) return sql`true`
  const like = (word: string) =>
    sql`c.domain || ' ' || lower(coalesce(c.company, '')) like ${`%${word.replace(/[\\%_]/g, '\\$&')}%`}`
  return sql.join(words.map(like), sql` and `)
}

/** All of them by domain, a batch at a time. */
export async function* readAll(db: Db, batchSize = 1_000): AsyncGenerator<Account[]> {
  let after = ''
  for (;;) {
    const batch = await readPage(db, { query: '', after, limit: batchSize })
    if (batch.length > 0) yield batch
    const last = batch.at(-1)
    if (!last || batch.length < batchSize) return
    after = last.domain
  }
}

export async function find(tx: Tx, id: string): Promise<Account | null> {
  const { rows } = await read(sql`c.id = ${id}`).execute(tx)
  return rows[0] ? toAccount(rows[0]) : null
}

/** With who changed it last; nobody else changes it before this transaction ends. */
export async function lock(
  tx: Tx,
  id: string,
): Promise<{ account: Account; changedBy: string | null } | null> {
  const { rows } = await sql<{ changedBy: string | null }>`
    select changed_by from accounts where id = ${id} for update`.execute(tx)
  const account = await find(tx, id)
  return rows[0] && account ? { account, changedBy: rows[0].changedBy } : null
}

export interface AccountFacts {
  domain: string
  company: string | null
  agentId: string
}

/** When something is changed, and by which agent. */
interface Changing {
  now: Date
  by: string
}

/** @returns false when there is an account with this domain. */
export async function insert(
  tx: Tx,
  { now, by }: Changing,
  id: string,
  facts: AccountFacts,
): Promise<boolean> {
  const { rows } = await sql`
    insert into accounts (id, domain, company, agent_id, updated_at, changed_by)
    values (${id}, ${facts.domain}, ${facts.company}, ${facts.agentId}, ${now}, ${by})
    on conflict (domain) do nothing returning id`.execute(tx)
  return rows.length > 0
}

export async function isDomainTaken(tx: Tx, domain: string, exceptId: string): Promise<boolean> {
  const { rows } = await sql`select from accounts where domain = ${domain} and id <> ${exceptId}`.execute(tx)
  return rows.length > 0
}

export async function update(tx: Tx, { now, by }: Changing, id: string, facts: AccountFacts): Promise<void> {
  await sql`
    update accounts set domain = ${facts.domain}, company = ${facts.company}, agent_id = ${facts.agentId},
           updated_at = ${now}, changed_by = ${by}
    where id = ${id}`.execute(tx)
}

/** @returns its domain, or null when there is no such account. */
export async function remove(tx: Tx, id: string): Promise<string | null> {
  const { rows } = await sql<{
    domain: string
  }>`delete from accounts where id = ${id} returning domain`.execute(tx)
  return rows[0]?.domain ?? null
}

/** Stores what is new in a batch without two rows of one domain; without a company the known one stays.
 *  @returns those stored; the others said nothing new. */
export async function upsert(
  tx: Tx,
  { now, by }: Changing,
  batch: AccountFacts[],
): Promise<{ domain: string; created: boolean }[]> {
  const rows = batch.map((facts) => ({ id: randomUUIDv7(), ...facts }))
  const { rows: stored } = await sql<{ domain: string; created: boolean }>`
    insert into accounts as c (id, domain, company, agent_id, updated_at, changed_by)
    select id, domain, company, "agentId", ${now}, ${by}::uuid
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (id uuid, domain text, company text, "agentId" uuid)
    -- two imports at a time take rows in the same order, or they could wait for each other
    order by domain
    on conflict (domain) do update set
      company = coalesce(excluded.company, c.company), agent_id = excluded.agent_id,
      updated_at = excluded.updated_at, changed_by = excluded.changed_by
    where (coalesce(excluded.company, c.company), excluded.agent_id) is distinct from (c.company, c.agent_id)
    returning c.domain, c.xmax = 0 as created`.execute(tx)
  return stored
}

/** Each agent's id by e-mail address, and by name where only one has it; both in lower case. */
export async function agentsByWord(db: Db): Promise<Map<string, string>> {
  const { rows } = await sql<{ word: string; id: string }>`
    select lower(name) as word, min(id::text) as id from agents group by lower(name) having count(*) = 1
    union all
    select email, id::text from agents`.execute(db)
  return new Map(rows.map(({ word, id }) => [word, id]))
}

export async function agentExists(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select from agents where id = ${id}`.execute(tx)
  return rows.length > 0
}
