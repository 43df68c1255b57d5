import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '#core/errors.ts'
import type { Log } from '../log.ts'
import type { Binaries } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { complaintsIn, startErrorOf } from './failures.ts'
import { disown, isPostmasterOf, readPostmasterFile } from './postmaster-file.ts'
import { becomesTrue, isRunning } from './processes.ts'
import type { ServerLog } from './server-log.ts'
import { asUser, type SystemUser } from './system-user.ts'

/** All that is needed to start PostgreSQL on a cluster, as often as need be. */
export interface Launch {
  cluster: Cluster
  binaries: Binaries
  runAs: SystemUser | undefined
  settings: Record<string, string>
  serverLog: ServerLog
  log: Log
  /** How long what a killed process left behind may stand in the way. */
  patienceMs: number
  /** Ends waiting for a PostgreSQL that is not ready yet. */
  signal?: AbortSignal
  /** Called between spawning PostgreSQL and looking for its answer. */
  spawned?: () => Promise<void> | void
}

export interface Postmaster {
  pid: number
  port: number
  /** Whether an earlier Foyer had started it. */
  adopted: boolean
  /** Settles when the process is gone. */
  gone: Promise<void>
}

/** PostgreSQL replays its log after a crash before it answers; a large one takes minutes. */
const recoveryMs = 600_000
/** Between two signs of life. */
const answerMs = 20_000
const refusalMs = 1_000
const stopInPeaceMs = 30_000

/** Adopts the PostgreSQL an earlier Foyer left running, or starts one.
 *  @param port the one to listen on; any free one if left out. */
export async function bringUp(launch: Launch, port?: number): Promise<Postmaster> {
  const deadline = performance.now() + launch.patienceMs
  for (;;) {
    const orphan = await findOrphan(launch)
    if (orphan) return orphan
    try {
      return await start(launch, port ?? (await freePort()))
    } catch (error) {
      // Backends of a killed postmaster end within moments, and so does a postmaster spawned a moment ago by a
      // Foyer that was killed: either it gets the cluster and is adopted, or it goes.
      if (!(error instanceof StillInTheWay) || performance.now() > deadline) throw error
      await delay(200)
    }
  }
}

/** Lets running transactions go, writes everything down, and ends; harder only if that takes too long. */
export async function shutDown({ cluster, log }: Launch, { pid }: Postmaster): Promise<void> {
  // not a stranger who got its number
  const isUp = () => isPostmasterOf(cluster.folder, pid)
  const steps = [
    { signal: 'SIGINT', forMs: stopInPeaceMs },
    { signal: 'SIGQUIT', forMs: 5_000 },
    { signal: 'SIGKILL', forMs: 5_000 },
  ] as const
  for (const { signal, forMs } of steps) {
    if (!(await isUp())) return
    process.kill(pid, signal)
    if (await becomesTrue(async () => !(await isUp()), forMs)) return
    log.warn(`PostgreSQL (process ${pid}) did not end within ${forMs / 1000} s of ${signal}.`)
  }
}

async function findOrphan(launch: Launch): Promise<Postmaster | undefined> {
  const folder = launch.cluster.folder
  const file = await readPostmasterFile(folder)
  if (!file) return undefined
  const { pid } = file
  if (!(await isPostmasterOf(folder, pid))) {
    await disown(folder, file)
    return undefined
  }
  let port = file.port
  const answer = await untilReady(
    launch,
    async () => {
      port = (await readPostmasterFile(folder))?.port
      return port
    },
    async () => !(await isRunning(pid)),
    ` Stop process ${pid} and start Foyer again.`,
  )
  if (answer === 'gone' || port === undefined) return undefined
  launch.log.info(`Going on with the PostgreSQL of an earlier Foyer (process ${pid})`)
  return { pid, port, adopted: true, gone: watch(pid) }
}

async function start(launch: Launch, port: number): Promise<Postmaster> {
  const { cluster, binaries, serverLog } = launch
  const place = await serverLog.size()
  const output = await serverLog.open()
  const child = spawn(binaries.postgres, ['-D', cluster.folder, ...argumentsFor(port, launch.settings)], {
    ...asUser(launch.runAs),
    // in a process group of its own: Ctrl-C in the terminal reaches Foyer alone, and Foyer decides when to stop
    detached: true,
    stdio: ['ignore', 'ignore', output.fd],
    env: { LC_ALL: 'C', TZ: 'UTC' },
  })
  let ended = false
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true
      resolve()
    })
  })
  try {
    await once(child, 'spawn')
  } catch (error) {
    throw startErrorOf(error, 'start PostgreSQL', cluster.folder)
  } finally {
    await output.close()
  }
  child.unref()
  if (child.pid === undefined) throw new StartError(`PostgreSQL did not start on ${cluster.folder}.`)
  const server = { pid: child.pid, port, adopted: false, gone }
  await launch.spawned?.()
  try {
    const answer = await untilReady(
      launch,
      () => port,
      () => ended,
    )
    if (answer === 'gone') throw explain(await serverLog.since(place), launch)
  } catch (error) {
    if (!ended) await shutDown(launch, server)
    throw error
  }
  return server
}

class StillInTheWay extends StartError {}

function explain(output: string, { cluster, serverLog }: Launch): StartError {
  const said = complaintsIn(output)
  if (/no space left/i.test(said)) return startErrorOf(new Error(said), 'start PostgreSQL', cluster.folder)
  const message = `PostgreSQL could not start on ${cluster.folder}: ${said || 'it ended without a word'} (its log is ${serverLog.path})`
  const passing =
    /lock file "postmaster\.pid"|pre-existing shared memory|could not bind|Address already in use/
  return passing.test(output) ? new StillInTheWay(message) : new StartError(message)
}

/** Waits until PostgreSQL answers and proves to be the one of this cluster, or is gone. */
async function untilReady(
  launch: Launch,
  portNow: () => number | undefined | Promise<number | undefined>,
  isGone: () => boolean | Promise<boolean>,
  advice = '',
): Promise<'ready' | 'gone'> {
  const from = performance.now()
  let aliveAt = from
  let refusedAt: number | undefined
  let lastWords = 'it does not answer'
  while (performance.now() - aliveAt < answerMs && performance.now() - from < recoveryMs) {
    if (await isGone()) return 'gone'
    if (launch.signal?.aborted) throw new StartError('Foyer was stopped while PostgreSQL was starting.')
    const port = await portNow()
    const answer: Answer = port === undefined ? { silent: lastWords } : await probe(launch.cluster, port)
    if (answer === 'ready') return 'ready'
    if (answer === 'recovering') aliveAt = performance.now()
    else if ('silent' in answer) lastWords = answer.silent
    else {
      lastWords = answer.refusal
      refusedAt ??= performance.now()
      if (performance.now() - refusedAt > refusalMs) break
    }
    await delay(30)
  }
  throw new StartError(
    `PostgreSQL runs on ${launch.cluster.folder}, but Foyer cannot use it: ${lastWords}.${advice}`,
  )
}

/** A refusal is final, unless it came from a stranger on the same port, because of whom ours is about to end. */
type Answer = 'ready' | 'recovering' | { silent: string } | { refusal: string }

async function probe(cluster: Cluster, port: number): Promise<Answer> {
  const client = adminClient(cluster, port)
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('show data_directory')
    const served = rows[0]?.data_directory
    return served === cluster.folder ? 'ready' : { refusal: `port ${port} serves ${served}` }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    // https://www.postgresql.org/docs/18/errcodes-appendix.html: 57P03 is starting up, recovering or shutting down,
    // class 28 a wrong password
    if (code === '57P03') return 'recovering'
    return code.startsWith('28')
      ? { refusal: `${message} (with ${passwordFile(cluster)})` }
      : { silent: message }
  } finally {
    await client.end().catch(() => undefined)
  }
}

function passwordFile(cluster: Cluster): string {
  return join(dirname(cluster.folder), 'password')
}

/** The superuser, for Foyer's own housekeeping only. */
export function adminClient(cluster: Cluster, port: number): pg.Client {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: cluster.password,
    database: 'postgres',
    application_name: 'foyer start',
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
    ssl: false,
  })
  // a server that dies meanwhile is noticed by the query
  client.on('error', () => undefined)
  return client
}

/** Someone else's child sends no exit event. */
async function watch(pid: number): Promise<void> {
  while (await isRunning(pid)) await delay(250, undefined, { ref: false })
}

function argumentsFor(port: number, settings: Record<string, string>): string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // the address is enough, and a socket's path may be too long for one
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '128MB',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_checkpoints: 'off',
    log_destination: 'stderr',
    logging_collector: 'off',
    ...settings,
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
