import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Tx } from '../db/pool.ts'
import { ConflictError } from '../errors.ts'

/**
 * What is saved as a whole (a rule, a team, a site, a schedule) carries a version made of its content. Whoever changes it
 * says in `If-Match` which one they began from, and is refused when somebody else has saved another one since. Made of
 * the content, it needs no column, and a change that was taken back is none.
 */
export const versionOf = (content: unknown): string =>
  createHash('sha256').update(JSON.stringify(content, keysInOrder)).digest('base64url').slice(0, 22)

/** The same content in another order of keys is the same. */
const keysInOrder = (_key: string, value: unknown) =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** The version that a change may replace; undefined where the caller does not mind: no header, or `*`.
 *  RFC 9110, 13.1.1 */
export function ifMatch(header: string | undefined): string | undefined {
  const said = header?.trim()
  return !said || said === '*' ? undefined : said.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')
}

/** To be called under the lock of the change, with what it is about to replace.
 *  @param objectId by which the audit log knows who changed it last; left out where not every change is in it
 *  @param current as the answer shows it, so that a form can show it too
 *  @throws {ConflictError} `changed_meanwhile` with `current` */
export async function refuseStale(
  tx: Tx,
  expected: string | undefined,
  current: { version: string },
  { what, objectId = null, actorId }: { what: string; objectId?: string | null; actorId: string },
): Promise<void> {
  if (expected === undefined || expected === current.version) return
  const { rows } = await sql<{ name: string | null }>`
    select case when l.actor_id <> ${actorId} then a.name end as name
    from audit_log l left join agents a on a.id = l.actor_id
    where l.object_id = ${objectId} order by l.id desc limit 1`.execute(tx)
  const who = rows[0]?.name ?? 'Somebody'
  throw new ConflictError(
    'changed_meanwhile',
    `${who} has changed this ${what} since you opened it. Load it as it is now, or keep yours.`,
    { current },
  )
}
