import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Phase } from '#core/db/embedded/cluster.ts'
import { type EmbeddedOptions, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { clusterIn, existingHome } from '#core/db/embedded/home.ts'
import { isPostmasterOf, readPostmasterFile } from '#core/db/embedded/postmaster-file.ts'
import { becomesTrue, isRunning } from '#core/db/embedded/processes.ts'
import { placeForClusters } from './places.ts'

const hasty = { fsync: 'off', full_page_writes: 'off', scram_iterations: '1' }
const childScript = join(import.meta.dirname, 'embedded-child.ts')

/** A folder for one test, open for PostgreSQL's user to pass through unless asked otherwise. */
export async function aFolder(mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(await placeForClusters(), 'foyer-embedded-'))
  await chmod(folder, mode)
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A data folder; a PostgreSQL that a test left running on it is ended with the test. */
export async function aDataDir(): Promise<string> {
  const dataDir = join(await aFolder(), 'data')
  onTestFinished(() => endPostgresOf(dataDir))
  return dataDir
}

export async function endPostgresOf(dataDir: string): Promise<void> {
  const home = await existingHome(dataDir)
  const file = home && (await readPostmasterFile(clusterIn(home)))
  if (home && file && (await isPostmasterOf(clusterIn(home), file.pid))) await killHard(file.pid)
}

/** Starts here, in the test's own process. A killed process loses nothing that it wrote, so only a test about power
 *  cuts has to wait for the disk. */
export function startHastily(options: EmbeddedOptions) {
  return startEmbeddedPostgres({ ...options, settings: { ...hasty, ...options.settings } })
}

/** As startHastily, and stops with the test. */
export async function start(options: EmbeddedOptions) {
  const server = await startHastily(options)
  onTestFinished(() => server.stop())
  return server
}

export async function killHard(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  if (!(await becomesTrue(async () => !(await isRunning(pid)), 5_000))) throw new Error(`${pid} lives on`)
}

export interface Ready {
  url: string
  pid: number
  home: string
  adopted: boolean
}

interface Told {
  reached?: Phase
  ready?: Ready
  refused?: string
  stopped?: boolean
}

export interface OtherFoyer {
  pid: number
  reached(phase: Phase): Promise<void>
  ready(): Promise<Ready>
  refused(): Promise<string>
  /** kill -9 of the whole process group, as a terminal's signal would reach it. */
  kill(): Promise<void>
  /** Asks it to end in good order. */
  stop(): Promise<void>
}

/** Another process that starts the database, see embedded-child.ts.
 *  @param user runs it as this user, with a test as root. */
export function otherFoyer(options: EmbeddedOptions, pauseAt?: Phase, user?: { uid: number; gid: number }) {
  const args = [childScript, JSON.stringify({ settings: hasty, ...options }), ...(pauseAt ? [pauseAt] : [])]
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...user,
  })
  const gone = once(child, 'exit')
  const told: Told[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    told.push(JSON.parse(line) as Told)
    lines.emit('told')
  })
  const hear = async <T>(part: (message: Told) => T | undefined): Promise<T> => {
    for (;;) {
      const found = told.map(part).find((value) => value !== undefined)
      if (found !== undefined) return found
      const heard = await Promise.race([
        once(lines, 'told'),
        once(lines, 'close').then(() => 'closed' as const),
      ])
      if (heard === 'closed') throw new Error(`The other Foyer ended; it had said ${JSON.stringify(told)}`)
    }
  }
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, 'SIGKILL')
    await gone
  }
  onTestFinished(kill)
  const other: OtherFoyer = {
    pid: child.pid ?? 0,
    reached: async (phase) => void (await hear((message) => message.reached === phase || undefined)),
    ready: () => hear((message) => message.ready),
    refused: () => hear((message) => message.refused),
    kill,
    stop: async () => {
      child.kill('SIGTERM')
      await gone
    },
  }
  return other
}

/** One statement over a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(statement)).rows
  } finally {
    await client.end()
  }
}
