import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, lchown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '#core/errors.ts'
import type { Log } from '../log.ts'
import { type Binaries, majorVersion } from './binaries.ts'
import { syncFolder, writeDurably } from './durable.ts'
import { complaintsIn, startErrorOf } from './failures.ts'
import { clusterIn, type Home } from './home.ts'
import { asUser } from './system-user.ts'

/** Where a test may hold the start, see startEmbeddedPostgres. */
export type Phase = 'locked' | 'initdb-running' | 'initdb-complete' | 'renamed' | 'spawned' | 'running'
export type Reached = (phase: Phase) => Promise<void> | void

export interface Cluster {
  folder: string
  password: string
}

const draftPrefix = 'cluster.new-'
const passwordPrefix = 'initdb-password-'

/** The cluster exists under its name only when it is whole: initdb works in a sibling folder, syncs it, and the
 *  rename comes last. Whatever a killed start left is removed first. Only the holder of the lock may call this.
 *  @param sync whether a power cut matters. */
export async function ensureCluster(
  home: Home,
  binaries: Binaries,
  sync: boolean,
  reached: Reached,
  log: Log,
): Promise<Cluster> {
  const folder = clusterIn(home.folder)
  try {
    await removeLeftovers(home.folder)
    if (existsSync(folder)) {
      await checkVersion(folder)
      await giveTo(home, folder)
      return { folder, password: await readPassword(home.folder) }
    }
    log.info(`Making a database in ${home.folder}`)
    const password = randomBytes(24).toString('base64url')
    // before the cluster, so that no cluster is ever without its password
    await writeDurably(join(home.folder, 'password'), password)
    const draft = join(home.folder, draftPrefix + randomBytes(4).toString('hex'))
    await mkdir(draft, { mode: 0o700 })
    await giveTo(home, draft)
    await initialise(home, binaries, draft, password, sync, reached)
    await reached('initdb-complete')
    await rename(draft, folder)
    await syncFolder(home.folder)
    await reached('renamed')
    return { folder, password }
  } catch (error) {
    throw startErrorOf(error, 'make its database', home.folder)
  }
}

async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home))
    if (name.startsWith(draftPrefix) || name.startsWith(passwordPrefix))
      // retried, because an initdb that outlived its Foyer may still be writing there for a moment
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

async function initialise(
  home: Home,
  binaries: Binaries,
  draft: string,
  password: string,
  sync: boolean,
  reached: Reached,
): Promise<void> {
  const passwordFile = join(home.folder, passwordPrefix + randomBytes(4).toString('hex'))
  await writeFile(passwordFile, password, { mode: 0o600 })
  await giveTo(home, passwordFile)
  try {
    // Text sorts the same on every machine (builtin). Which letters exist comes from the system's locale, because
    // pg_trgm sees only ASCII under C: the first of these that the system has.
    for (const letters of ['C.UTF-8', 'en_US.UTF-8', 'C']) {
      const args = [
        '-D',
        draft,
        `--pwfile=${passwordFile}`,
        `--lc-ctype=${letters}`,
        ...(sync ? [] : ['--no-sync']),
      ]
      const { code, output } = await runInitdb(home, binaries, args, reached)
      if (code === 0) return
      if (/invalid locale name/.test(output) && letters !== 'C') continue
      throw new StartError(explain(output, code, home.folder))
    }
  } finally {
    await rm(passwordFile, { force: true })
  }
}

async function runInitdb(
  home: Home,
  binaries: Binaries,
  args: string[],
  reached: Reached,
): Promise<{ code: number | string; output: string }> {
  const access = ['--username=postgres', '--auth=scram-sha-256', '--no-instructions']
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const child = spawn(binaries.initdb, [...access, ...locale, ...args], {
    ...asUser(home.runAs),
    env: { LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    output += text
  })
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'without a word'))
  })
  let told: ReturnType<Reached> | undefined
  child.stdout.once('data', () => {
    told = reached('initdb-running')
  })
  const code = await ended
  await told
  return { code, output }
}

function explain(output: string, code: number | string, home: string): string {
  if (/no space left/i.test(output)) return startErrorOf(new Error(output), 'make its database', home).message
  return `Foyer could not make its database in ${home}: ${complaintsIn(output) || `initdb ended with ${code}`}`
}

async function checkVersion(folder: string): Promise<void> {
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (version === undefined)
    throw new StartError(
      `${folder} is not a whole database: PG_VERSION is missing. Put it back from a backup, or move the folder away to begin with an empty one.`,
    )
  if (version.trim() !== majorVersion)
    throw new StartError(
      `The database in ${folder} was made by PostgreSQL ${version.trim()}, and this Foyer brings ${majorVersion}. ` +
        'Make a backup with the Foyer that made it, and restore that into a new data folder.',
    )
}

/** Foyer's, for its own database. @throws {StartError} it is missing */
export async function readPassword(home: string): Promise<string> {
  const path = join(home, 'password')
  const password = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new StartError(
      `${path} is missing, and the database opens only with it. Put it back from a backup.`,
    )
  })
  return password.trim()
}

/** PostgreSQL accepts only a cluster of its own user. One copied back by root belongs to root. */
async function giveTo(home: Home, path: string): Promise<void> {
  const owner = await stat(path)
  if (!home.runAs || owner.uid === home.runAs.uid) return
  const below = owner.isDirectory() ? await readdir(path, { recursive: true }) : []
  for (const name of below) await lchown(join(path, name), home.runAs.uid, home.runAs.gid)
  // last, so that a change cut short is done again
  await lchown(path, home.runAs.uid, home.runAs.gid)
  if (owner.isDirectory()) await chmod(path, 0o700)
}
