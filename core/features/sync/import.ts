import { sql } from 'kysely'
import type { PeoplePage } from '#connectors/sdk/crm.ts'
import { CursorExpiredError, RateLimitedError } from '#connectors/sdk/errors.ts'
import { soonMs } from '#connectors/sdk/retries.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { change, type Services } from '../../services.ts'
import { ConnectionClosedError, type OpenConnection, openConnection } from '../connections/open.ts'
import { tellAgentsAbout } from '../visitors/service.ts'
import { takePeople } from './changes.ts'
import type { Lease } from './lease.ts'

/** After so long another connection may have its turn. */
const turnMs = 20_000
const giveUpAfter = 20
const longestBackOffMs = 10 * 60_000
const forgottenAtOnce = 2_000

interface Progress {
  cursor: string | null
  startedAt: Date | null
}

/**
 * Reads everybody a CRM has, a page after the other, and goes on where it was: the cursor is stored in the transaction of its
 * page. The next page is asked for while one is stored, and no more than these two are in memory. When everybody was
 * read, those who were not among them are gone.
 */
export async function importPeople(services: Services, lease: Lease): Promise<void> {
  const { connectionId, signal } = lease
  try {
    const open = await openConnection(services, connectionId, { signal, priority: 'background' })
    if (await readPages(services, open, lease)) await forgetUnseen(services, open, lease)
  } catch (error) {
    await putOff(services, lease, error, signal.aborted)
  }
}

/** @returns whether that was the last page. */
async function readPages(services: Services, open: OpenConnection, lease: Lease): Promise<boolean> {
  const { connector, crm } = open
  const declared = connector.crm
  if (!declared || !crm) return false
  const types = declared.personTypes.map(({ type }) => type)
  const { cursor: from } = await begin(services, lease)
  const began = performance.now()
  const read = (cursor: string | null) => {
    const asked = {
      readAt: services.clock.now(),
      page: declared.allPeople(crm, cursor),
    }
    // whoever waits for it hears of a failure; until then it is nobody's
    asked.page.catch(() => undefined)
    return asked
  }
  let measuredAt = began
  for (let asked = read(from); ; ) {
    const page = await asked.page
    const { readAt } = asked
    const isTurnOver = performance.now() - began > turnMs
    if (page.cursor !== null && !isTurnOver) asked = read(page.cursor)
    await takePeople(services, open, page.items, readAt, async ({ tx, now }) => {
      const spentMs = Math.round(performance.now() - measuredAt)
      measuredAt = performance.now()
      await keepProgress(tx, lease, { page, kinds: kindsOf(page, types), spentMs, now })
    })
    if (page.cursor === null) return true
    if (isTurnOver) return false
  }
}

async function begin({ db, clock }: Services, { connectionId, by }: Lease): Promise<Progress> {
  const { rows } = await sql<Progress>`
    update connection_sync set import_started_at = coalesce(import_started_at, ${clock.now()}), import_finished_at = null
    where connection_id = ${connectionId} and import_lease = ${by}
    returning import_cursor as cursor, import_started_at as started_at`.execute(db)
  if (!rows[0]) throw new Error('Another process imports from this connection now.')
  return rows[0]
}

interface Kind {
  type: string
  done: number
  total: number | null
}

/** How many of each type a page brought, and how many there are. */
function kindsOf({ items, total, totals }: PeoplePage, types: string[]): Kind[] {
  const only = types.length === 1 ? total : null
  return types.map((type) => ({
    type,
    done: items.filter((person) => person.type === type).length,
    total: totals?.[type] ?? only,
  }))
}

async function keepProgress(
  tx: Tx,
  { connectionId, by }: Lease,
  { page, kinds, spentMs, now }: { page: PeoplePage; kinds: Kind[]; spentMs: number; now: Date },
): Promise<void> {
  const { numAffectedRows } = await sql`
    update connection_sync s set import_cursor = ${page.cursor}, import_done = import_done + ${page.items.length},
      import_kinds = (
        select jsonb_object_agg(k.type, jsonb_build_object(
          'done', coalesce((s.import_kinds -> k.type ->> 'done')::bigint, 0) + k.done,
          'total', coalesce(k.total, (s.import_kinds -> k.type ->> 'total')::bigint)))
        from jsonb_to_recordset(${JSON.stringify(kinds)}::jsonb) as k (type text, done bigint, total bigint)),
      import_total = coalesce(${page.total}, import_total), import_ms = import_ms + ${spentMs}, import_failures = 0,
      import_reason = null, import_due_at = ${now}
    where connection_id = ${connectionId} and import_lease = ${by} and import_state = 'running'`.execute(tx)
  if (numAffectedRows !== 1n) throw new Error('This import is not ours any more.')
}

async function forgetUnseen(
  services: Services,
  { row }: OpenConnection,
  { by, signal }: Lease,
): Promise<void> {
  const { db, clock } = services
  const { rows } = await sql<{ startedAt: Date }>`
    select import_started_at as started_at from connection_sync where connection_id = ${row.id}`.execute(db)
  const startedAt = rows[0]?.startedAt
  for (let gone = forgottenAtOnce; startedAt && gone === forgottenAtOnce; ) {
    signal.throwIfAborted()
    const { rows: forgotten } = await sql<{ emails: string[] }>`
      delete from people_mirror where ctid = any (array(
        select ctid from people_mirror where connector = ${row.connector} and read_at < ${startedAt} limit ${forgottenAtOnce}))
      returning emails`.execute(db)
    gone = forgotten.length
    const emails = forgotten.flatMap((one) => one.emails)
    if (emails.length > 0) await change(services, (change) => tellAgentsAbout(change, emails))
  }
  await sql`
    update connection_sync set import_state = 'done', import_finished_at = ${clock.now()}
    where connection_id = ${row.id} and import_lease = ${by} and import_state = 'running' and import_cursor is null`.execute(
    db,
  )
}

async function putOff(
  { db, clock, log }: Services,
  { connectionId, by }: Lease,
  error: unknown,
  isStopping: boolean,
): Promise<void> {
  // what was not stored is read again; a connection that is paused goes on when it is resumed
  if (isStopping || error instanceof ConnectionClosedError) return
  const now = clock.now()
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof CursorExpiredError) {
    await sql`
      update connection_sync set ${fromTheBeginning}, import_due_at = ${now}, import_reason = ${reason}
      where connection_id = ${connectionId} and import_lease = ${by}`.execute(db)
    return
  }
  const waitMs = error instanceof RateLimitedError ? error.retryAfterMs : null
  if (waitMs === null) log.warn({ err: error, connection: connectionId }, 'An import was interrupted')
  await sql`
    update connection_sync set
      import_failures = import_failures + ${waitMs === null ? 1 : 0}, import_reason = ${reason},
      import_state = case when import_failures + ${waitMs === null ? 1 : 0} >= ${giveUpAfter} then 'failed' else import_state end,
      import_due_at = ${now}::timestamptz + interval '1 millisecond'
        * coalesce(${waitMs}::double precision, least(${longestBackOffMs}, ${soonMs} * 2 ^ least(import_failures, 12)))
    where connection_id = ${connectionId} and import_lease = ${by} and import_state = 'running'`.execute(db)
}

const fromTheBeginning = sql`
  import_cursor = null, import_done = 0, import_kinds = '{}', import_ms = 0, import_started_at = null`

/** Where the feed's cursor is not known any more. What was read before tells nothing of what changed since, so a turn of the
 *  import that is under way is nobody's any more. */
export async function beginAnew(db: Db, connectionId: string, now: Date, reason: string): Promise<void> {
  await sql`
    update connection_sync set poll_cursor = null, poll_due_at = ${now}, ${fromTheBeginning}, import_state = 'running',
      import_finished_at = null, import_failures = 0, import_due_at = ${now}, import_reason = ${reason},
      import_lease = null, import_lease_until = null
    where connection_id = ${connectionId}`.execute(db)
}

/** Begins anew, or goes on where it failed. */
export async function restartImport(tx: Tx, connectionId: string, now: Date): Promise<void> {
  await sql`
    update connection_sync set
      import_cursor = case when import_state = 'failed' then import_cursor end,
      import_done = case when import_state = 'failed' then import_done else 0 end,
      import_kinds = case when import_state = 'failed' then import_kinds else '{}' end,
      import_ms = case when import_state = 'failed' then import_ms else 0 end,
      import_started_at = case when import_state = 'failed' then import_started_at end,
      import_state = 'running', import_failures = 0, import_reason = null, import_due_at = ${now}, import_finished_at = null
    where connection_id = ${connectionId} and import_state <> 'running'`.execute(tx)
}
