import { setTimeout as sleep } from 'node:timers/promises'
import type { IQueueBackend, Job, JobsOptions, Queue, Worker, WorkerOptions } from 'bullmq'
import type { Handle, JobQueue, JobWorker, QueueCounts, WorkOptions } from './queue.ts'
import type { Log } from './task.ts'

// Finished jobs are removed at once: an id BullMQ remembers cannot be added again.
const jobOptions: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 }

// BullMQ refuses ids that are integers.
const jobIdOf = (row: number) => `o-${row}`
const rowOf = (jobId: string | undefined) => Number(jobId?.slice('o-'.length))

type AnyQueue<B extends IQueueBackend, C> = Pick<
  Queue<unknown, unknown, string, unknown, unknown, string, B, C>,
  'addBulk' | 'getJobCounts' | 'getJob'
>
type Result = 'finished' | 'again'
type JobHandler = (job: Job<unknown, Result>) => Promise<Result>

/** What both forms have in common. */
export function bullQueue<B extends IQueueBackend, C>(
  queue: AnyQueue<B, C>,
  form: Pick<JobQueue, 'wasEmptied' | 'close'> & {
    newWorker: (run: JobHandler, options: Omit<WorkerOptions, 'connection'>) => BullWorker
  },
  log: Log,
): JobQueue {
  return {
    ...form,

    async add(jobs) {
      // in one order everywhere, so that two relays adding the same jobs cannot lock each other out
      const sorted = jobs.toSorted((a, b) => a.row - b.row)
      await queue.addBulk(
        sorted.map(({ row, delayMs }) => ({
          name: 'run',
          data: {},
          opts: { ...jobOptions, jobId: jobIdOf(row), delay: Math.max(0, Math.ceil(delayMs)) },
        })),
      )
    },

    async hurry(rows) {
      for (const row of rows) {
        const job = await queue.getJob(jobIdOf(row))
        // between the question and the order it may have been started: that is as good
        if (await job?.isDelayed()) await job?.promote().catch(() => undefined)
      }
    },

    work: (handle, options) => startWorker(form.newWorker, handle, options, log),

    async counts(): Promise<QueueCounts> {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed')
      return { waiting: counts.waiting ?? 0, active: counts.active ?? 0, delayed: counts.delayed ?? 0 }
    },
  }
}

/** The part of BullMQ's Worker used here, without its eight type parameters. */
export type BullWorker = Pick<Worker<unknown, Result>, 'close' | 'run'> & {
  backend: Pick<IQueueBackend, 'close'>
  on(event: 'completed', listener: (job: Job<unknown, Result>, result: Result) => void): unknown
  on(event: 'failed', listener: (job: Job<unknown, Result> | undefined, error: Error) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

function startWorker(
  newWorker: (run: JobHandler, options: Omit<WorkerOptions, 'connection'>) => BullWorker,
  handle: Handle,
  options: WorkOptions,
  log: Log,
): JobWorker {
  const inHand = new Set<Promise<Result>>()
  const run: JobHandler = (job) => {
    const result = handle(rowOf(job.id), job.stalledCounter > 0)
    inHand.add(result)
    return result.finally(() => inHand.delete(result))
  }
  const worker = newWorker(run, {
    autorun: false,
    concurrency: options.concurrency,
    lockDuration: options.stalledAfterMs,
    stalledInterval: options.stalledCheckMs,
    // the outbox row counts attempts and ends dead; BullMQ only carries
    maxStalledCount: 1_000_000,
    runRetryDelay: 1_000,
  })
  worker.on('completed', (job, result) => {
    if (result === 'again') options.onAgain(rowOf(job.id))
  })
  worker.on('failed', (job, error) => {
    log.error({ row: rowOf(job?.id), err: error }, 'A job was given up by its worker')
    if (job) options.onAgain(rowOf(job.id))
  })
  const outage = rarely(log, 'The job queue does not answer')
  worker.on('error', outage)
  worker.run().catch(outage)

  return {
    async stop() {
      const closed = worker.close()
      do await Promise.race([closed, Promise.allSettled(inHand)])
      while (!(await within(hangUpAfterMs, closed)) && inHand.size > 0)
      // a queue that is away cannot be told, and BullMQ would wait for it; a second time changes nothing
      await worker.backend.close(true)
    },
  }
}

// long enough for a few answers of the queue, short beside a supervisor's patience
const hangUpAfterMs = 2_000

/** @returns whether the promise settled in time; its error, if it has one, is thrown. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, ms, false)
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

const reportEveryMs = 10_000

/** A lost connection is reported by every query of every client; one line in ten seconds says it, too. */
export function rarely(log: Log, message: string): (error: unknown) => void {
  let reportedAt = Number.NEGATIVE_INFINITY
  let unreported = 0
  return (error) => {
    const now = performance.now()
    if (now - reportedAt < reportEveryMs) {
      unreported++
      return
    }
    log.error({ err: error, unreported }, message)
    reportedAt = now
    unreported = 0
  }
}

/** BullMQ asks for the next job again at once after an error that is not a refused connection, such as PostgreSQL's
 *  "the database system is starting up"; this gives the other side a moment. */
export function patiently<B extends IQueueBackend>(backend: B): B {
  const moveToActive = backend.moveToActive.bind(backend)
  backend.moveToActive = async (...args) => {
    try {
      return await moveToActive(...args)
    } catch (error) {
      await sleep(500)
      throw error
    }
  }
  return backend
}
