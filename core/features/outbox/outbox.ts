import type { RawBuilder } from 'kysely'
import type { z } from 'zod'
import type { Clock } from '#core/clock.ts'
import type { JobContract } from '#core/contracts/jobs.ts'
import type { Db, Tx } from '#core/db/pool.ts'
import * as rows from './repository.ts'

export interface JobOrder<P extends z.ZodType> {
  task: JobContract<P>
  payload: z.input<P>
  /** Not before this instant of Foyer's clock; at once if left out. */
  runAt?: Date
  /** Jobs with the same key are done one after the other in the order they were asked for. A job that fails or is
   *  not due yet holds back those after it until it is done or dead. */
  orderKey?: string
}

/** Promises work in the caller's transaction: it is done after the commit, at least once, or never if there is no
 *  commit. After the commit the caller may call the workers' `wake()`; without, the relay finds the row by itself.
 *  @returns the row's id. */
export const enqueue = <P extends z.ZodType>(tx: Tx, clock: Clock, order: JobOrder<P>): Promise<number> =>
  rows.insert(tx, toRow(clock, order))

/** As `enqueue`, as a statement for a `with`: for work that others wait for, where one trip to the database less counts. */
export const enqueued = <P extends z.ZodType>(clock: Clock, order: JobOrder<P>): RawBuilder<unknown> =>
  rows.insertOf(toRow(clock, order))

function toRow<P extends z.ZodType>(clock: Clock, order: JobOrder<P>): rows.NewRow {
  const now = clock.now()
  return {
    task: order.task.name,
    payload: order.task.payload.parse(order.payload),
    orderKey: order.orderKey ?? null,
    runAt: order.runAt ?? now,
    createdAt: now,
  }
}

/** As `enqueue`, unless an open row asks for the same at the same instant already.
 *  The caller holds a lock under which nobody else asks for it. */
export async function enqueueOnce<P extends z.ZodType>(
  tx: Tx,
  clock: Clock,
  order: JobOrder<P> & { runAt: Date },
): Promise<void> {
  const payload = order.task.payload.parse(order.payload)
  if (await rows.isPromised(tx, order.task.name, payload, order.runAt)) return
  await enqueue(tx, clock, order)
}

/** Puts open rows that ask for this among those of another order key. */
export async function reorder<P extends z.ZodType>(
  tx: Tx,
  { task, payload, orderKey }: Required<Pick<JobOrder<P>, 'task' | 'payload' | 'orderKey'>>,
): Promise<void> {
  await rows.setOrderKey(tx, task.name, task.payload.parse(payload), orderKey)
}

/** Opens a dead row again with all its attempts. @returns false if the row is not dead (any more). */
export const retryDead = (db: Db, clock: Clock, id: number): Promise<boolean> =>
  rows.reopen(db, id, clock.now())

/** The newest dead rows, for the page that shows job queues. */
export const listDead = (db: Db, limit = 100): Promise<rows.DeadRow[]> => rows.listDead(db, limit)

/** Counts of rows, and for how many milliseconds the longest overdue open one has been due. */
export const backlog = (db: Db, clock: Clock): Promise<rows.Backlog> => rows.backlog(db, clock.now())

const keepDoneMs = 7 * 86_400_000
const keepDeadMs = 90 * 86_400_000

/** Deletes rows done 7 days ago and rows dead for 90. @returns how many. */
export async function forgetFinished(db: Db, clock: Clock): Promise<number> {
  const now = clock.now().getTime()
  return rows.deleteFinished(db, new Date(now - keepDoneMs), new Date(now - keepDeadMs))
}
