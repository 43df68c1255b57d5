import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { z } from 'zod'
import { knownMigrations, migrate } from '../db/migrate.ts'
import { StartError } from '../errors.ts'
import { connect, identitiesOf, listOf, tablesOf } from './backup.ts'
import { copyIn } from './copy.ts'
import { damaged, decode, type Frame, Header, TableEnd, TableStart } from './format.ts'

export interface Restored {
  rows: Map<string, number>
  madeAt: Date
  /** Migrations that were run because this Foyer is newer than the backup. */
  migrated: string[]
}

/**
 * Reads a whole backup without using it.
 * @returns what it says of itself.
 * @throws {StartError} it is damaged, no backup at all, or made by a newer Foyer
 */
export async function checkBackup(path: string): Promise<Header> {
  const reader = new Reader(path)
  try {
    const header = await reader.header()
    const known = await knownMigrations()
    const unknown = header.migrations.filter((name) => !known.includes(name))
    if (unknown.length > 0)
      throw new StartError(
        `${path} was made by a newer Foyer: its database had ${unknown.join(', ')}, which this one does not know. Restore it with that Foyer or a newer one.`,
      )
    for (const { name } of header.tables) {
      await reader.table(name)
      for await (const _ of reader.rows());
    }
    await reader.end()
    return header
  } finally {
    await reader.close()
  }
}

/**
 * Puts a backup into a database and brings it up to date, in one transaction: all of it is there, or nothing changed.
 * The queue's own tables are not in a backup; what is open in the outbox goes to a new queue. Sessions end.
 * @param replace whether what is in the database now may go.
 * @throws {StartError} the backup cannot be used, or the database is not empty
 */
export async function restoreBackup(
  databaseUrl: string,
  path: string,
  { replace = false, signal }: { replace?: boolean; signal?: AbortSignal } = {},
): Promise<Restored> {
  const { migrations } = await checkBackup(path)
  const client = await connect(databaseUrl)
  signal?.addEventListener('abort', () => void client.end(), { once: true })
  const reader = new Reader(path)
  try {
    const db = onOneConnection(client)
    return await db.transaction().execute(async (tx) => {
      const given = new Map((await identitiesOf(client)).map(({ table, last }) => [table, last]))
      const before = await clear(client, replace)
      await migrate(tx, undefined, undefined, migrations.at(-1))
      const header = await reader.header()
      const rows = await fill(client, reader, header, path)
      await settle(client, header, given)
      const migrated = await migrate(tx)
      await refuseStrangers(client, before, header)
      return { rows, madeAt: new Date(header.madeAt), migrated }
    })
  } catch (error) {
    if (signal?.aborted) throw new StartError('Stopped; the database is as it was.')
    throw error
  } finally {
    await reader.close()
    await client.end()
  }
}

/** Kysely's transaction on the very connection that COPY uses. */
function onOneConnection(client: pg.Client): Kysely<unknown> {
  const shared = { query: client.query.bind(client), release: () => undefined }
  return new Kysely<unknown>({
    dialect: new PostgresDialect({
      pool: {
        connect: async () => shared as unknown as pg.PoolClient,
        end: async () => undefined,
        options: {},
      },
    }),
  })
}

/** Empties Foyer's schema. What extensions brought stays, because whoever restores may not be allowed to bring it again.
 *  @returns the tables that were there. */
async function clear(client: pg.Client, replace: boolean): Promise<string[]> {
  const { rows: there } = await client.query<{ name: string }>(`
    select relname as name from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = pg_class.oid and d.deptype = 'e')`)
  const names = there.map(({ name }) => name)
  if (names.length > 0 && !replace)
    throw new StartError(
      'The database is not empty. To replace everything in it, say so: npm run restore FILE -- --replace',
    )
  if (names.length > 0 && !names.includes('kysely_migration'))
    throw new StartError('The database holds tables of something else. Give Foyer a database of its own.')
  for (const name of names) await client.query(`drop table if exists ${pg.escapeIdentifier(name)} cascade`)
  const { rows: routines } = await client.query<{ routine: string }>(`
    select p.oid::regprocedure::text as routine from pg_proc p
    where p.pronamespace = current_schema()::regnamespace
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`)
  for (const { routine } of routines) await client.query(`drop routine ${routine} cascade`)
  // where workers/queue.ts lets BullMQ keep its tables
  await client.query('drop schema if exists bullmq cascade')
  return names
}

async function fill(
  client: pg.Client,
  reader: Reader,
  header: Header,
  path: string,
): Promise<Map<string, number>> {
  const made = await tablesOf(client)
  const missing = header.tables.filter(({ name }) => !made.some((table) => table.name === name))
  if (missing.length > 0)
    throw new StartError(
      `${path} holds tables that are not Foyer's: ${missing.map(({ name }) => name).join(', ')}. Nothing was restored.`,
    )
  // what a trigger once did is among the rows
  for (const { name } of made)
    await client.query(`alter table ${pg.escapeIdentifier(name)} disable trigger user`)
  // migrations may have put rows there
  await client.query(`truncate ${made.map(({ name }) => pg.escapeIdentifier(name)).join(', ')}`)
  const rows = new Map<string, number>()
  for (const { name, columns } of header.tables) {
    await reader.table(name)
    const stored = await copyIn(client, `copy ${listOf(name, columns)} from stdin`, reader.rows())
    if (stored !== reader.lastCount)
      throw damaged(path, `${name} has ${stored} rows instead of ${reader.lastCount}`)
    rows.set(name, stored)
  }
  await reader.end()
  for (const { name } of made)
    await client.query(`alter table ${pg.escapeIdentifier(name)} enable trigger user`)
  return rows
}

/** What must not go on as it was at the moment of the backup. */
async function settle(client: pg.Client, header: Header, given: Map<string, number | null>): Promise<void> {
  for (const { table, column, last } of header.identities) {
    // no number is given twice, neither one of the backup nor, in the same database, one given since: queues and
    // logs elsewhere may still speak of it
    const highest = Math.max(last ?? 0, given.get(table) ?? 0)
    if (highest > 0)
      await client.query('select setval(pg_get_serial_sequence(quote_ident($1), $2), $3)', [
        table,
        column,
        highest,
      ])
  }
  // the queue that held them is gone, and so are the workers that were busy with them
  await client.query(
    `update outbox set relayed_at = null, claimed_by = null, claimed_until = null where state = 'open'`,
  )
  // a session ended since the backup must not come back to life
  await client.query('delete from sessions')
}

/** Tables that were in the schema, and belong neither to the backup nor to this Foyer, would have been deleted. */
async function refuseStrangers(client: pg.Client, before: string[], header: Header): Promise<void> {
  const own = [...header.tables, ...(await tablesOf(client))].map(({ name }) => name)
  const strangers = before.filter((name) => !own.includes(name) && !name.startsWith('kysely_'))
  if (strangers.length > 0)
    throw new StartError(
      `The database also holds ${strangers.join(', ')}, which is not Foyer's; nothing was changed. Move it to a database of its own.`,
    )
}

/** A backup, frame by frame, each where it has to be. */
class Reader {
  readonly #path: string
  readonly #frames: AsyncGenerator<Frame>
  /** How many rows the table that was read last should have. */
  lastCount = 0

  constructor(path: string) {
    this.#path = path
    this.#frames = decode(path)
  }

  header(): Promise<Header> {
    return this.#expect('H', Header)
  }

  async table(name: string): Promise<void> {
    const table = await this.#expect('T', TableStart)
    if (table.name !== name) throw damaged(this.#path, `${table.name} stands where ${name} should`)
  }

  /** The rows of the table that began, to their end. */
  async *rows(): AsyncGenerator<Buffer> {
    for (;;) {
      const frame = await this.#next()
      if (frame.kind === 'D') yield frame.content
      else {
        this.lastCount = this.#read(frame, 'E', TableEnd).rows
        return
      }
    }
  }

  /** Everything was there, as its sum says. */
  async end(): Promise<void> {
    const { done } = await this.#frames.next()
    if (!done) throw damaged(this.#path, 'something follows its last table')
  }

  async close(): Promise<void> {
    await this.#frames.return(undefined)
  }

  async #expect<T>(kind: Frame['kind'], shape: z.ZodType<T>): Promise<T> {
    return this.#read(await this.#next(), kind, shape)
  }

  async #next(): Promise<Frame> {
    const { value, done } = await this.#frames.next()
    if (done || !value) throw damaged(this.#path, 'its end is missing')
    return value
  }

  #read<T>(frame: Frame, kind: Frame['kind'], shape: z.ZodType<T>): T {
    if (frame.kind !== kind) throw damaged(this.#path, 'its parts are out of order')
    // read before the sum at the end can tell what became of it
    try {
      return shape.parse(JSON.parse(frame.content.toString('utf8')))
    } catch {
      throw damaged(this.#path, 'one of its parts cannot be read')
    }
  }
}
