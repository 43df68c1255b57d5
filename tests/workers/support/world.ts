import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import pg from 'pg'
import type { Clock } from '#core/clock.ts'
import { migrate } from '#core/db/migrate.ts'
import { createDb, createPool, type Db } from '#core/db/pool.ts'
import { enqueue } from '#core/features/outbox/outbox.ts'
import { type JobQueue, openQueue, type QueueConfig } from '#workers/queue.ts'
import type { Schedule } from '#workers/schedules.ts'
import { startWorkers, type Workers, type WorkerTiming } from '#workers/start.ts'
import type { Log } from '#workers/task.ts'
import { createEffects, note, type noteOutside, type TestServices, tasks } from './tasks.ts'

/** Everything that takes its time in production happens within a second or two. */
export const testTiming: Partial<WorkerTiming> = {
  pollMs: 100,
  lostAfterMs: 1_500,
  stalledAfterMs: 1_000,
  stalledCheckMs: 300,
  graceMs: 3_000,
}

export const clock: Clock = { now: () => new Date() }

export interface Effect {
  key: string
  worker: string
  at: Date | null
}

/** One database and one queue, with as many workers as a test wants. */
export class World {
  readonly databaseUrl: string
  readonly queueConfig: QueueConfig
  readonly pool: pg.Pool
  readonly db: Db
  readonly logged: string[] = []
  #queue: JobQueue | undefined
  #workers: Workers[] = []
  #children: ChildProcess[] = []

  constructor(databaseUrl: string, queueConfig: QueueConfig) {
    this.databaseUrl = databaseUrl
    this.queueConfig = queueConfig
    this.pool = createPool(databaseUrl, 20, 'workers test')
    this.db = createDb(this.pool)
  }

  async prepare(): Promise<void> {
    await createEffects.execute(this.db)
    this.#queue = await openQueue(this.queueConfig, this.log)
  }

  /** The queue as another process would see it. */
  get queue(): JobQueue {
    if (!this.#queue) throw new Error('prepare() comes first')
    return this.#queue
  }

  get log(): Log {
    const keep = (about: unknown, message?: string) => {
      const { err } = about as { err?: Error }
      this.logged.push(`${message}: ${err?.stack ?? JSON.stringify(about)}`)
    }
    return { info: keep, warn: keep, error: keep }
  }

  async start(
    services: Partial<TestServices> = {},
    timing: Partial<WorkerTiming> = {},
    schedules: Schedule<TestServices>[] = [],
  ): Promise<Workers> {
    const workers = await startWorkers({
      tasks,
      schedules,
      db: this.db,
      pool: this.pool,
      clock,
      queue: this.queueConfig,
      services: { worker: 'a worker', inTheMiddle: async () => undefined, ...services },
      log: this.log,
      concurrency: 4,
      timing: { ...testTiming, ...timing },
    })
    this.#workers.push(workers)
    return workers
  }

  /** A worker that will not come back. Resolves when it has begun the job; `kill` is kill -9. */
  async startDoomed(begun: string): Promise<{ kill(): Promise<void> }> {
    const script = new URL('./worker-process.ts', import.meta.url).pathname
    const argument = JSON.stringify({ databaseUrl: this.databaseUrl, queue: this.queueConfig })
    const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.push(child)
    let complaints = ''
    child.stderr.on('data', (chunk) => {
      complaints += chunk
    })
    const said = new Set<string>()
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => said.add(line))
    while (!said.has(begun)) {
      if (child.exitCode !== null) throw new Error(`The worker ended by itself: ${complaints}`)
      await Promise.race([once(lines, 'line'), once(child, 'exit')])
    }
    return {
      async kill() {
        child.kill('SIGKILL')
        await once(child, 'exit')
      },
    }
  }

  order(
    key: string,
    options: { task?: typeof note | typeof noteOutside; runAt?: Date; orderKey?: string } = {},
  ) {
    const { task = note, ...rest } = options
    return this.db.transaction().execute((tx) => enqueue(tx, clock, { task, payload: { key }, ...rest }))
  }

  async effects(): Promise<Effect[]> {
    const { rows } = await sql<Effect>`select key, worker, at from effects order by id`.execute(this.db)
    return rows
  }

  async keys(): Promise<string[]> {
    return (await this.effects()).map((effect) => effect.key)
  }

  async row(id: number) {
    const { rows } = await sql<{
      state: string
      attempts: number
      lastError: string | null
      relayedAt: Date | null
    }>`
      select state, attempts, last_error, relayed_at from outbox where id = ${id}`.execute(this.db)
    return rows[0]
  }

  async stateOf(id: number): Promise<string | undefined> {
    return (await this.row(id))?.state
  }

  /** Between tests: no workers, no rows. */
  async clear(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((workers) => workers.stop()))
    for (const child of this.#children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await sql`truncate outbox, effects, mails cascade`.execute(this.db)
    this.logged.length = 0
  }

  async close(): Promise<void> {
    await this.#queue?.close()
    await this.db.destroy()
  }
}

/** A database of its own in a server, with Foyer's tables. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const url = new URL(serverUrl)
  await withClient(url.href, (client) => client.query(`create database ${name}`))
  url.pathname = `/${name}`
  await migrate(url.href)
  return url.href
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
