import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { type Migration, type MigrationResultSet, Migrator } from 'kysely/migration'
import pg from 'pg'
import { StartError } from '#core/errors.ts'
import { type Log, silentLog } from './log.ts'
import { createDb, type Db } from './pool.ts'

const oldestServer = 150_000
const ownMigrations = join(import.meta.dirname, 'migrations')

/** Brings the database to the form this code expects: runs the numbered `.sql` files it has not seen, in order, all
 *  in one transaction. Several processes may do this at once; one works, the others wait and find it done.
 *  @param database an address, which gets a connection of its own without time limits; a Db cuts off what takes
 *    longer than its pool allows.
 *  @param upTo the last file to run, for an empty database that is to be as it once was; else all.
 *  @returns the names of the files that were run.
 *  @throws StartError one sentence; the database is then as it was. */
export async function migrate(
  database: Db | string,
  log: Log = silentLog,
  folder = ownMigrations,
  upTo?: string,
): Promise<string[]> {
  if (typeof database !== 'string') return bringUpToDate(database, log, folder, upTo)
  const pool = new pg.Pool({ connectionString: database, max: 1, application_name: 'foyer migrate' })
  pool.on('error', () => undefined)
  const db = createDb(pool)
  try {
    return await bringUpToDate(db, log, folder, upTo)
  } finally {
    await db.destroy()
  }
}

/** The names of the migrations this Foyer knows, in order. */
export const knownMigrations = async (folder = ownMigrations): Promise<string[]> => [
  ...(await readMigrations(folder)).keys(),
]

async function bringUpToDate(db: Db, log: Log, folder: string, upTo?: string): Promise<string[]> {
  const files = await readMigrations(folder)
  await checkServer(db)
  await checkExtensions(db, files)
  const migrations = Object.fromEntries([...files].map(([name, text]) => [name, asMigration(text)]))
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const outcome = await (upTo ? migrator.migrateTo(upTo) : migrator.migrateToLatest())
  if (outcome.error !== undefined) throw await explain(db, outcome, files)
  const done = outcome.results?.map((result) => result.migrationName) ?? []
  if (done.length > 0) log.info(`The database was brought up to date: ${done.join(', ')}`)
  return done
}

/** @returns the statements of each file by its name without `.sql`. */
async function readMigrations(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const files = new Map<string, string>()
  for (const [index, name] of names.entries()) {
    const number = String(index + 1).padStart(4, '0')
    if (!/^\d{4}-[a-z0-9-]+\.sql$/.test(name) || !name.startsWith(number))
      throw new StartError(
        `${join(folder, name)} does not belong there: the next migration must be called ${number}-….sql.`,
      )
    files.set(name.slice(0, -'.sql'.length), await readFile(join(folder, name), 'utf8'))
  }
  return files
}

/** Without parameters PostgreSQL takes a whole file at once. */
function asMigration(text: string): Migration {
  return {
    up: async (db) => {
      await sql.raw(text).execute(db)
    },
  }
}

async function checkServer(db: Db): Promise<void> {
  const { rows } = await sql<{ version: string; number: number; encoding: string }>`
    select current_setting('server_version') as version,
      current_setting('server_version_num')::int as number,
      current_setting('server_encoding') as encoding`
    .execute(db)
    .catch((error: NodeJS.ErrnoException) => {
      // a refused connection to a name with two addresses has a code but no message
      throw new StartError(`Foyer cannot use its database: ${error.message || error.code}.`, { cause: error })
    })
  const [server] = rows
  if (server === undefined || server.number < oldestServer)
    throw new StartError(
      `Foyer needs PostgreSQL 15 or newer, and this database runs on ${server?.version ?? 'an unknown one'}.`,
    )
  if (server.encoding !== 'UTF8')
    throw new StartError(
      `Foyer needs a database in UTF8, and this one is in ${server.encoding}. Create it with: create database … encoding 'UTF8' template template0`,
    )
}

/** Whatever the migrations create must be installed on the server. */
async function checkExtensions(db: Db, files: Map<string, string>): Promise<void> {
  const wanted = [...files.values()].flatMap((text) =>
    [...text.matchAll(/^create extension if not exists (\w+)/gim)].map(([, name]) => name ?? ''),
  )
  const { rows } = await sql<{ name: string }>`
    select name from pg_available_extensions where name = any(${wanted})`.execute(db)
  const missing = wanted.filter((name) => !rows.some((row) => row.name === name))
  if (missing.length > 0)
    throw new StartError(
      `PostgreSQL lacks what Foyer needs: ${missing.join(', ')}. Install its contrib package (postgresql-contrib on Debian) on the database server.`,
    )
}

async function explain(db: Db, outcome: MigrationResultSet, files: Map<string, string>): Promise<StartError> {
  const cause = outcome.error
  const message = cause instanceof Error ? cause.message : String(cause)
  const failed = outcome.results?.find((result) => result.status === 'Error')?.migrationName
  if (failed === undefined) {
    const unknown = (await executed(db)).filter((name) => !files.has(name))
    if (unknown.length > 0)
      return new StartError(
        `The database was last used by a newer Foyer: it has ${unknown.join(', ')}, which this one does not know. Start the newer Foyer, or restore a backup.`,
        { cause },
      )
    return new StartError(`Foyer could not bring its database up to date: ${message}`, { cause })
  }
  const [, extension] = /permission denied to create extension "(.+?)"/.exec(message) ?? []
  if (extension)
    return new StartError(
      `Foyer may not add the extension ${extension} to its database. Let an administrator run there: create extension ${extension}`,
      { cause },
    )
  return new StartError(
    `Migration ${failed}.sql failed${lineOf(cause, files.get(failed))}, and the database is as it was before: ${message}`,
    { cause },
  )
}

async function executed(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map((row) => row.name)
}

function lineOf(error: unknown, text: string | undefined): string {
  if (!(error instanceof pg.DatabaseError) || error.position === undefined || text === undefined) return ''
  // a position counts characters, not JavaScript's halves of them
  const before = [...text].slice(0, Number(error.position) - 1)
  return ` in line ${before.filter((character) => character === '\n').length + 1}`
}
