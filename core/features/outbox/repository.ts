import { type RawBuilder, sql } from 'kysely'
import { plannedOnce } from '#core/db/planned-once.ts'
import type { Db, Tx } from '#core/db/pool.ts'

export interface OutboxRow {
  id: number
  task: string
  payload: unknown
  orderKey: string | null
  runAt: Date
  /** How often it was tried and did not get done. */
  attempts: number
  createdAt: Date
  claimedBy: string | null
  claimedUntil: Date | null
}

export interface DeadRow {
  id: number
  task: string
  attempts: number
  lastError: string | null
  createdAt: Date
  finishedAt: Date
}

export interface Backlog {
  open: number
  due: number
  dead: number
  lagMs: number
}

export interface NewRow {
  task: string
  payload: unknown
  orderKey: string | null
  runAt: Date
  createdAt: Date
}

export const insertOf = (row: NewRow): RawBuilder<{ id: number }> => sql`
    insert into outbox (task, payload, order_key, run_at, created_at)
    values (${row.task}, ${JSON.stringify(row.payload)}::jsonb, ${row.orderKey}, ${row.runAt}, ${row.createdAt})
    returning id`

export async function insert(tx: Tx, row: NewRow): Promise<number> {
  const { rows } = await sql<{ id: number }>`${plannedOnce}${insertOf(row)}`.execute(tx)
  return firstOf(rows).id
}

/** Whether an open row asks for this at this instant. */
export async function isPromised(tx: Tx, task: string, payload: unknown, runAt: Date): Promise<boolean> {
  const { rows } = await sql`
    select from outbox
    where state = 'open' and run_at = ${runAt} and task = ${task} and payload = ${JSON.stringify(payload)}::jsonb
    limit 1`.execute(tx)
  return rows.length > 0
}

/** Open rows that ask for this go by another key. */
export async function setOrderKey(tx: Tx, task: string, payload: unknown, orderKey: string): Promise<void> {
  await sql`
    update outbox set order_key = ${orderKey}
    where state = 'open' and task = ${task} and payload = ${JSON.stringify(payload)}::jsonb
      and order_key is distinct from ${orderKey}`.execute(tx)
}

// --- What the relay asks ---------------------------------------------------------------------------------------

/** Marks up to `limit` rows due before `soon` as handed to the queue and returns them. A row whose key has an older
 *  open row waits for that one; a row another relay or a worker holds is skipped. */
export async function takeUnrelayed(db: Db, now: Date, soon: Date, limit: number) {
  const { rows } = await sql<{ id: number; task: string; runAt: Date }>`${plannedOnce}
    with due as (
      select id from outbox o
      where state = 'open' and relayed_at is null and run_at <= ${soon}
        and (claimed_until is null or claimed_until <= ${now})
        and (order_key is null or not exists (
          select from outbox older
          where older.order_key = o.order_key and older.state = 'open' and older.id < o.id))
      order by run_at, id limit ${limit}
      for update skip locked
    )
    update outbox set relayed_at = ${now} from due where outbox.id = due.id
    returning outbox.id, outbox.task, outbox.run_at`.execute(db)
  return rows
}

/** Rows that were handed over before `before`, have been due since before then, and are still open: either the queue
 *  is behind, or it lost them. They count as handed over now, so that each is asked about once per period. */
export async function takeOverdue(db: Db, now: Date, before: Date, limit: number) {
  const { rows } = await sql<{ id: number; task: string; runAt: Date }>`
    with overdue as (
      select id from outbox
      where state = 'open' and run_at < ${before} and relayed_at < ${before}
        and (claimed_until is null or claimed_until <= ${now})
      order by run_at, id limit ${limit}
      for update skip locked
    )
    update outbox set relayed_at = ${now} from overdue where outbox.id = overdue.id
    returning outbox.id, outbox.task, outbox.run_at`.execute(db)
  return rows
}

/** Has these rows handed over again. @returns those settled; the others are held by somebody and worth another try. */
export async function unrelay(db: Db, ids: number[]): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    with free as (select id from outbox where id = any(${ids}) for update skip locked)
    update outbox set relayed_at = null from free where outbox.id = free.id and outbox.state = 'open'
    returning outbox.id`.execute(db)
  const settled = new Set(rows.map((row) => row.id))
  const open = await sql<{ id: number }>`
    select id from outbox where id = any(${ids}) and state = 'open'`.execute(db)
  const stillOpen = new Set(open.rows.map((row) => row.id))
  return ids.filter((id) => settled.has(id) || !stillOpen.has(id))
}

/** The queue was emptied: everything open has to be handed over again. */
export async function unrelayAll(db: Db): Promise<void> {
  await sql`update outbox set relayed_at = null where state = 'open' and relayed_at is not null`.execute(db)
}

// --- What the runner asks --------------------------------------------------------------------------------------

export async function readOpen(db: Db, id: number): Promise<OutboxRow | undefined> {
  const { rows } = await sql<OutboxRow>`
    select id, task, payload, order_key, run_at, attempts, created_at, claimed_by, claimed_until
    from outbox where id = ${id} and state = 'open'`.execute(db)
  return rows[0]
}

/** The row, locked until the end of the transaction. `held` if somebody else holds it, `closed` if nothing is left
 *  to do. */
export async function lockOpen(tx: Tx, id: number): Promise<OutboxRow | 'held' | 'closed'> {
  const { rows } = await sql<OutboxRow>`
    select id, task, payload, order_key, run_at, attempts, created_at, claimed_by, claimed_until
    from outbox where id = ${id} and state = 'open' for update skip locked`.execute(tx)
  if (rows[0]) return rows[0]
  const open = await sql`select from outbox where id = ${id} and state = 'open'`.execute(tx)
  return open.rows.length > 0 ? 'held' : 'closed'
}

/** Whether the row is its key's oldest open one and nothing else of the key is under way. Holds the key until the end
 *  of the transaction, because a row that commits late may turn out to be older. */
export async function takeTurn(tx: Tx, row: OutboxRow & { orderKey: string }, now: Date): Promise<boolean> {
  const lock = await sql<{ mine: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended('outbox order: ' || ${row.orderKey}, 0)) as mine`.execute(
    tx,
  )
  if (!firstOf(lock.rows).mine) return false
  const before = await sql`
    select from outbox
    where order_key = ${row.orderKey} and state = 'open' and id <> ${row.id}
      and (id < ${row.id} or claimed_until > ${now})
    limit 1`.execute(tx)
  return before.rows.length === 0
}

/** Counts the attempt beforehand, so that work that kills its worker ends dead, too. */
export async function claim(tx: Tx, id: number, by: string, until: Date): Promise<void> {
  await sql`
    update outbox set claimed_by = ${by}, claimed_until = ${until}, attempts = attempts + 1
    where id = ${id}`.execute(tx)
}

/** @returns false if the claim has been lost. */
export async function extendClaim(db: Db, id: number, by: string, until: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox set claimed_until = ${until} where id = ${id} and state = 'open' and claimed_by = ${by}`.execute(
    db,
  )
  return numAffectedRows === 1n
}

/** @param by the claim under which the work was done, null if under the row's lock. @returns false if it was lost. */
export async function markDone(tx: Tx, id: number, by: string | null, now: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox
    set state = 'done', finished_at = ${now}, claimed_by = null, claimed_until = null, last_error = null
    where id = ${id} and state = 'open' and claimed_by is not distinct from ${by}`.execute(tx)
  return numAffectedRows === 1n
}

interface Failure {
  id: number
  /** Under which claim, and how many attempts the row had when the work began: another worker's record wins. */
  by: string | null
  attemptsBefore: number
  attempts: number
  error: string
}

/** relayed_at stays: the row is handed over again when the queue has forgotten the job that just failed. */
export async function postpone(db: Db, failure: Failure & { runAt: Date }): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox
    set run_at = ${failure.runAt}, attempts = ${failure.attempts}, last_error = ${failure.error},
      claimed_by = null, claimed_until = null
    where id = ${failure.id} and state = 'open' and attempts = ${failure.attemptsBefore}
      and claimed_by is not distinct from ${failure.by}`.execute(db)
  return numAffectedRows === 1n
}

export async function bury(tx: Tx, failure: Failure & { now: Date }): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox
    set state = 'dead', finished_at = ${failure.now}, attempts = ${failure.attempts}, last_error = ${failure.error},
      claimed_by = null, claimed_until = null
    where id = ${failure.id} and state = 'open' and attempts = ${failure.attemptsBefore}
      and claimed_by is not distinct from ${failure.by}`.execute(tx)
  return numAffectedRows === 1n
}

// --- What people ask -------------------------------------------------------------------------------------------

export async function reopen(db: Db, id: number, now: Date): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update outbox set state = 'open', attempts = 0, run_at = ${now}, relayed_at = null, finished_at = null
    where id = ${id} and state = 'dead'`.execute(db)
  return numAffectedRows === 1n
}

export async function listDead(db: Db, limit: number): Promise<DeadRow[]> {
  const { rows } = await sql<DeadRow>`
    select id, task, attempts, last_error, created_at, finished_at
    from outbox where state = 'dead' order by finished_at desc, id desc limit ${limit}`.execute(db)
  return rows
}

export async function backlog(db: Db, now: Date): Promise<Backlog> {
  const { rows } = await sql<{ open: number; due: number; dead: number; dueSince: Date | null }>`
    select count(*) as open, count(*) filter (where run_at <= ${now}) as due, min(run_at) as due_since,
      (select count(*) from outbox where state = 'dead') as dead
    from outbox where state = 'open'`.execute(db)
  const { dueSince, ...counts } = firstOf(rows)
  return { ...counts, lagMs: dueSince ? Math.max(0, now.getTime() - dueSince.getTime()) : 0 }
}

export async function deleteFinished(db: Db, doneBefore: Date, deadBefore: Date): Promise<number> {
  const done = await sql`delete from outbox where state = 'done' and finished_at < ${doneBefore}`.execute(db)
  const dead = await sql`delete from outbox where state = 'dead' and finished_at < ${deadBefore}`.execute(db)
  return Number(done.numAffectedRows) + Number(dead.numAffectedRows)
}

function firstOf<T>(rows: T[]): T {
  const [row] = rows
  if (!row) throw new Error('A statement that always returns a row returned none')
  return row
}
