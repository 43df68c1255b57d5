import { sql } from 'kysely'
import type { CannedReply, SaveCannedReply } from '../../contracts/canned-replies.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { versionOf } from '../content-version.ts'

const columns = sql`id, agent_id is null as shared, shortcut, text`

type ReplyRow = Omit<CannedReply, 'version'>

export const describe = (row: ReplyRow): CannedReply => ({
  ...row,
  version: versionOf([row.shared, row.shortcut, row.text]),
})

/** An agent's own and everybody's, by shortcut; of two alike one's own comes first. */
export async function listFor(db: Db | Tx, agentId: string): Promise<CannedReply[]> {
  const { rows } = await sql<ReplyRow>`
    select ${columns} from canned_replies where agent_id = ${agentId} or agent_id is null
    order by shortcut, agent_id is null, id`.execute(db)
  return rows.map(describe)
}

/** One of the agent's own, or everybody's; locked. */
export async function find(tx: Tx, agentId: string, id: string): Promise<CannedReply | null> {
  const { rows } = await sql<ReplyRow>`
    select ${columns} from canned_replies
    where id = ${id} and (agent_id = ${agentId} or agent_id is null) for update`.execute(tx)
  return rows[0] ? describe(rows[0]) : null
}

/** How many there are: the agent's own, or everybody's. Whoever counts to add one waits for whoever does the same. */
export async function countLocked(tx: Tx, owner: string | null): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`canned replies ${owner ?? ''}`}, 0))`.execute(tx)
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from canned_replies where agent_id is not distinct from ${owner}::uuid`.execute(tx)
  return rows[0]?.n ?? 0
}

/** Adds it, or changes the one with this id. @returns false when the owner has another one with this shortcut. */
export async function save(
  tx: Tx,
  now: Date,
  id: string,
  owner: string | null,
  { shortcut, text }: SaveCannedReply,
): Promise<boolean> {
  const { rows } = await sql`
    insert into canned_replies (id, agent_id, shortcut, text, changed_at)
    select ${id}, ${owner}::uuid, ${shortcut}, ${text}, ${now}
    where not exists (
      select from canned_replies
      where agent_id is not distinct from ${owner}::uuid and shortcut = ${shortcut} and id <> ${id})
    on conflict (id) do update set agent_id = excluded.agent_id, shortcut = excluded.shortcut, text = excluded.text,
      changed_at = excluded.changed_at
    returning id`.execute(tx)
  return rows.length > 0
}

export async function remove(tx: Tx, id: string): Promise<void> {
  await sql`delete from canned_replies where id = ${id}`.execute(tx)
}
