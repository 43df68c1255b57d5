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

/** What is changed, by whom now, and how it is known who did it last. */
type Changed = { what: string; actorId: string } & (
  | /** It says so itself; null where that is from before it did. */ { changedBy: string | null }
  | /** Each of its changes is in the audit log, by this id. */ { objectId: string }
)

/** To be called under the lock of the change, with what it is about to replace.
 *  @param current as the answer shows it, so that a form can show it too
 *  @throws {ConflictError} `changed_meanwhile` with `current` */
export async function refuseStale(
  tx: Tx,
  expected: string | undefined,
  current: { version: string },
  changed: Changed,
): Promise<void> {
  if (expected === undefined || expected === current.version) return
  throw new ConflictError('changed_meanwhile', await changedMeanwhile(tx, changed), { current })
}

/** In words, with a name where one is known. */
export async function changedMeanwhile(tx: Tx, { what, actorId, ...known }: Changed): Promise<string> {
  const choice = 'since you opened it. Load it as it is now, or keep yours.'
  if ('changedBy' in known && known.changedBy === actorId)
    return `You have changed this ${what} in another window ${choice}`
  // what stands last in the log may be another kind of change, so one's own there says nothing of whose this is
  const agentId =
    'changedBy' in known
      ? sql`${known.changedBy}::uuid`
      : sql`(select actor_id from audit_log where object_id = ${known.objectId} order by id desc limit 1)`
  const { rows } = await sql<{ name: string }>`
    select name from agents where id = ${agentId} and id <> ${actorId}`.execute(tx)
  return `${rows[0]?.name ?? 'Somebody'} has changed this ${what} ${choice}`
}
