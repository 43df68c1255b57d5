import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Services } from '../../services.ts'

export type SyncWork = 'poll' | 'import'

const leaseMs = 30_000

export interface Lease {
  connectionId: string
  /** Aborted when the lease is lost: another process has taken over. */
  signal: AbortSignal
  by: string
}

/** Connections that have work of this kind to do now and that nobody is doing it for, each with a lease on it. Every active
 *  CRM has a row: the first look makes it. */
export async function takeDue({ db, clock, connectors }: Services, work: SyncWork): Promise<Lease[]> {
  const crms = [...connectors.values()].filter(({ crm }) => crm).map(({ id }) => id)
  if (crms.length === 0) return []
  const now = clock.now()
  await sql`${plannedOnce}
    insert into connection_sync (connection_id, poll_due_at, import_due_at, import_state)
    select id, ${now}, ${now}, 'running' from connections
    where state = 'active' and connector = any (${crms})
      and not exists (select from connection_sync s where s.connection_id = connections.id)
    on conflict do nothing`.execute(db)
  const by = randomUUID()
  const until = new Date(now.getTime() + leaseMs)
  const isDue =
    work === 'poll'
      ? sql`s.poll_due_at <= ${now}`
      : // what changes while everybody is read is only seen from the feed's cursor on, so that one comes first
        sql`s.import_state = 'running' and s.import_due_at <= ${now} and s.poll_cursor is not null`
  const [lease, leaseUntil] = columns(work)
  const { rows } = await sql<{ connectionId: string }>`${plannedOnce}
    update connection_sync s set ${lease} = ${by}, ${leaseUntil} = ${until}
    where connection_id in (
      select s.connection_id from connection_sync s join connections c on c.id = s.connection_id
      where c.state = 'active' and c.connector = any (${crms}) and ${isDue}
        and coalesce(s.${leaseUntil} <= ${now}, true)
      for update of s skip locked)
    returning connection_id`.execute(db)
  return rows.map(({ connectionId }) => ({ connectionId, by, signal: new AbortController().signal }))
}

const columns = (work: SyncWork) => [sql.ref(`${work}_lease`), sql.ref(`${work}_lease_until`)] as const

/** Does the work while it keeps the lease, and gives it back. */
export async function holding<T>(
  { db, clock }: Services,
  work: SyncWork,
  { connectionId, by }: Lease,
  stopping: AbortSignal,
  run: (lease: Lease) => Promise<T>,
): Promise<T> {
  const lost = new AbortController()
  const [lease, leaseUntil] = columns(work)
  const timer = setInterval(async () => {
    const until = new Date(clock.now().getTime() + leaseMs)
    const kept = await sql`
      update connection_sync set ${leaseUntil} = ${until} where connection_id = ${connectionId} and ${lease} = ${by}`
      .execute(db)
      .then(({ numAffectedRows }) => numAffectedRows === 1n)
      // PostgreSQL is away for a moment; whoever stores something finds out whether the lease still holds
      .catch(() => true)
    if (!kept) lost.abort(new Error('Another process has taken over.'))
  }, leaseMs / 3)
  try {
    return await run({ connectionId, by, signal: AbortSignal.any([stopping, lost.signal]) })
  } finally {
    clearInterval(timer)
    await sql`
      update connection_sync set ${lease} = null, ${leaseUntil} = null
      where connection_id = ${connectionId} and ${lease} = ${by}`.execute(db)
  }
}
