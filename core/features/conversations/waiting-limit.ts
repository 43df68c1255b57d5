import { sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { ConflictError } from '../../errors.ts'
import { isPublic } from '../../plugins/addresses.ts'

/**
 * Takes one of the places that requests of one address may wait in at the same time, so that no single one fills every
 * agent's cap. Counted in the database: any number of processes, and restarts, make no difference.
 * @param address as `countedAs` gives it. Addresses of the machine's own network are not counted: a proxy that nobody
 *   declared is one, and stands for everybody.
 * @throws {ConflictError} `too_many_waiting`
 */
export async function takePlace(
  tx: Tx,
  conversationId: string,
  address: string | null,
  limit: number,
): Promise<void> {
  if (address === null || !isPublic(address)) return
  // two that ask at once must count each other
  await sql`select pg_advisory_xact_lock(hashtextextended(${`waiting ${address}`}, 0))`.execute(tx)
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from request_addresses a join conversations c on c.id = a.conversation_id
    where a.address = ${address} and c.status = 'waiting'`.execute(tx)
  if ((rows[0]?.n ?? 0) >= limit)
    throw new ConflictError(
      'too_many_waiting',
      'Several requests from your network are waiting already. Leave a message, or try again in a few minutes.',
    )
  await sql`insert into request_addresses (conversation_id, address) values (${conversationId}, ${address})`.execute(
    tx,
  )
}
