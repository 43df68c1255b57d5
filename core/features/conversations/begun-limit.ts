import { sql } from 'kysely'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import { RateLimitedError } from '../../errors.ts'
import { isPublic } from '../../plugins/addresses.ts'
import { sealingOf } from '../../sealing.ts'
import type { Change, Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'

/** Far more than anybody means: each of them rings an agent or stands in the list of missed chats. */
const mostADayOfVisitor = 50

/**
 * Counts a conversation that is about to be begun, in the 24 hours before: of its visitor, and of the network it comes from, where
 * the same person may come as somebody new each time. Call under the visitor's lock.
 * @param address as `countedAs` gives it; a network of one's own is not counted, as with requests that wait
 * @throws {RateLimitedError}
 */
export async function countBegun(
  services: Pick<Services, 'config' | 'settings'>,
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  visitorId: string,
  address: string | null,
): Promise<void> {
  const dayAgo = new Date(now.getTime() - dayMs)
  const waitMs = (earliest: Date) => earliest.getTime() - dayAgo.getTime()
  const visitor = await earliestOfVisitor(tx, visitorId, dayAgo)
  if (visitor)
    throw new RateLimitedError('These were many chats for one day. Try again tomorrow.', waitMs(visitor))
  if (address === null || !isPublic(address)) return
  const network = await takeChatTurn(services, { tx, now }, address, dayAgo)
  if (network)
    throw new RateLimitedError(
      'Many chats were begun from your network today. Try again tomorrow.',
      waitMs(network),
    )
}

async function earliestOfVisitor(tx: Tx, visitorId: string, dayAgo: Date): Promise<Date | undefined> {
  const { rows } = await sql<{ earliest: Date }>`${plannedOnce}
    select requested_at as earliest from conversations
    where visitor_id = ${visitorId} and requested_at > ${dayAgo}
    order by requested_at desc offset ${mostADayOfVisitor - 1} limit 1`.execute(tx)
  return rows[0]?.earliest
}

/** @returns when the oldest that counts was begun, if there is no turn left. */
async function takeChatTurn(
  services: Pick<Services, 'config' | 'settings'>,
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  address: string,
  dayAgo: Date,
): Promise<Date | undefined> {
  const key = sealingOf(services).tokenFor('chats begun from', address)
  // two that begin at once must count each other
  await sql`select pg_advisory_xact_lock(hashtextextended(${`begun ${address}`}, 0))`.execute(tx)
  const { rows } = await sql<{ at: Date }>`${plannedOnce}
    with used_up as (
      select at from chat_turns where key = ${key} and at > ${dayAgo}
      order by at desc offset ${services.settings.limits.addressConversations - 1} limit 1
    ), taken as (
      insert into chat_turns (key, at) select ${key}, ${now}::timestamptz where not exists (select from used_up)
    )
    select at from used_up`.execute(tx)
  return rows[0]?.at
}
