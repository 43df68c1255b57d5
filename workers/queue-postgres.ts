import { createPostgresBackend, type PostgresPoolConfig, Queue, runMigrations, Worker } from 'bullmq'
import pg from 'pg'
import { bullQueue, patiently, rarely } from './bullmq.ts'
import type { JobQueue } from './queue.ts'
import type { Log } from './task.ts'

/** BullMQ in the given schema of Foyer's database. The queue's connections are its own: BullMQ needs them to search
 *  its schema, and each worker keeps one for LISTEN. */
export async function openPostgresQueue(
  databaseUrl: string,
  schema: string,
  log: Log,
  queueName: string,
): Promise<JobQueue> {
  await migrate(databaseUrl, schema)
  const connect = (name: string, max: number): PostgresPoolConfig => ({
    ...withoutUrlOptions(databaseUrl),
    schema,
    max,
    application_name: name,
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  const queue = new Queue(
    queueName,
    { connection: connect('foyer-queue', 2), streams: { events: { maxLen: 100 } } },
    createPostgresBackend,
  )
  queue.on('error', rarely(log, 'The job queue in PostgreSQL does not answer'))
  await queue.waitUntilReady()

  return bullQueue(
    queue,
    {
      // BullMQ's tables and the outbox are in one database: they are lost together or not at all
      wasEmptied: async () => false,
      close: () => queue.close(),
      newWorker: (run, options) =>
        new Worker(
          queueName,
          run,
          { ...options, connection: connect('foyer-jobs', 4) },
          createPatientBackend,
        ),
    },
    log,
  )
}

const createPatientBackend: typeof createPostgresBackend = (...args) =>
  patiently(createPostgresBackend(...args))

async function migrate(databaseUrl: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await runMigrations(client, schema)
  } finally {
    await client.end()
  }
}

/** `?options=` in the address would replace the search path BullMQ asks for by the same means; given separately, it
 *  is added to it. */
function withoutUrlOptions(databaseUrl: string): { connectionString: string; options?: string } {
  const url = new URL(databaseUrl)
  const options = url.searchParams.get('options')
  url.searchParams.delete('options')
  return { connectionString: url.href, ...(options ? { options } : {}) }
}
