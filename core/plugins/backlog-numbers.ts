import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Db } from '../db/pool.ts'

/** What waits in the database. Counts stop at `countedTo`, ages are in seconds, 0 if nothing waits. */
export interface BacklogNumbers {
  conversationsWaiting: number
  conversationsActive: number
  jobsOpen: number
  jobsDead: number
  /** For how long the most overdue job has been due. */
  jobsOldestDue: number
  searchBacklog: number
  searchOldest: number
  mailsWaiting: number
  mailsUnsent: number
  mailsOldestWaiting: number
}

/** Asked every few seconds by a collector, perhaps while the backlog is the problem: the cost has an end. */
export const countedTo = 10_000

/** All of it in one statement, over indexes that hold nothing but what waits. */
export async function readBacklog(db: Db, clock: Clock): Promise<BacklogNumbers> {
  const now = clock.now()
  const count = (table: string, where: string) =>
    sql`(select count(*) from (select from ${sql.table(table)} where ${sql.raw(where)} limit ${sql.lit(countedTo)}) counted)`
  const age = (since: string) =>
    sql`coalesce(greatest(extract(epoch from ${now}::timestamptz - (${sql.raw(since)})), 0), 0)::double precision`
  const { rows } = await sql<BacklogNumbers>`select
    ${count('conversations', `status = 'waiting'`)} as conversations_waiting,
    ${count('conversations', `status = 'active'`)} as conversations_active,
    ${count('outbox', `state = 'open'`)} as jobs_open,
    ${count('outbox', `state = 'dead'`)} as jobs_dead,
    ${age(`select run_at from outbox where state = 'open' order by run_at limit 1`)} as jobs_oldest_due,
    ${count('search_backlog', 'true')} as search_backlog,
    ${age('select at from search_backlog order by id limit 1')} as search_oldest,
    ${count('mails', 'sent_at is null and unsent_because is null')} as mails_waiting,
    ${count('mails', 'sent_at is null and unsent_because is not null')} as mails_unsent,
    ${age('select created_at from mails where sent_at is null and unsent_because is null order by created_at limit 1')}
      as mails_oldest_waiting`.execute(db)
  const [numbers] = rows
  if (!numbers) throw new Error('A statement that always returns a row returned none')
  return numbers
}
