import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '#core/clock.ts'
import type { Db, Tx } from '#core/db/pool.ts'
import * as outbox from '#core/features/outbox/repository.ts'
import { type Afterwards, type Log, NotYetError, PermanentError, type Task, type Work } from './task.ts'

/** What became of a row:
 *  done   its effect is committed
 *  gone   somebody else had finished it: nothing happened
 *  later  not now (not due, held by another worker, behind an older row of its key, unknown to this version)
 *  failed tried, and due again after a while
 *  dead   tried for the last time */
export type Outcome = 'done' | 'gone' | 'later' | 'failed' | 'dead'

/** As {@link createRunner} makes it. */
export interface Runner {
  /** @param interrupted the queue saw a worker stop in the middle of this job.
   *  @throws if PostgreSQL cannot be asked; the row is as it was. */
  run(id: number, interrupted: boolean, stopping: AbortSignal): Promise<Outcome>
}

interface RunnerOptions<S> {
  db: Db
  clock: Clock
  tasks: Task<S>[]
  services: S
  log: Log
  /** Called in the transaction that declares a row dead. */
  onDead?: (tx: Tx, row: outbox.OutboxRow) => Promise<void>
  /** Called when a row with an order key is done or dead: the next of its key may go. */
  onTurnEnded: () => void
}

type DatabaseTask<S> = Task<S> & { effect: 'database' }
type OutsideTask<S> = Task<S> & { effect: 'outside' }

// A queue's timer may fire early by what the clocks differ; a job never runs before its instant.
const worthWaitingMs = 1_000
// During a rolling upgrade an old worker meets the new version's jobs; it leaves them to the new workers.
const unknownTaskDelayMs = 30_000
const interruptedReason = 'The worker stopped in the middle of it.'

/** Does one row of the outbox at a time, by the task of its name. */
export function createRunner<S>(options: RunnerOptions<S>): Runner {
  const { db, clock, tasks, services, log } = options
  const taskByName = new Map(tasks.map((task) => [task.name, task]))

  async function run(id: number, interrupted: boolean, stopping: AbortSignal): Promise<Outcome> {
    const seen = await outbox.readOpen(db, id)
    if (!seen) return 'gone'
    const earlyMs = seen.runAt.getTime() - clock.now().getTime()
    if (earlyMs > worthWaitingMs) return 'later'
    if (earlyMs > 0) await sleep(Math.ceil(earlyMs))

    const task = taskByName.get(seen.task)
    if (!task) return leaveToOthers(seen)
    const outcome = await runTask(task, seen, interrupted, stopping)
    if (seen.orderKey !== null && (outcome === 'done' || outcome === 'dead')) options.onTurnEnded()
    return outcome
  }

  async function runTask(
    task: Task<S>,
    seen: outbox.OutboxRow,
    interrupted: boolean,
    stopping: AbortSignal,
  ): Promise<Outcome> {
    if (task.effect === 'outside') return runOutside(task, seen, stopping)
    if (interrupted && !(await countInterruption(task, seen, stopping))) return 'dead'
    return runInDatabase(task, seen.id, stopping)
  }

  async function runInDatabase(task: DatabaseTask<S>, id: number, stopping: AbortSignal): Promise<Outcome> {
    let begun: outbox.OutboxRow | undefined
    try {
      return await db.transaction().execute(async (tx) => {
        const row = await outbox.lockOpen(tx, id)
        if (row === 'closed') return 'gone'
        if (row === 'held' || !(await mayRun(tx, row))) return 'later'
        begun = row
        await task.run({ ...workOn(row, stopping), tx })
        if (!(await outbox.markDone(tx, id, row.claimedBy, clock.now())))
          throw new Error('The row was changed meanwhile.')
        return 'done'
      })
    } catch (error) {
      if (!begun) throw error
      return recordFailure(task, workOn(begun, stopping), begun.claimedBy, begun.attempts + 1, error)
    }
  }

  async function runOutside(
    task: OutsideTask<S>,
    seen: outbox.OutboxRow,
    stopping: AbortSignal,
  ): Promise<Outcome> {
    const by = randomUUID()
    const row = await db.transaction().execute(async (tx) => {
      const open = await outbox.lockOpen(tx, seen.id)
      if (typeof open === 'string') return open
      if (!(await mayRun(tx, open))) return 'held'
      if (open.attempts >= task.attempts) return { ...open, exhausted: true }
      await outbox.claim(tx, open.id, by, leaseEnd(task))
      return { ...open, attempts: open.attempts + 1, claimedBy: by }
    })
    if (row === 'closed') return 'gone'
    if (row === 'held') return 'later'
    if ('exhausted' in row) {
      // each attempt was counted when it began, and none came to an end
      const error = new PermanentError(interruptedReason)
      return recordFailure(task, workOn(row, stopping), row.claimedBy, row.attempts, error)
    }

    const lease = keepClaim(task, row.id, by)
    const work = workOn(row, AbortSignal.any([stopping, lease.lost]))
    try {
      const afterwards = await task.run({ ...work, db })
      return (await commitOutside(row.id, by, afterwards)) ? 'done' : 'later'
    } catch (error) {
      return await recordFailure(task, work, by, row.attempts, error)
    } finally {
      lease.end()
    }
  }

  /** The effect has happened: a database that is away for a moment must not make it happen again. */
  async function commitOutside(id: number, by: string, afterwards: Afterwards | undefined): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await db.transaction().execute(async (tx) => {
          if (!(await outbox.markDone(tx, id, by, clock.now()))) return false
          await afterwards?.(tx)
          return true
        })
      } catch (error) {
        if (attempt === 6) throw error
        await sleep(100 * 2 ** attempt)
      }
    }
  }

  /** Moves the claim's end on while the task runs; `lost` fires when that has failed for a whole lease. */
  function keepClaim(task: OutsideTask<S>, id: number, by: string) {
    const lost = new AbortController()
    let keptUntil = performance.now() + task.leaseMs
    const timer = setInterval(async () => {
      const askedAt = performance.now()
      try {
        if (await outbox.extendClaim(db, id, by, leaseEnd(task))) keptUntil = askedAt + task.leaseMs
        else lost.abort(new Error('Another worker has taken the row over.'))
      } catch (error) {
        if (performance.now() > keptUntil) lost.abort(error)
      }
    }, task.leaseMs / 3)
    return { lost: lost.signal, end: () => clearInterval(timer) }
  }

  async function mayRun(tx: Parameters<typeof outbox.takeTurn>[0], row: outbox.OutboxRow): Promise<boolean> {
    const now = clock.now()
    if (row.runAt > now || (row.claimedUntil && row.claimedUntil > now)) return false
    return row.orderKey === null || outbox.takeTurn(tx, { ...row, orderKey: row.orderKey }, now)
  }

  /** @param by the claim the work was done under. @param attempts including the one that failed. */
  async function recordFailure(
    task: Task<S>,
    work: Work<unknown, S>,
    by: string | null,
    attempts: number,
    error: unknown,
  ): Promise<Outcome> {
    const reason = describe(error)
    if (error instanceof NotYetError) return putOff(work, by, attempts - 1, error)
    const failure = { id: work.row.id, by, attemptsBefore: work.row.attempts, attempts, error: reason }
    const about = { task: task.name, row: work.row.id, attempts, err: error }
    if (attempts >= task.attempts || error instanceof PermanentError) {
      if (!(await bury(task, work, failure, reason))) return 'later'
      log.error(about, 'A job is dead: it failed for good')
      return 'dead'
    }
    const runAt = new Date(clock.now().getTime() + task.backOffMs(attempts))
    if (!(await outbox.postpone(db, { ...failure, runAt }))) return 'later'
    log.warn({ ...about, runAt }, 'A job failed and will be tried again')
    return 'failed'
  }

  async function putOff(
    work: Work<unknown, S>,
    by: string | null,
    attempts: number,
    { message, afterMs }: NotYetError,
  ): Promise<Outcome> {
    const runAt = new Date(clock.now().getTime() + afterMs)
    const before = { id: work.row.id, by, attemptsBefore: work.row.attempts }
    return (await outbox.postpone(db, { ...before, attempts, error: message, runAt })) ? 'failed' : 'later'
  }

  async function bury(
    task: Task<S>,
    work: Work<unknown, S>,
    failure: Omit<Parameters<typeof outbox.bury>[1], 'now'>,
    reason: string,
  ): Promise<boolean> {
    const dead = { ...failure, now: clock.now() }
    try {
      return await db.transaction().execute(async (tx) => {
        if (!(await outbox.bury(tx, dead))) return false
        await task.gaveUp({ ...work, tx }, reason)
        await options.onDead?.(tx, work.row)
        return true
      })
    } catch (error) {
      // a payload nobody can read fails here once more; the row must end dead all the same
      log.error({ task: task.name, row: failure.id, err: error }, 'A dead job could not be announced')
      return db.transaction().execute((tx) => outbox.bury(tx, dead))
    }
  }

  /** A database task's attempt vanishes with its process. Work that kills its worker each time must end dead, too.
   *  @returns whether an attempt is left. */
  async function countInterruption(
    task: DatabaseTask<S>,
    row: outbox.OutboxRow,
    stopping: AbortSignal,
  ): Promise<boolean> {
    const attempts = row.attempts + 1
    if (attempts >= task.attempts) {
      const error = new PermanentError(interruptedReason)
      return (await recordFailure(task, workOn(row, stopping), row.claimedBy, attempts, error)) !== 'dead'
    }
    const failure = { id: row.id, by: row.claimedBy, attemptsBefore: row.attempts, attempts }
    await outbox.postpone(db, { ...failure, error: interruptedReason, runAt: row.runAt })
    return true
  }

  async function leaveToOthers(row: outbox.OutboxRow): Promise<Outcome> {
    log.warn(
      { task: row.task, row: row.id },
      'This version does not know a task; leaving it to other workers',
    )
    await outbox.postpone(db, {
      id: row.id,
      by: row.claimedBy,
      attemptsBefore: row.attempts,
      attempts: row.attempts,
      error: 'No worker that knows this task has seen it yet.',
      runAt: new Date(clock.now().getTime() + unknownTaskDelayMs),
    })
    return 'later'
  }

  const workOn = (row: outbox.OutboxRow, signal: AbortSignal): Work<unknown, S> => ({
    payload: row.payload,
    row,
    services,
    clock,
    log,
    signal,
  })
  const leaseEnd = (task: OutsideTask<S>) => new Date(clock.now().getTime() + task.leaseMs)

  return { run }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.slice(0, 1_000)
}
