import { createDb, createPool } from '#core/db/pool.ts'
import type { QueueConfig } from '#workers/queue.ts'
import { startWorkers } from '#workers/start.ts'
import { tasks } from './tasks.ts'
import { testTiming } from './world.ts'

/** A worker of its own process that says which job it has begun and never ends it: made to be killed. */
const { databaseUrl, queue } = JSON.parse(process.argv[2] ?? '') as {
  databaseUrl: string
  queue: QueueConfig
}

const pool = createPool(databaseUrl, 5, 'doomed worker')
const logged = (about: unknown, message?: string) => {
  process.stderr.write(`${message} ${JSON.stringify(about)}\n`)
}
await startWorkers({
  tasks,
  db: createDb(pool),
  pool,
  clock: { now: () => new Date() },
  queue,
  services: {
    worker: 'doomed',
    inTheMiddle(key) {
      process.stdout.write(`${key}\n`)
      return new Promise(() => undefined)
    },
  },
  log: { info: logged, warn: logged, error: logged },
  timing: testTiming,
})
