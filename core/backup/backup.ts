import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import pg from 'pg'
import { syncFolder } from '../db/embedded/durable.ts'
import { StartError } from '../errors.ts'
import { copyOut } from './copy.ts'
import { type Frame, type FrameKind, type Header, writeFrames } from './format.ts'

export interface Written {
  /** Rows by table. */
  rows: Map<string, number>
  bytes: number
  /** The last migration the database had. */
  level: string
}

/**
 * Writes everything in Foyer's database to a file, as of one instant, while others go on using it. The file appears
 * under its name when it is whole and on the disk; what was there before stays until then.
 * @param databaseUrl as a role that may read Foyer's tables.
 * @throws {StartError} the place cannot be written to, or there is no Foyer in the database
 */
export async function writeBackup(
  databaseUrl: string,
  path: string,
  { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
): Promise<Written> {
  const client = await connect(databaseUrl)
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.new`)
  try {
    // a cancelled backup does not wait for the rest of a table
    signal.addEventListener('abort', () => void client.end(), { once: true })
    // one snapshot for all that follows
    await client.query('begin isolation level repeatable read read only')
    const header = await describe(client)
    const rows = new Map<string, number>()
    const file = await open(draft, 'w', 0o600).catch(cannotWrite)
    try {
      await writeFrames(file, framesOf(client, header, rows), signal)
      await file.sync()
      const { size } = await file.stat()
      await rename(draft, path)
      await syncFolder(dirname(path))
      return { rows, bytes: size, level: header.migrations.at(-1) ?? '' }
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(draft, { force: true })
    if (signal.aborted) throw new StartError('Stopped; no backup was written.')
    if (isFileError(error)) return cannotWrite(error)
    throw error
  } finally {
    await client.end()
  }

  function cannotWrite(error: NodeJS.ErrnoException): never {
    throw new StartError(`The backup cannot be written to ${path}: ${error.message}.`, { cause: error })
  }
}

const isFileError = (error: unknown): error is NodeJS.ErrnoException =>
  ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EISDIR', 'EACCES', 'EPERM'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  )

/** A connection without limits of time, on which values are written the same everywhere.
 *  @throws {StartError} the database cannot be reached */
export async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'foyer backup',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  // a line that breaks fails the statement under way
  client.on('error', () => undefined)
  await client.connect().catch((error: NodeJS.ErrnoException) => {
    throw new StartError(`Foyer cannot use its database: ${error.message || error.code}.`, { cause: error })
  })
  await client.query(`
    set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
    set client_encoding = 'UTF8'; set datestyle = 'ISO'; set intervalstyle = 'postgres'; set timezone = 'UTC';
    set extra_float_digits = 1; set bytea_output = 'hex'`)
  return client
}

async function describe(client: pg.Client): Promise<Header> {
  const { rows: known } = await client.query<{ there: boolean; now: Date }>(
    `select to_regclass('kysely_migration') is not null as there, clock_timestamp() as now`,
  )
  if (!known[0]?.there) throw new StartError('There is no Foyer in this database: nothing to back up.')
  const { rows: migrations } = await client.query<{ name: string }>(
    'select name from kysely_migration order by name',
  )
  return {
    madeAt: known[0].now.toISOString(),
    migrations: migrations.map(({ name }) => name),
    tables: await tablesOf(client),
    identities: await identitiesOf(client),
  }
}

/** Every table of Foyer's schema but the migrator's own, those that others refer to first. */
export async function tablesOf(client: pg.Client): Promise<Header['tables']> {
  const { rows } = await client.query<{ name: string; columns: string[]; needs: string[] }>(`
    select t.relname as name,
      (select coalesce(array_agg(a.attname::text order by a.attnum), '{}') from pg_attribute a
       where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
      (select coalesce(array_agg(distinct f.relname::text), '{}') from pg_constraint k join pg_class f on f.oid = k.confrelid
       where k.conrelid = t.oid and k.contype = 'f' and k.confrelid <> t.oid) as needs
    from pg_class t
    where t.relnamespace = current_schema()::regnamespace and t.relkind in ('r', 'p') and not t.relispartition
      and t.relname not like 'kysely\\_%'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = t.oid and d.deptype = 'e')
    order by t.relname`)
  const ordered: Header['tables'] = []
  let left = rows
  while (left.length > 0) {
    const ready = left.filter(({ needs }) => !left.some(({ name }) => needs.includes(name)))
    if (ready.length === 0)
      throw new Error(
        `Tables refer to each other in a circle: ${left.map(({ name }) => name).join(', ')}; a backup has no order for them`,
      )
    ordered.push(...ready.map(({ name, columns }) => ({ name, columns })))
    left = left.filter((table) => !ready.includes(table))
  }
  return ordered
}

/** Numbers given are never given again, not even those of rows that are gone: sequences are read, not the tables. */
export async function identitiesOf(client: pg.Client): Promise<Header['identities']> {
  const { rows } = await client.query<Header['identities'][number] & { sequence: string }>(`
    select t.relname as table, a.attname as column, q.last_value as last
    from pg_class t join pg_attribute a on a.attrelid = t.oid and (a.attidentity <> '' or a.atthasdef),
      lateral (select pg_get_serial_sequence(quote_ident(t.relname), a.attname)::regclass as id) s
      join pg_class c on c.oid = s.id join pg_sequences q on q.schemaname = c.relnamespace::regnamespace::text and q.sequencename = c.relname
    where t.relnamespace = current_schema()::regnamespace and t.relkind in ('r', 'p') and not t.relispartition
      and t.relname not like 'kysely\\_%'
    order by t.relname`)
  return rows
}

async function* framesOf(
  client: pg.Client,
  header: Header,
  rowsOf: Map<string, number>,
): AsyncGenerator<Frame> {
  yield json('H', header)
  for (const { name, columns } of header.tables) {
    yield json('T', { name })
    let rows = 0
    for await (const content of copyOut(client, `copy ${listOf(name, columns)} to stdout`)) {
      rows += linesIn(content)
      yield { kind: 'D', content }
    }
    rowsOf.set(name, rows)
    yield json('E', { rows })
  }
  await client.query('commit')
}

/** A table with its columns, as COPY and TRUNCATE name them. */
export const listOf = (table: string, columns: string[]): string =>
  `${pg.escapeIdentifier(table)} (${columns.map((column) => pg.escapeIdentifier(column)).join(', ')})`

/** COPY ends each row with a line feed and writes those inside of values as \n. */
function linesIn(content: Buffer): number {
  let lines = 0
  for (let at = content.indexOf(10); at !== -1; at = content.indexOf(10, at + 1)) lines++
  return lines
}

const json = (kind: FrameKind, value: unknown): Frame => ({
  kind,
  content: Buffer.from(JSON.stringify(value)),
})
