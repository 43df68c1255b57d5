import { type RawBuilder, sql } from 'kysely'
import type { Block } from '../../contracts/blocks.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { joinKnown, knownEmail, knownField } from '../visitors/known.ts'

/** Whether nobody is to be asked for this visitor: blocked themselves, or by an address they gave or are known by. */
export async function isBlocked(db: Db | Tx, visitorId: string): Promise<boolean> {
  const { rows } = await sql`${plannedOnce}
    select from blocks b join visitors v on v.id = ${visitorId}
    where b.lifted_at is null and (b.visitor_id = v.id or b.email = v.email or b.email = ${knownEmail()})
    limit 1`.execute(db)
  return rows.length > 0
}

interface Row {
  id: string
  visitorId: string | null
  name: string | null
  email: string | null
  agentId: string
  agentName: string
  blockedAt: Date
}

/** Those in force, newest first. @param where a condition over `b` (blocks). */
export async function describeBlocks(
  db: Db | Tx,
  where: RawBuilder<unknown>,
  limit: number,
): Promise<Block[]> {
  const { rows } = await sql<Row>`
    select b.id, b.visitor_id, ${knownField('name')} as name, b.email,
           a.id as agent_id, a.name as agent_name, b.blocked_at
    from blocks b
    join agents a on a.id = b.blocked_by
    left join visitors v on v.id = b.visitor_id
    ${joinKnown}
    where b.lifted_at is null and (b.visitor_id is not null or b.email is not null) and ${where}
    order by b.blocked_at desc, b.id desc limit ${limit}`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    visitor: row.visitorId === null ? null : { id: row.visitorId, name: row.name },
    email: row.email,
    blockedBy: { id: row.agentId, name: row.agentName },
    blockedAt: row.blockedAt.toISOString(),
  }))
}

/** Blocks a visitor, or adds the address to a block that is in force. @returns its id. */
export async function put(
  tx: Tx,
  now: Date,
  block: { id: string; visitorId: string; withEmail: boolean; by: string },
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into blocks (id, visitor_id, email, blocked_by, blocked_at)
    select ${block.id}, v.id, case when ${block.withEmail}::boolean then lower(${knownEmail()}) end, ${block.by}, ${now}
    from visitors v where v.id = ${block.visitorId}
    on conflict (visitor_id) where lifted_at is null
      do update set email = coalesce(excluded.email, blocks.email)
    returning id`.execute(tx)
  return rows[0]?.id ?? block.id
}

/** @returns whether it was in force; null when there is none. */
export async function lift(tx: Tx, now: Date, id: string, by: string): Promise<boolean | null> {
  const { rows } = await sql<{ inForce: boolean }>`
    select lifted_at is null as in_force from blocks where id = ${id} for update`.execute(tx)
  if (rows[0]?.inForce)
    await sql`update blocks set lifted_by = ${by}, lifted_at = ${now} where id = ${id}`.execute(tx)
  return rows[0]?.inForce ?? null
}

/** Two visitors turn out to be one: who was blocked stays so. */
export async function moveBlocks(tx: Tx, from: string, to: string): Promise<void> {
  await sql`
    update blocks set visitor_id = ${to}
    where visitor_id = ${from} and lifted_at is null
      and not exists (select from blocks b where b.visitor_id = ${to} and b.lifted_at is null)`.execute(tx)
}
