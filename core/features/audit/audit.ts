import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import type { AuditPage } from '../../contracts/agents.ts'
import { readPlace, writePlace } from '../../db/cursor.ts'
import type { Db, Tx } from '../../db/pool.ts'

/** What somebody did, for those who answer for it later. Names what was touched, never what it holds: an erasure
 *  must not be undone by the log of an edit. */
export interface AuditRecord {
  now: Date
  /** Null when Foyer did it by itself. */
  actorId: string | null
  /** Past tense, such as `agent.deactivated`. */
  action: string
  objectType?: string
  objectId?: string
  detail?: Record<string, unknown>
}

/** Written in the transaction of the deed: neither is there without the other. */
export async function audit(tx: Tx, record: AuditRecord): Promise<void> {
  const { now, actorId, action, objectType, objectId, detail } = record
  await sql`
    insert into audit_log (at, actor_id, action, object_type, object_id, detail)
    values (${now}, ${actorId}, ${action}, ${objectType ?? null}, ${objectId ?? null},
            ${detail ? JSON.stringify(detail) : null}::jsonb)`.execute(tx)
}

const pageSize = 100
const Place = z.tuple([z.int().positive()])

/** Newest first. @throws {InvalidInputError} for a cursor that is none */
export async function listAudit(db: Db, cursor?: string): Promise<z.infer<typeof AuditPage>> {
  const [before] = cursor === undefined ? [null] : readPlace(Place, cursor)
  const { rows } = await sql<{
    id: number
    at: Date
    actor: string | null
    action: string
    object: string | null
    detail: unknown
  }>`
    select l.id, l.at, a.name as actor, l.action, ${objectName()} as object, l.detail
    from audit_log l left join agents a on a.id = l.actor_id
    where ${before}::bigint is null or l.id < ${before}::bigint
    order by l.id desc limit ${pageSize + 1}`.execute(db)
  const page = rows.slice(0, pageSize)
  const last = page.at(-1)
  return {
    entries: page.map(({ id, at, ...entry }) => ({ ...entry, at: at.toISOString() })),
    nextCursor: rows.length > pageSize && last ? writePlace(last.id) : null,
  }
}

/** Objects by the name they have now; by their id where they have none, or are gone. */
function objectName(): RawBuilder<string | null> {
  return sql<string | null>`coalesce(
    case l.object_type
      when 'agent' then (select o.name from agents o where o.id::text = l.object_id)
      when 'site' then (select o.name from sites o where o.id::text = l.object_id)
      when 'connection' then (select o.connector from connections o where o.id::text = l.object_id)
      when 'routing_rule' then (select o.name from routing_rules o where o.id::text = l.object_id)
    end, l.object_id)`
}
