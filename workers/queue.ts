import type { Lane, Log } from './task.ts'

/** Where jobs wait. The outbox row is the truth and the queue only carries its id, so a queue may lose a job, deliver
 *  it twice or late; the relay and the runner make up for it. */
export interface JobQueue {
  /** Adding a job that is still there changes nothing. @param jobs row ids, and milliseconds from now. */
  add(jobs: { row: number; delayMs: number }[]): Promise<void>
  /** Ends the wait of jobs still delayed: the clock they wait by, the machine's, may have been set back. */
  hurry(rows: number[]): Promise<void>
  /** True once after the queue has lost everything it held (and when it is used for the first time). */
  wasEmptied(): Promise<boolean>
  work(handle: Handle, options: WorkOptions): JobWorker
  counts(): Promise<QueueCounts>
  close(): Promise<void>
}

/** `interrupted`: a worker was lost in the middle of this very job. Throwing gives the job up, as `again` does. */
export type Handle = (row: number, interrupted: boolean) => Promise<'finished' | 'again'>

export interface WorkOptions {
  concurrency: number
  /** Called when the queue has forgotten a job that ended with `again` or an error, so that it can be added anew;
   *  before that, adding it would change nothing. */
  onAgain: (row: number) => void
  /** A job of a worker that has been silent so long goes to another one, up to twice `stalledCheckMs` later. */
  stalledAfterMs: number
  stalledCheckMs: number
}

/** What takes jobs of one queue in this process. */
export interface JobWorker {
  /** Takes no more jobs; resolves when those in hand are finished. */
  stop(): Promise<void>
}

export interface QueueCounts {
  waiting: number
  active: number
  delayed: number
}

export type QueueConfig = { redisUrl: string } | { databaseUrl: string; schema?: string }

/** `outbox` as before there was another. */
const queueNames: Record<Lane, string> = { own: 'outbox', providers: 'outbox-providers' }

/** BullMQ on Redis or in a schema of its own in PostgreSQL, which it creates and migrates. */
export async function openQueue(config: QueueConfig, log: Log, lane: Lane = 'own'): Promise<JobQueue> {
  // BullMQ, pg and ioredis are loaded only where workers run
  if ('redisUrl' in config) {
    const { openRedisQueue } = await import('./queue-redis.ts')
    return openRedisQueue(config.redisUrl, log, queueNames[lane])
  }
  const { openPostgresQueue } = await import('./queue-postgres.ts')
  return openPostgresQueue(config.databaseUrl, config.schema ?? 'bullmq', log, queueNames[lane])
}
