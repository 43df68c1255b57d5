import { sql } from 'kysely'
import type { ConnectionSync } from '../../contracts/sync.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { record } from '../connections/record.ts'
import { lockConnection } from '../connections/repository.ts'
import { restartImport } from './import.ts'

interface Row {
  polledAt: Date | null
  state: ConnectionSync['import']['state'] | null
  done: number | null
  total: number | null
  ms: number | null
  connector: string
  kinds: Record<string, { done: number; total: number | null }> | null
  companies: number
  owners: number
  startedAt: Date | null
  finishedAt: Date | null
  reason: string | null
  writes: Partial<ConnectionSync['writes']> | null
}

/** For the admin's page. @throws {NotFoundError} */
export async function readSync(
  { db, connectors }: Pick<Services, 'db' | 'connectors'>,
  connectionId: string,
): Promise<ConnectionSync> {
  const { rows } = await sql<Row>`
    select s.polled_at, s.import_state as state, s.import_done as done, s.import_total as total, s.import_ms as ms,
      c.connector, s.import_kinds as kinds,
      (select count(*) from companies_mirror m where m.connector = c.connector) as companies,
      (select count(*) from crm_users u where u.connector = c.connector) as owners,
      s.import_started_at as started_at, s.import_finished_at as finished_at, s.import_reason as reason,
      (select jsonb_object_agg(w.state, w.n) from (
         select state, count(*) as n from crm_writes where connection_id = c.id group by state) w) as writes
    from connections c left join connection_sync s on s.connection_id = c.id
    where c.id = ${connectionId}`.execute(db)
  const [row] = rows
  if (!row) throw new NotFoundError('connection')
  const done = row.done ?? 0
  const perMs = row.ms && done > 0 ? done / row.ms : null
  const left = row.total === null ? null : Math.max(0, row.total - done)
  const types = connectors.get(row.connector)?.crm?.personTypes ?? []
  return {
    polledAt: row.polledAt?.toISOString() ?? null,
    import: {
      state: row.state ?? 'none',
      done,
      total: row.total,
      perSecond: perMs === null ? null : perMs * 1_000,
      etaMs: row.state === 'running' && perMs !== null && left !== null ? Math.round(left / perMs) : null,
      kinds: kindsOf(row, types, row.state === 'running' ? perMs : null),
      companies: row.companies,
      owners: row.owners,
      startedAt: row.startedAt?.toISOString() ?? null,
      finishedAt: row.finishedAt?.toISOString() ?? null,
      reason: row.reason,
    },
    writes: { open: 0, written: 0, skipped: 0, failed: 0, ...row.writes },
  }
}

/** One kind is read after the other, so the later ones wait for those before. @param perMs null: nothing is being read. */
function kindsOf(
  { kinds }: Row,
  types: { type: string; label: string }[],
  perMs: number | null,
): ConnectionSync['import']['kinds'] {
  let left: number | null = 0
  return types.map(({ type, label }) => {
    const { done = 0, total = null } = kinds?.[type] ?? {}
    left = left === null || total === null ? null : left + Math.max(0, total - done)
    return {
      type,
      label,
      done,
      total,
      etaMs: perMs === null || left === null ? null : Math.round(left / perMs),
    }
  })
}

/** Reads everybody again, or goes on with what failed. @throws {NotFoundError} */
export async function startImport(
  services: Services,
  actorId: string,
  connectionId: string,
): Promise<ConnectionSync> {
  await change(services, async ({ tx, now }) => {
    const row = await lockConnection(tx, connectionId)
    if (!row || row.state === 'disconnected') throw new NotFoundError('connection')
    await restartImport(tx, connectionId, now)
    await record(tx, now, actorId, 'connection.import_started', connectionId)
  })
  return readSync(services, connectionId)
}
