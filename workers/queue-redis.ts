import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { bullQueue, patiently, rarely } from './bullmq.ts'
import type { JobQueue } from './queue.ts'
import type { Log } from './task.ts'

const prefix = 'foyer'
// outside BullMQ's own keys, which all begin with foyer:outbox:
const markerKey = `${prefix}:not-emptied`

/** A line on which nothing came back for this long is dead, whatever the operating system still believes: more than the ten
 *  seconds for which BullMQ waits for a job at most. */
const silentForMs = 15_000
const retryStrategy = (times: number) => Math.min(times * 200, 2_000)

/** BullMQ on Redis, which may be restarted or emptied at any time: a key of our own tells whether it was. */
export function openRedisQueue(redisUrl: string, log: Log, queueName: string): JobQueue {
  const outage = rarely(log, 'Redis does not answer')
  // The relay tries again by itself; a command that waits for Redis to return would only hold it up.
  const client = new Redis(redisUrl, {
    retryStrategy,
    commandTimeout: 5_000,
    socketTimeout: silentForMs,
    maxRetriesPerRequest: 1,
    connectionName: 'foyer-queue',
  })
  client.on('error', outage)
  const queue = new Queue(queueName, { connection: client, prefix, streams: { events: { maxLen: 100 } } })
  queue.on('error', outage)

  return bullQueue(
    queue,
    {
      async wasEmptied() {
        return (await client.set(markerKey, randomUUID(), 'NX')) === 'OK'
      },
      async close() {
        await queue.close()
        client.disconnect()
      },
      newWorker(run, options) {
        const connection = {
          url: redisUrl,
          retryStrategy,
          maxRetriesPerRequest: null,
          socketTimeout: silentForMs,
        }
        const worker = new Worker(queueName, run, { ...options, prefix, connection })
        patiently(worker.backend)
        return worker
      },
    },
    log,
  )
}
