import { setTimeout as delay } from 'node:timers/promises'
import { type Log, silentLog } from '../log.ts'
import { findBinaries } from './binaries.ts'
import { type Cluster, ensureCluster, type Reached, readPassword } from './cluster.ts'
import { startErrorOf } from './failures.ts'
import { clusterIn, existingHome, findHome } from './home.ts'
import { lockHome } from './lock.ts'
import { adminClient, bringUp, type Launch, type Postmaster, shutDown } from './postmaster.ts'
import { isPostmasterOf, readPostmasterFile } from './postmaster-file.ts'
import { ServerLog } from './server-log.ts'

export interface EmbeddedOptions {
  /** FOYER_DATA_DIR; made if missing. */
  dataDir: string
  log?: Log
  /** PostgreSQL settings that replace Foyer's, as in `{ fsync: 'off' }`; an adopted server keeps its own. */
  settings?: Record<string, string>
  /** Where the database goes if root runs Foyer and the data folder is closed to PostgreSQL's user. */
  systemFolder?: string
  /** How long to wait for what a dying Foyer or PostgreSQL still holds. */
  patienceMs?: number
  /** For tests: called at each step, which goes no further until the promise settles. */
  reached?: Reached
  /** For tests: where the PostgreSQL package lies. */
  packageRoot?: string
}

export interface EmbeddedPostgres {
  /** postgres:// address of Foyer's database, as a role that owns it and may make others. Stays the same until stop. */
  readonly url: string
  /** The folder with everything that belongs to the database. */
  readonly home: string
  /** Whether it was still running from an earlier Foyer. */
  readonly adopted: boolean
  /** Process number of PostgreSQL, of the newest one if it was restarted. */
  readonly pid: number
  /** From now on starts PostgreSQL again, on the same port, whenever it ends unasked: pools simply reconnect. Tries
   *  for as long as Foyer runs, at first at once, then at most every 10 s, since a full disk may have room again. */
  supervise(): void
  /** Stops PostgreSQL and lets the next Foyer have the folder. */
  stop(): Promise<void>
}

/** Foyer's own PostgreSQL: made on the first start, found again on every later one, whatever was killed in between.
 *  @throws StartError one sentence that says what is in the way. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log = silentLog, settings = {}, patienceMs = 10_000, packageRoot } = options
  const reached = options.reached ?? (() => undefined)
  const home = await findHome(dataDir, options.systemFolder ?? '/var/lib/foyer', log)
  const lock = await lockHome(home.folder, dataDir, patienceMs)
  let launch: Launch | undefined
  let server: Postmaster | undefined
  try {
    await reached('locked')
    const binaries = await findBinaries(home.folder, home.runAs, packageRoot)
    const cluster = await ensureCluster(home, binaries, settings.fsync !== 'off', reached, log)
    const serverLog = new ServerLog(home.folder)
    await serverLog.rotate()
    launch = { cluster, binaries, runAs: home.runAs, settings, serverLog, log, patienceMs }
    server = await bringUp({ ...launch, spawned: () => reached('spawned') })
    await ensureDatabase(cluster, server.port)
    await reached('running')
    serverLog.keepSmall()
    const keeper = new Keeper(launch, server)
    const stop = async () => {
      await lock.markStopping()
      await keeper.stop()
      serverLog.stop()
      await lock.release()
    }
    let stopped: Promise<void> | undefined
    return {
      url: addressOf(cluster.password, server.port),
      home: home.folder,
      adopted: server.adopted,
      get pid() {
        return keeper.pid
      },
      supervise: () => keeper.supervise(),
      stop: () => {
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    if (launch && server) await shutDown(launch, server)
    await lock.release()
    throw startErrorOf(error, 'start its database', home.folder)
  }
}

/** For commands beside a running Foyer, such as a backup.
 *  @returns the address of its database, or undefined if no PostgreSQL runs on this data folder. */
export async function addressOfRunning(dataDir: string): Promise<string | undefined> {
  const folder = await existingHome(dataDir)
  if (!folder) return undefined
  const cluster = clusterIn(folder)
  const file = await readPostmasterFile(cluster)
  if (!file?.port || !(await isPostmasterOf(cluster, file.pid))) return undefined
  return addressOf(await readPassword(folder), file.port)
}

function addressOf(password: string, port: number): string {
  return `postgres://foyer:${password}@127.0.0.1:${port}/foyer`
}

/** Foyer's role may do in its own database what it likes, and nothing on the machine: it is no superuser, so a hole
 *  in a query reads no file and runs no program. */
async function ensureDatabase(cluster: Cluster, port: number): Promise<void> {
  const client = adminClient(cluster, port)
  await client.connect()
  try {
    const roles = await client.query("select 1 from pg_roles where rolname = 'foyer'")
    // base64url: nothing in it ends a literal
    if (roles.rowCount === 0)
      await client.query(`create role foyer login createdb password '${cluster.password}'`)
    const databases = await client.query("select 1 from pg_database where datname = 'foyer'")
    if (databases.rowCount === 0) await client.query('create database foyer owner foyer')
  } finally {
    await client.end()
  }
}

/** Keeps one PostgreSQL running.
 *  - running: from the start, or when a restart succeeded; left when the process ends
 *  - restarting: entered when a supervised process ends unasked; left by success or by stop
 *  - stopped: entered by stop, for good */
class Keeper {
  readonly #launch: Launch
  #current: Postmaster
  #watching: Promise<void> | undefined
  #restarting: Promise<boolean> | undefined
  readonly #stopping = new AbortController()

  constructor(launch: Launch, current: Postmaster) {
    this.#launch = { ...launch, signal: this.#stopping.signal }
    this.#current = current
  }

  get pid(): number {
    return this.#current.pid
  }

  supervise(): void {
    this.#watching ??= this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    // a restart under way comes to its end first, or a PostgreSQL nobody knows would stay
    await this.#restarting
    await shutDown(this.#launch, this.#current)
    await this.#watching
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping
    let waitMs = 0
    while (!signal.aborted) {
      const since = performance.now()
      await this.#current.gone
      if (signal.aborted) return
      // one that lived for a while deserves an immediate restart
      if (performance.now() - since > 60_000) waitMs = 0
      this.#launch.log.warn(
        `PostgreSQL (process ${this.#current.pid}) ended unexpectedly; starting it again.`,
      )
      for (let up = false; !up; ) {
        await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
        waitMs = Math.min(Math.max(waitMs * 2, 250), 10_000)
        if (signal.aborted) return
        this.#restarting = this.#restart()
        up = await this.#restarting
      }
    }
  }

  async #restart(): Promise<boolean> {
    try {
      this.#current = await bringUp(this.#launch, this.#current.port)
      return true
    } catch (error) {
      // whatever it is may pass, and without its database Foyer has nothing better to do than to try again
      this.#launch.log.warn(error instanceof Error ? error.message : String(error))
      return false
    }
  }
}
