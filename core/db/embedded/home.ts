import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, realpath, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StartError } from '#core/errors.ts'
import type { Log } from '../log.ts'
import { createDurably } from './durable.ts'
import { startErrorOf } from './failures.ts'
import { chooseSystemUser, isRoot, reaches, type SystemUser, userOf } from './system-user.ts'

/** The folder of all that belongs to the database: `cluster` (PostgreSQL's own), `password`, the lock, the log. */
export interface Home {
  folder: string
  runAs: SystemUser | undefined
}

const pointerName = 'postgres.location'

/** Usually `postgres` in the data folder. Where root runs Foyer and the data folder is closed to the system user
 *  who must run PostgreSQL, a folder of its own in `systemFolder`; `postgres.location` in the data folder then
 *  says which, and is believed from then on. */
export async function findHome(dataDir: string, systemFolder: string, log: Log): Promise<Home> {
  try {
    // others may pass through root's data folder, to reach the database, but not look around
    await makeFolder(dataDir)
    const data = await realpath(dataDir)
    const pointer = join(data, pointerName)
    const moved = await readPointer(pointer)
    if (moved) return { folder: moved, runAs: await whoRuns(moved) }

    const folder = join(data, 'postgres')
    await makeFolder(folder)
    const runAs = await whoRuns(folder)
    if (!runAs || (await reaches(folder, runAs))) return { folder, runAs }
    if (existsSync(clusterIn(folder)))
      throw new StartError(
        `The database in ${folder} belongs to ${runAs.name}, who cannot get there: a folder above it is closed. ` +
          `Open the way (chmod o+x), or start Foyer as ${runAs.name}.`,
      )
    return { folder: await moveOut(data, folder, pointer, systemFolder, runAs, log), runAs }
  } catch (error) {
    throw startErrorOf(error, 'prepare its database', dataDir)
  }
}

/** The folder found by an earlier findHome, without making one. */
export async function existingHome(dataDir: string): Promise<string | undefined> {
  if (!existsSync(dataDir)) return undefined
  const data = await realpath(dataDir)
  const folder = (await readPointer(join(data, pointerName))) ?? join(data, 'postgres')
  return existsSync(folder) ? folder : undefined
}

/** Whether a database was made for this data folder. */
export async function existingCluster(dataDir: string): Promise<boolean> {
  const folder = await existingHome(dataDir)
  return folder !== undefined && existsSync(clusterIn(folder))
}

export function clusterIn(home: string): string {
  return join(home, 'cluster')
}

async function readPointer(pointer: string): Promise<string | undefined> {
  if (!existsSync(pointer)) return undefined
  const folder = (await readFile(pointer, 'utf8')).trim()
  if (existsSync(folder)) return realpath(folder)
  throw new StartError(
    `${pointer} says that the database is in ${folder}, but nothing is there. ` +
      `Bring that folder back, or delete ${pointer} to begin with an empty database.`,
  )
}

/** As root, whoever already owns the cluster, so that a database made by an ordinary user stays theirs. */
async function whoRuns(folder: string): Promise<SystemUser | undefined> {
  const cluster = clusterIn(folder)
  const owner = existsSync(cluster) ? await stat(cluster) : undefined
  if (isRoot()) return owner && owner.uid !== 0 ? userOf(owner) : chooseSystemUser()
  if (owner && owner.uid !== process.getuid?.()) {
    const { name } = await userOf(owner)
    throw new StartError(
      `The database in ${folder} belongs to ${name}. Start Foyer as root or as ${name}, or set FOYER_DATA_DIR to another folder.`,
    )
  }
  return undefined
}

async function moveOut(
  data: string,
  closed: string,
  pointer: string,
  systemFolder: string,
  runAs: SystemUser,
  log: Log,
): Promise<string> {
  // never a name derived from the data folder: who deletes that folder wants an empty database, not the old one
  const name = `${basename(dirname(data))}-${basename(data)}-${randomBytes(4).toString('hex')}`
  const folder = join(systemFolder, name.replaceAll(/[^\w.-]/g, ''))
  await mkdir(systemFolder, { recursive: true, mode: 0o755 })
  await makeFolder(folder)
  if (!(await reaches(folder, runAs)))
    throw new StartError(
      `PostgreSQL refuses to run as root, and ${runAs.name}, who should run it, reaches neither ${data} nor ${systemFolder}. ` +
        'Start Foyer as an ordinary user, or set FOYER_DATA_DIR to a folder open to others.',
    )
  if (!(await createDurably(pointer, `${folder}\n`))) {
    // another Foyer starting at the same moment was first; its lock decides
    await rmdir(folder)
    return (await readPointer(pointer)) ?? folder
  }
  await rmdir(closed)
  log.info(`PostgreSQL runs as ${runAs.name}, who cannot reach ${data}: the database is kept in ${folder}.`)
  return folder
}

async function makeFolder(folder: string): Promise<void> {
  const mode = isRoot() ? 0o711 : 0o700
  // said again, because the umask may have taken the way through; what was there keeps its mode
  if (await mkdir(folder, { recursive: true, mode })) await chmod(folder, mode)
}
