import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { StartError } from '#core/errors.ts'

const run = promisify(execFile)

/** Whom PostgreSQL runs as, since it refuses root. Undefined everywhere means: as whoever runs Foyer. */
export interface SystemUser {
  name: string
  uid: number
  gid: number
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** The user made for PostgreSQL if the machine has one, else nobody, else the first that is not root. */
export async function chooseSystemUser(): Promise<SystemUser> {
  const users = (await knownUsers()).filter((user) => user.uid > 0)
  const chosen =
    users.find((user) => user.name === 'postgres' || user.name === '_postgres') ??
    users.find((user) => user.name === 'nobody') ??
    users[0]
  if (!chosen)
    throw new StartError(
      'PostgreSQL refuses to run as root and this machine has no other user. ' +
        'Start Foyer as an ordinary user, or set FOYER_DATABASE_URL.',
    )
  return chosen
}

/** @param owner from a stat of what belongs to the user. */
export async function userOf(owner: { uid: number; gid: number }): Promise<SystemUser> {
  const known = (await knownUsers()).find((user) => user.uid === owner.uid)
  return known ?? { name: `user ${owner.uid}`, uid: owner.uid, gid: owner.gid }
}

/** Options for spawn: who runs it, and from where, because Foyer's own folder may be closed to that user. */
export function asUser(user: SystemUser | undefined) {
  return { cwd: '/', ...(user && { uid: user.uid, gid: user.gid }) }
}

/** Whether the user gets through to the folder and may look into it. The kernel is asked, not the mode bits of
 *  each folder above. */
export async function reaches(folder: string, user: SystemUser): Promise<boolean> {
  return succeeds('/bin/sh', ['-c', 'test -x "$1"', 'sh', folder], user)
}

/** Whether a program of PostgreSQL starts: it is there, for this machine, with all its libraries. */
export async function canRun(program: string, user: SystemUser | undefined): Promise<boolean> {
  return succeeds(program, ['--version'], user)
}

async function succeeds(program: string, args: string[], user: SystemUser | undefined): Promise<boolean> {
  try {
    await run(program, args, { ...asUser(user), timeout: 20_000 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM')
      throw new StartError(
        `PostgreSQL refuses to run as root, and Foyer may not start it as ${user?.name} here. ` +
          'Start Foyer as an ordinary user, or set FOYER_DATABASE_URL.',
        { cause: error },
      )
    return false
  }
}

async function knownUsers(): Promise<SystemUser[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#') && line.split(':').length >= 4)
    .map((line) => {
      const [name = '', , uid, gid] = line.split(':')
      // -2, as macOS writes nobody
      return { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
    })
}
