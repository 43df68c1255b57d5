import { chmodSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from '#core/errors.ts'
import { writeDurably } from './durable.ts'
import { startErrorOf } from './failures.ts'
import { isRunning } from './processes.ts'

/** One Foyer per database. The lock itself belongs to the kernel: it ends with the process that holds it, however
 *  that ends, so no process number can be mistaken for another. Node has no call for file locks; SQLite, which is
 *  built in, takes one when it begins an exclusive transaction (nothing is ever written there). foyer.pid beside
 *  it only tells people who holds it.
 *  The lock is lost if this process opens and closes foyer.lock in any other way: POSIX locks are like that. */
export interface HomeLock {
  /** Lets the next Foyer wait for this one instead of giving up. */
  markStopping(): Promise<void>
  release(): Promise<void>
}

interface Holder {
  pid: number
  startedAt: string
  stopping: boolean
}

const sqliteBusy = 5

// a lock whose object is collected would be let go
const held = new Set<DatabaseSync>()

/** @param patienceMs how long to wait for a Foyer that is stopping, or for one that died without a trace. */
export async function lockHome(home: string, dataDir: string, patienceMs: number): Promise<HomeLock> {
  const deadline = performance.now() + patienceMs
  const holderFile = join(home, 'foyer.pid')
  for (;;) {
    const lock = tryLock(home)
    if (lock) {
      held.add(lock)
      const holder: Holder = { pid: process.pid, startedAt: processStart(), stopping: false }
      await tellPeople(holderFile, holder)
      return {
        markStopping: () => tellPeople(holderFile, { ...holder, stopping: true }),
        release: async () => {
          if (!held.delete(lock)) return
          await rm(holderFile, { force: true })
          lock.close()
        },
      }
    }
    const holder = await readHolder(holderFile)
    const settled = holder && !holder.stopping && (await isRunning(holder.pid))
    if (settled || performance.now() > deadline)
      throw new StartError(
        `Another Foyer${holder ? ` (process ${holder.pid})` : ''} already uses ${dataDir}. ` +
          'Stop it, or set FOYER_DATA_DIR to another folder.',
      )
    await delay(100)
  }
}

function tryLock(home: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined
  try {
    const path = join(home, 'foyer.lock')
    lock = new DatabaseSync(path, { timeout: 0 })
    // whoever may read it could hold it
    chmodSync(path, 0o600)
    // no journal file: there is nothing to roll back
    lock.exec('pragma journal_mode = memory; begin exclusive')
    return lock
  } catch (error) {
    lock?.close()
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined
    throw startErrorOf(error, 'lock its database', home)
  }
}

async function tellPeople(path: string, holder: Holder): Promise<void> {
  // a full disk must not keep Foyer from starting or stopping: the lock holds without the note
  await writeDurably(path, JSON.stringify(holder)).catch(() => undefined)
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder
  } catch {
    // not there yet, or gone already
    return undefined
  }
}

function processStart(): string {
  return new Date(performance.timeOrigin).toISOString()
}
