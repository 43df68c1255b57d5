import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '#core/db/migrate.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { StartError } from '#core/errors.ts'
import { scratchDatabase } from '#tests/support/database.ts'
import { query } from '#tests/support/embedded.ts'

const own = join(import.meta.dirname, '..', '..', '..', 'core', 'db', 'migrations')

test('an empty database gets everything once, in order', async () => {
  const url = await anEmptyDatabase()
  const files = (await readdir(own)).sort().map((name) => name.replace('.sql', ''))
  const told: string[] = []
  const log = { info: (message: string) => void told.push(message), warn: () => undefined }
  expect(await migrate(url, log)).toEqual(files)
  expect(told).toEqual([`The database was brought up to date: ${files.join(', ')}`])
  expect(await migrate(url, log)).toEqual([])
  expect(told).toHaveLength(1)
})

test('a Db does as well as an address', async () => {
  const url = await anEmptyDatabase()
  const db = createDb(createPool(url, 2, 'test'))
  onTestFinished(() => db.destroy())
  expect(await migrate(db, undefined, await migrations({ '0001-one': 'create table one (n int)' }))).toEqual([
    '0001-one',
  ])
})

test('of processes that migrate at once one does the work and all succeed', async () => {
  const url = await anEmptyDatabase()
  const folder = await migrations({
    '0001-one': 'create table one (n int); insert into one values (1)',
    '0002-two': 'insert into one values (2)',
  })
  const done = await Promise.all([1, 2, 3, 4].map(() => migrate(url, undefined, folder)))
  expect(done.filter((names) => names.length > 0)).toEqual([['0001-one', '0002-two']])
  expect(await query(url, 'select n from one order by n')).toEqual([{ n: 1 }, { n: 2 }])
})

test('a failed migration changes nothing, names its file and line, and can be mended', async () => {
  const url = await anEmptyDatabase()
  const files = {
    '0001-one': 'create table one (n int)',
    '0002-two': "-- 0002: – “more” 🙂\ncreate table two (n int);\ninsert into one values ('many');\n",
  }
  const folder = await migrations(files)
  await expect(migrate(url, undefined, folder)).rejects.toThrow(
    new StartError(
      'Migration 0002-two.sql failed in line 3, and the database is as it was before: ' +
        'invalid input syntax for type integer: "many"',
    ),
  )
  expect(await query(url, "select to_regclass('one') as one, to_regclass('two') as two")).toEqual([
    { one: null, two: null },
  ])
  await writeFile(join(folder, '0002-two.sql'), 'create table two (n int)')
  expect(await migrate(url, undefined, folder)).toEqual(['0001-one', '0002-two'])
})

test('a database that a newer Foyer used is left alone', async () => {
  const url = await anEmptyDatabase()
  const newer = await migrations({ '0001-one': 'create table one (n int)', '0002-two': 'select 1' })
  await migrate(url, undefined, newer)
  const older = await migrations({ '0001-one': 'create table one (n int)' })
  await expect(migrate(url, undefined, older)).rejects.toThrow(
    new StartError(
      'The database was last used by a newer Foyer: it has 0002-two, which this one does not know. ' +
        'Start the newer Foyer, or restore a backup.',
    ),
  )
})

test('a misnamed or repeated number is noticed before anything runs', async () => {
  const url = await anEmptyDatabase()
  for (const wrong of ['0001-again', '0003-gap', '2-short']) {
    const folder = await migrations({ '0001-one': 'create table one (n int)', [wrong]: 'select 1' })
    await expect(migrate(url, undefined, folder)).rejects.toThrow(/must be called 000\d-….sql/)
  }
  expect(await query(url, "select to_regclass('one') as one")).toEqual([{ one: null }])
})

test('an extension the server lacks is named', async () => {
  const url = await anEmptyDatabase()
  const folder = await migrations({ '0001-one': 'create extension if not exists telepathy;' })
  await expect(migrate(url, undefined, folder)).rejects.toThrow(
    /^PostgreSQL lacks what Foyer needs: telepathy\. Install its contrib package/,
  )
})

test('an extension that only a superuser may add is named', async () => {
  const url = await anEmptyDatabase()
  // real, and not among those that an owner of a database may add
  const folder = await migrations({ '0001-one': 'create extension if not exists pageinspect;' })
  await expect(migrate(url, undefined, folder)).rejects.toThrow(
    'Foyer may not add the extension pageinspect to its database. Let an administrator run there: create extension pageinspect',
  )
})

test('a database in another encoding is refused', async () => {
  const url = await anEmptyDatabase()
  await query(
    url,
    "create database latin_one encoding 'LATIN1' locale 'C' locale_provider libc template template0",
  )
  onTestFinished(async () => void (await query(url, 'drop database latin_one with (force)')))
  const latin = new URL(url)
  latin.pathname = '/latin_one'
  await expect(migrate(latin.href)).rejects.toThrow(
    'Foyer needs a database in UTF8, and this one is in LATIN1.',
  )
})

test('a PostgreSQL that is too old is refused', async () => {
  // what the oldest ones answer, since none is at hand
  const url = await anEmptyDatabase()
  await query(
    url,
    `create schema old; create function old.current_setting(name text) returns text language sql as
       $$ select case name when 'server_version' then '14.9' when 'server_version_num' then '140009' else 'UTF8' end $$;
     do $$ begin execute format('alter database %I set search_path = old, pg_catalog, public', current_database()); end $$`,
  )
  await expect(migrate(url)).rejects.toThrow(
    new StartError('Foyer needs PostgreSQL 15 or newer, and this database runs on 14.9.'),
  )
})

test('a database that cannot be reached, or does not let Foyer in, is named without its password', async () => {
  const url = new URL(await anEmptyDatabase())
  const nobodyThere = new URL(url)
  nobodyThere.port = '1'
  await expect(migrate(nobodyThere.href)).rejects.toThrow(/^Foyer cannot use its database: .*ECONNREFUSED/)
  url.password = 'guess'
  await expect(migrate(url.href)).rejects.toThrow(
    /^Foyer cannot use its database: password authentication failed for user "foyer"\.$/,
  )
})

async function anEmptyDatabase(): Promise<string> {
  const database = await scratchDatabase('empty')
  onTestFinished(() => database.drop())
  return database.url
}

async function migrations(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-migrations-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.sql`), text)
  return folder
}
