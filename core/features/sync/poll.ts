import { sql } from 'kysely'
import type { CrmOwner } from '#connectors/sdk/crm.ts'
import { ConnectorError, CursorExpiredError, RateLimitedError } from '#connectors/sdk/errors.ts'
import { items } from '#connectors/sdk/paging.ts'
import type { Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { noteSync } from '../connections/health.ts'
import { ConnectionClosedError, type OpenConnection, openConnection } from '../connections/open.ts'
import { requestAgain } from '../mirror/lookups.ts'
import { storeUsers } from '../mirror/store.ts'
import { takeChanges } from './changes.ts'
import { beginAnew } from './import.ts'
import type { Lease } from './lease.ts'
import { isAnybodyWatched, readLongUnread, readStale } from './watched.ts'

const pollEveryMs = 30_000
const longestBackOffMs = 15 * 60_000
const usersEveryMs = 60 * 60_000
/** A feed that never ends lets others have a turn. */
const pagesATurn = 50

/**
 * Asks a connection what has changed since the last time and takes it in. The cursor is stored in the transaction of what it
 * brought, so a killed process asks for the same once more. How many people are mirrored makes no difference.
 */
export async function pollChanges(services: Services, lease: Lease): Promise<void> {
  const { connectionId, signal } = lease
  try {
    const open = await openConnection(services, connectionId, { signal, priority: 'background' })
    await readUsers(services, open)
    await readFeed(services, open, lease)
    await readStale(services, open)
    await readLongUnread(services, open)
    await requestAgain(services, connectionId)
    await noteSync(services, connectionId)
  } catch (error) {
    await putOff(services, connectionId, error)
    if (!(error instanceof ConnectorError) && !(error instanceof ConnectionClosedError) && !signal.aborted)
      throw error
  }
}

async function readFeed(
  services: Services,
  open: OpenConnection,
  { connectionId, by }: Lease,
): Promise<void> {
  const { connector, crm } = open
  if (!connector.crm || !crm) return
  for (let page = 0; page < pagesATurn; page++) {
    const readAt = services.clock.now()
    const cursor = await readCursor(services, connectionId)
    const histories = await isAnybodyWatched(services, open)
    const answer = await connector.crm.changes(crm, cursor, { histories })
    const isDone = answer.done || page === pagesATurn - 1
    await takeChanges(services, open, answer.changes, readAt, async ({ tx, now }) => {
      const dueAt = new Date(now.getTime() + (answer.done ? pollEveryMs : 0))
      await keepCursor(tx, { connectionId, by, cursor: answer.cursor, now, dueAt: isDone ? dueAt : null })
    })
    if (isDone) return
  }
}

async function readCursor({ db }: Services, connectionId: string): Promise<string | null> {
  const { rows } = await sql<{ pollCursor: string | null }>`
    select poll_cursor from connection_sync where connection_id = ${connectionId}`.execute(db)
  return rows[0]?.pollCursor ?? null
}

async function keepCursor(
  tx: Tx,
  to: { connectionId: string; by: string; cursor: string; now: Date; dueAt: Date | null },
): Promise<void> {
  const { numAffectedRows } = await sql`
    update connection_sync set poll_cursor = ${to.cursor}, polled_at = ${to.now}, poll_failures = 0,
      poll_due_at = coalesce(${to.dueAt}, poll_due_at)
    where connection_id = ${to.connectionId} and poll_lease = ${to.by}`.execute(tx)
  if (numAffectedRows !== 1n) throw new Error('Another process polls this connection now.')
}

/** Where a feed's cursor is not known any more, everybody is read once more. */
async function putOff({ db, clock }: Services, connectionId: string, error: unknown): Promise<void> {
  const now = clock.now()
  if (error instanceof CursorExpiredError) return beginAnew(db, connectionId, now, error.message)
  const waitMs = error instanceof RateLimitedError ? error.retryAfterMs : null
  await sql`
    update connection_sync set poll_failures = poll_failures + 1, poll_due_at = ${now}::timestamptz + interval '1 millisecond'
      * coalesce(${waitMs}::double precision, least(${longestBackOffMs}, ${pollEveryMs} * 2 ^ least(poll_failures, 10)))
    where connection_id = ${connectionId}`.execute(db)
}

/** Who the vendor's users are, now and then: the agents' own, whom what Foyer writes belongs to. */
async function readUsers(services: Services, { connector, crm, row }: OpenConnection): Promise<void> {
  const declared = connector.crm
  if (!declared || !crm) return
  const now = services.clock.now()
  const { rows } = await sql`
    select from connection_sync where connection_id = ${row.id}
      and (users_at is null or users_at <= ${new Date(now.getTime() - usersEveryMs)})`.execute(services.db)
  if (rows.length === 0) return
  const users: CrmOwner[] = []
  for await (const user of items((cursor) => declared.owners(crm, cursor))) users.push(user)
  await services.db.transaction().execute(async (tx) => {
    await storeUsers(tx, row.connector, users)
    await sql`update connection_sync set users_at = ${now} where connection_id = ${row.id}`.execute(tx)
  })
}
