import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { DatabaseClient } from './client.ts'

// 8-byte integers here are identities and counts, far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/** The database as repositories see it: readable SQL through kysely's `sql` tag, rows in camelCase. */
export type Db = Kysely<unknown>
/** What a repository takes as its required first argument when it must be part of a change. */
export type Tx = Transaction<unknown>

/** Connections that end what takes longer than 30 s, a query or a pause in a transaction, and wait 10 s to be opened or to come free.
 *  @param url a postgres:// address.
 *  @param max connections at most.
 *  @param applicationName as PostgreSQL lists them. */
export function createPool(url: string, max: number, applicationName: string): pg.Pool {
  const pool = new pg.Pool({
    Client: DatabaseClient,
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // Without a listener the loss of an idle connection ends the process; the pool replaces it by itself.
  pool.on('error', () => undefined)
  // The same for a connection lost between two queries of a transaction: nobody listens on it then, and its next
  // query fails by itself.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** Columns come in camelCase; what is inside jsonb stays as it is. The caller ends the pool. */
export function createDb(pool: pg.Pool): Db {
  return new Kysely<unknown>({
    dialect: new PostgresDialect({ pool }),
    // keys inside jsonb are camelCase already
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
}
