import type { Pool } from 'pg'
import type { Clock } from '#core/clock.ts'
import type { Db, Tx } from '#core/db/pool.ts'
import { forgetFinished } from '#core/features/outbox/outbox.ts'
import type { OutboxRow } from '#core/features/outbox/repository.ts'
import { within } from './bullmq.ts'
import { openQueue, type QueueConfig, type QueueCounts } from './queue.ts'
import { startRelay } from './relay.ts'
import { createRunner } from './runner.ts'
import { every, type Schedule, startSchedules } from './schedules.ts'
import type { Log, Task } from './task.ts'

export interface WorkersOptions<S> {
  tasks: Task<S>[]
  schedules?: Schedule<S>[]
  db: Db
  pool: Pool
  clock: Clock
  queue: QueueConfig
  services: S
  log: Log
  /** Called in the transaction that declares a job dead. */
  onDead?: (tx: Tx, row: OutboxRow) => Promise<void>
  /** Jobs at the same time in this process; each database task needs a connection of the pool meanwhile. */
  concurrency?: number
  timing?: Partial<WorkerTiming>
}

export interface WorkerTiming {
  /** How long a row waits at most for the relay to look at the outbox when nobody calls `wake()`. */
  pollMs: number
  lookAheadMs: number
  lostAfterMs: number
  stalledAfterMs: number
  stalledCheckMs: number
  /** How long `stop()` waits for jobs in hand before it tells them to stop, and again before it leaves them. */
  graceMs: number
}

export interface Workers {
  /** Takes no more jobs and finishes those in hand, within twice `graceMs`. */
  stop(): Promise<void>
  /** Something was just enqueued and committed: look now. Cheap, and never needed for correctness. */
  wake(): void
  /** Runs the schedule of that name now, for who would otherwise wait for it. */
  runSchedule(name: string): void
  queueCounts(): Promise<QueueCounts>
}

const defaultTiming: WorkerTiming = {
  pollMs: 1_000,
  lookAheadMs: 60_000,
  lostAfterMs: 30_000,
  stalledAfterMs: 10_000,
  stalledCheckMs: 5_000,
  graceMs: 10_000,
}

const providersAtOnce = 24

/** One process's share of the background work: a relay, a worker on the queue, the schedules. The caller stops it
 *  before it closes the pool. */
export async function startWorkers<S>(options: WorkersOptions<S>): Promise<Workers> {
  const { db, pool, clock, services, log } = options
  const timing = { ...defaultTiming, ...options.timing }
  const stopNow = new AbortController()

  const laneOfTask = new Map(options.tasks.map(({ name, lane }) => [name, lane]))
  const own = await openQueue(options.queue, log, 'own')
  const hasProviders = [...laneOfTask.values()].includes('providers')
  const queues = { own, providers: hasProviders ? await openQueue(options.queue, log, 'providers') : own }
  const opened = [...new Set(Object.values(queues))]
  const laneOf = (task: string) => laneOfTask.get(task) ?? 'own'
  const relay = startRelay({ db, clock, queues, laneOf, log }, timing)
  const runner = createRunner({ ...options, onTurnEnded: relay.wake })
  const workers = opened.map((queue) =>
    queue.work(
      async (row, interrupted) => {
        const outcome = await runner.run(row, interrupted, stopNow.signal)
        return outcome === 'failed' || outcome === 'later' ? 'again' : 'finished'
      },
      {
        // those of providers mostly wait for an answer, and hold no connection of the pool meanwhile
        concurrency: queue === own ? (options.concurrency ?? 8) : providersAtOnce,
        stalledAfterMs: timing.stalledAfterMs,
        stalledCheckMs: timing.stalledCheckMs,
        onAgain: relay.again,
      },
    ),
  )
  const schedules = startSchedules([...(options.schedules ?? []), forgetting], pool, {
    db,
    clock,
    services,
    log,
    signal: stopNow.signal,
  })

  return {
    wake: relay.wake,
    runSchedule: schedules.runNow,
    async queueCounts() {
      const all = await Promise.all(opened.map((queue) => queue.counts()))
      const sum = (state: keyof QueueCounts) => all.reduce((total, counts) => total + counts[state], 0)
      return { waiting: sum('waiting'), active: sum('active'), delayed: sum('delayed') }
    },
    async stop() {
      const finished = Promise.all([...workers.map((worker) => worker.stop()), schedules.stop()])
      if (!(await within(timing.graceMs, finished))) {
        log.warn({}, 'Jobs are still running; telling them to stop')
        stopNow.abort(new Error('The worker is stopping.'))
        if (!(await within(timing.graceMs, finished)))
          log.error({}, 'Jobs did not stop; leaving them to others')
      }
      await relay.stop()
      await within(timing.graceMs, Promise.all(opened.map((queue) => queue.close())))
    },
  }
}

const forgetting = every<unknown>(
  3_600_000,
  'forget finished jobs',
  ({ db, clock }) => forgetFinished(db, clock),
  {
    oneProcess: true,
  },
)
