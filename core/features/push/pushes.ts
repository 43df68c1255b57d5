import { randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Clock } from '../../clock.ts'
import { sendPush } from '../../contracts/jobs.ts'
import type { Push } from '../../contracts/push.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError, RateLimitedError } from '../../errors.ts'
import { isSeen } from '../../realtime/presence-sql.ts'
import type { Change, Services } from '../../services.ts'
import { enqueue } from '../outbox/outbox.ts'

/**
 * Notifications are made as rows, one a device, in the transaction of what they tell, or by the sweep; a job each hands
 * them to the push service. Those of one offer and device keep their order, so that the one that takes a notification
 * away never overtakes the one that shows it.
 */
interface Made {
  id: string
  orderKey: string
}

const tellableMs = 600_000
/** A page that reloads is gone for a moment. */
const reloadMs = 5_000
const testMs = 60_000
const testsAMinute = 6
/** For a device that is in reach now: what it has shown must go. */
const closeMs = 300_000

/** Tells of an offer that the change has just made, on the devices of an agent who does not see an inbox. */
export async function pushOffer(
  services: Services,
  change: Change,
  offer: { id: string; agentId: string },
): Promise<void> {
  const { tx, now } = change
  const { rows } = await insertForOffers(
    tx,
    now,
    sql`o.id = ${offer.id} and s.agent_id = ${offer.agentId} and not ${isSeen(sql`s.agent_id`, now, 0)}`,
  )
  if (rows.length === 0) return
  await promise(tx, services.clock, rows)
  change.after(services.wakeJobs)
}

/** The offer is over: takes away what was shown of it. Not where it was clicked: there it went by itself. */
export async function closePushed({ tx, now }: Pick<Change, 'tx' | 'now'>, offerId: string): Promise<void> {
  const { rows } = await sql<Made>`
    insert into pushes (id, subscription_id, agent_id, device, kind, offer_id, conversation_id, created_at, expires_at)
    select gen_random_uuid(), s.id, p.agent_id, p.device, 'close', p.offer_id, p.conversation_id, ${now},
           ${new Date(now.getTime() + closeMs)}
    from pushes p join push_subscriptions s on s.id = p.subscription_id
    where p.offer_id = ${offerId} and p.kind = 'offer' and p.state <> 'outdated' and p.clicked_at is null
      and s.gone_at is null
    returning id, offer_id || ' ' || subscription_id as order_key`.execute(tx)
  await promise(tx, { now: () => now }, rows)
}

/** What agents with no inbox in view have not been told on their devices: offers that still wait, and active chats with
 *  a visitor's message nobody has read, once each until it is read. Looked for every second by one worker; it also finds
 *  the offer whose agent turned away after it came. */
export async function sweepPushes(services: Services): Promise<void> {
  const { db, clock } = services
  const now = clock.now()
  const made = await db.transaction().execute(async (tx) => {
    const unseen = sql`not ${isSeen(sql`s.agent_id`, now, reloadMs)}`
    const offers = await insertForOffers(tx, now, unseen)
    const messages = await sql<Made>`${plannedOnce}
      insert into pushes (id, subscription_id, agent_id, device, kind, conversation_id, seq, created_at, expires_at)
      select gen_random_uuid(), s.id, s.agent_id, s.device, 'message', c.id, c.last_seq, ${now},
             coalesce(c.idle_at, ${new Date(now.getTime() + tellableMs)})
      from push_subscriptions s
      join agents a on a.id = s.agent_id and a.active
      join conversations c on c.agent_id = s.agent_id and c.status = 'active'
      where s.gone_at is null and ${unseen} and ${hasUnread(sql`c`)}
        and not exists (
          select from pushes p
          where p.conversation_id = c.id and p.subscription_id = s.id and p.kind = 'message' and p.seq > c.agent_read_seq)
      on conflict do nothing
      returning id, conversation_id || ' ' || subscription_id as order_key`.execute(tx)
    const all = [...offers.rows, ...messages.rows]
    await promise(tx, clock, all)
    return all.length
  })
  if (made > 0) services.wakeJobs()
}

/** Agents with chats and no inbox connected for `agentGonePushMs` are told so, once each time they are gone.
 *  @returns whether anybody is told */
export async function pushGone(
  services: Services,
  { tx, now }: Pick<Change, 'tx' | 'now'>,
): Promise<boolean> {
  const { rows } = await sql<Made>`${plannedOnce}
    insert into pushes (id, subscription_id, agent_id, device, kind, gone_since, created_at, expires_at)
    select gen_random_uuid(), s.id, s.agent_id, s.device, 'gone', a.gone_since, ${now}, ${new Date(now.getTime() + tellableMs)}
    from agents a join push_subscriptions s on s.agent_id = a.id
    where a.active and a.gone_since <= ${new Date(now.getTime() - services.settings.agentGonePushMs)} and s.gone_at is null
      and exists (select from conversations c where c.agent_id = a.id and c.status = 'active')
    on conflict do nothing
    returning id, 'gone ' || subscription_id as order_key`.execute(tx)
  await promise(tx, services.clock, rows)
  return rows.length > 0
}

/** "Send me a test". @throws {NotFoundError} not a device of this agent @throws {RateLimitedError} */
export async function pushTest(
  services: Services,
  { tx, now, after }: Change,
  agentId: string,
  subscriptionId: string,
): Promise<Push> {
  const { rows: lately } = await sql<{ n: number }>`
    select count(*) as n from pushes p
    where p.subscription_id = ${subscriptionId} and p.kind = 'test' and p.created_at > ${new Date(now.getTime() - testMs)}`.execute(
    tx,
  )
  if ((lately[0]?.n ?? 0) >= testsAMinute)
    throw new RateLimitedError('That was often enough for a minute. Try again in a moment.', testMs)
  const { rows } = await sql<PushRow>`
    insert into pushes as p (id, subscription_id, agent_id, device, kind, created_at, expires_at)
    select ${randomUUID()}, s.id, s.agent_id, s.device, 'test', ${now}, ${new Date(now.getTime() + testMs)}
    from push_subscriptions s where s.id = ${subscriptionId} and s.agent_id = ${agentId} and s.gone_at is null
    returning ${columns}`.execute(tx)
  const row = rows[0]
  if (!row) throw new NotFoundError('device')
  await promise(tx, services.clock, [{ id: row.id, orderKey: `test ${subscriptionId}` }])
  after(services.wakeJobs)
  return toPush(row)
}

/** How each device of those asked was told, by offer: for the decision trace.
 *  @returns nothing for offers that were not pushed to any. */
export async function pushesOfOffers(db: Db | Tx, offerIds: string[]): Promise<Map<string, Push[]>> {
  const { rows } = await sql<PushRow & { offerId: string }>`
    select ${columns}, p.offer_id from pushes p
    where p.offer_id = any (${offerIds}::uuid[]) and p.kind = 'offer' order by p.created_at, p.id`.execute(db)
  const byOffer = new Map<string, Push[]>()
  for (const row of rows) {
    const pushes = byOffer.get(row.offerId)
    if (pushes) pushes.push(toPush(row))
    else byOffer.set(row.offerId, [toPush(row)])
  }
  return byOffer
}

/** Whether a visitor's message in it has not been read by its agent. @param c the conversations row */
export const hasUnread = (c: RawBuilder<unknown>): RawBuilder<boolean> => sql<boolean>`exists (
  select from entries e
  where e.conversation_id = ${c}.id and e.seq > ${c}.agent_read_seq and e.sender_type = 'visitor'
    and e.kind in ('message', 'file'))`

/** @param which a condition over `o` (offers) and `s` (push_subscriptions of its agent). */
function insertForOffers(tx: Tx, now: Date, which: RawBuilder<unknown>) {
  return sql<Made>`${plannedOnce}
    insert into pushes (id, subscription_id, agent_id, device, kind, offer_id, conversation_id, created_at, expires_at)
    select gen_random_uuid(), s.id, s.agent_id, s.device, 'offer', o.id, o.conversation_id, ${now}, o.expires_at
    from push_subscriptions s
    join offers o on o.agent_id = s.agent_id and o.state = 'pending' and o.expires_at > ${now}
    where s.gone_at is null and ${which}
      and not exists (
        select from pushes p where p.offer_id = o.id and p.subscription_id = s.id and p.kind = 'offer')
    on conflict do nothing
    returning id, offer_id || ' ' || subscription_id as order_key`.execute(tx)
}

async function promise(tx: Tx, clock: Clock, made: Made[]): Promise<void> {
  for (const { id, orderKey } of made)
    await enqueue(tx, clock, { task: sendPush, payload: { pushId: id }, orderKey: `push ${orderKey}` })
}

interface PushRow {
  id: string
  device: string
  state: Push['state']
  failedBecause: string | null
  createdAt: Date
  deliveredAt: Date | null
  shownAt: Date | null
  clickedAt: Date | null
}
const columns = sql`p.id, p.device, p.state, p.failed_because, p.created_at, p.delivered_at, p.shown_at, p.clicked_at`

const toPush = ({ createdAt, deliveredAt, shownAt, clickedAt, ...row }: PushRow): Push => ({
  id: row.id,
  device: row.device,
  state: row.state,
  failedBecause: row.failedBecause,
  sentAt: createdAt.toISOString(),
  deliveredAt: deliveredAt?.toISOString() ?? null,
  shownAt: shownAt?.toISOString() ?? null,
  clickedAt: clickedAt?.toISOString() ?? null,
})
