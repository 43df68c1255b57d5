import { statfs } from 'node:fs/promises'
import pg from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { openQueue } from '#workers/queue.ts'
import { isInMemory } from './places.ts'
import { HopelessError, waitFor } from './wait.ts'

export interface TestDatabase {
  name: string
  url: string
}

/** Nothing here outlives the run, so nothing waits for the disk; what a test sees of transactions is the same.
 *  Tests about durability start a Foyer with a database of its own. */
const settings = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  // of the password that each connection proves to have: 4,096 by default, on both sides
  scram_iterations: '1',
  // else it would go round all databases that are kept in a minute
  autovacuum_naptime: '10min',
}

/** The PostgreSQL of a test run and its template, both made when first needed. */
export class TestCluster {
  readonly #dataDirs: string[]
  #dataDir = ''
  #started: Promise<EmbeddedPostgres> | undefined
  #created = 0
  // a template with anybody connected to it cannot be cloned, and neither can two clones be made at once
  #queue: Promise<unknown> = Promise.resolve()

  /** @param dataDirs where it may be: in the first of them where PostgreSQL starts */
  constructor(dataDirs: string[]) {
    this.#dataDirs = dataDirs
  }

  create(kind: 'migrated' | 'empty'): Promise<TestDatabase> {
    return this.#inTurn(async (server) => {
      const name = `test_${++this.#created}`
      const template = kind === 'empty' ? 'template0' : 'foyer'
      // copied as files it takes a quarter of the processor time that going through the log does: 21 ms, not 81
      await run(server.url, `create database ${name} template ${template} strategy file_copy`)
      return { name, url: addressOf(server, name) }
    })
  }

  /** What is connected to it is cut off. */
  drop(name: string): Promise<void> {
    return this.#inTurn(async (server) => {
      const database = pg.escapeIdentifier(name)
      const isKept = await this.#mayKeepAll()
      await waitFor('nobody is left in the database', async () => {
        if (isKept)
          await run(
            server.url,
            `select ${cutOff} from pg_stat_activity where datname = ${pg.escapeLiteral(name)}`,
          )
        const drop = isKept
          ? `alter database ${database} rename to ${pg.escapeIdentifier(`${name}_gone`)}`
          : `drop database if exists ${database} with (force)`
        await run(server.url, drop).catch((error: Error & { code?: string }) => {
          // dropped before
          if (isKept && error.code === '3D000') return
          // autovacuum, which belongs to the superuser, is in it for a moment
          if (error.code === '42501' || error.code === '55006') throw error
          throw new HopelessError(error.message, { cause: error })
        })
        return true
      })
    })
  }

  /** On a disk with room for all of a run, databases stay until its end: see placesForDatabases for what it costs there to make files
   *  after others were deleted. */
  async #mayKeepAll(): Promise<boolean> {
    if (isInMemory(this.#dataDir)) return false
    const { bavail, bsize } = await statfs(this.#dataDir)
    return bavail * bsize >= 10 * 2 ** 30
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    const server = await this.#started
    await this.#queue
    await server.stop()
  }

  #inTurn<T>(work: (server: EmbeddedPostgres) => Promise<T>): Promise<T> {
    this.#started ??= this.#start()
    const result = Promise.all([this.#started, this.#queue]).then(([server]) => work(server))
    this.#queue = result.catch(() => undefined)
    return result
  }

  async #start(): Promise<EmbeddedPostgres> {
    const server = await this.#startServer()
    await migrate(server.url)
    // BullMQ's functions, too, which workers would make anew in each database
    await (await openQueue({ databaseUrl: server.url }, console)).close()
    return server
  }

  async #startServer(): Promise<EmbeddedPostgres> {
    const failures: unknown[] = []
    for (const dataDir of this.#dataDirs)
      try {
        this.#dataDir = dataDir
        return await startEmbeddedPostgres({ dataDir, settings })
      } catch (error) {
        // such as a folder in memory that may hold no programs, where PostgreSQL's have to be copied to
        failures.push(error)
      }
    throw new AggregateError(failures, 'PostgreSQL starts nowhere')
  }
}

const cutOff = `case when usename = current_user then pg_terminate_backend(pid) end`

/** From the administrative database, since the template must stay without connections. */
async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(url, 'postgres') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function addressOf(server: EmbeddedPostgres, name: string): string {
  return withDatabase(server.url, name)
}

function withDatabase(url: string, name: string): string {
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}
