// @module-tag first-try
import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { isRunning } from '#core/db/embedded/processes.ts'
import { aDataDir, killHard, otherFoyer, query, start } from '#tests/support/embedded.ts'

/** A start after whatever happened gives a whole database, without leftovers, that keeps what it is told. */
async function startsWell(dataDir: string) {
  const server = await start({ dataDir })
  // where PostgreSQL's user may not read the project, as in root's home, its programs lie here too
  const names = (await readdir(server.home)).filter((name) => !name.startsWith('binaries-'))
  expect(names.sort()).toEqual(['cluster', 'foyer.lock', 'foyer.pid', 'password', 'postgres.log'])
  await query(server.url, 'create table told as select 1 as n')
  // every catalogue page is read, and checksums are on
  await query(
    server.url,
    "select count(*) from pg_class, pg_attribute where attrelid = pg_class.oid and attname <> ''",
  )
  expect(await query(server.url, 'select n from told')).toEqual([{ n: 1 }])
  return server
}

test.for(['locked', 'initdb-running', 'initdb-complete', 'renamed'] as const)(
  'a Foyer killed at "%s" of its first start leaves nothing in the way of the next',
  async (phase) => {
    const dataDir = await aDataDir()
    const first = otherFoyer({ dataDir }, phase)
    await first.reached(phase)
    await first.kill()
    const next = await startsWell(dataDir)
    expect(next.adopted).toBe(false)
  },
)

test('a Foyer killed when it has just spawned PostgreSQL leaves one that the next goes on with', async () => {
  const dataDir = await aDataDir()
  const first = otherFoyer({ dataDir }, 'spawned')
  await first.reached('spawned')
  await first.kill()
  // the orphan may or may not have reached the cluster before the next one; both must work
  await startsWell(dataDir)
})

test('a killed Foyer leaves its PostgreSQL running, which the next adopts with all that was saved', async () => {
  const dataDir = await aDataDir()
  const first = otherFoyer({ dataDir })
  const { url, pid } = await first.ready()
  await query(url, 'create table saved as select 42 as n')
  await first.kill()
  expect(await isRunning(pid)).toBe(true)

  const next = await startsWell(dataDir)
  expect(next).toMatchObject({ adopted: true, pid, url })
  expect(await query(next.url, 'select n from saved')).toEqual([{ n: 42 }])

  // an adopted one is kept up like one's own
  next.supervise()
  await killHard(pid)
  await expect.poll(() => query(next.url, 'select n from saved').catch(() => 'away')).toEqual([{ n: 42 }])
  await expect.poll(() => next.pid).not.toBe(pid)
  await next.stop()
  expect(await isRunning(next.pid)).toBe(false)
})

test('when Foyer and PostgreSQL are killed together, what was saved is there after the next start', async () => {
  const dataDir = await aDataDir()
  const first = otherFoyer({ dataDir })
  const { url, pid } = await first.ready()
  await query(url, 'create table saved as select 42 as n')
  await first.kill()
  await killHard(pid)
  const next = await startsWell(dataDir)
  expect(next.adopted).toBe(false)
  expect(await query(next.url, 'select n from saved')).toEqual([{ n: 42 }])
})
