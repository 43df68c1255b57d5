import { sql } from 'kysely'
import webPush from 'web-push'
import { OutboundRefusedError } from '#connectors/sdk/errors.ts'
import { sendPush } from '../../contracts/jobs.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type OutboundAnswer, post } from '../../outbound.ts'
import type { Services } from '../../services.ts'
import { enqueue } from '../outbox/outbox.ts'
import { readPushKeys } from './keys.ts'
import { payloadOf, type Telling, tellingOf } from './telling.ts'

const patienceMs = 10_000
/** Longer than any push service keeps what is worth showing. */
const longestReasonLength = 300

/** What is to be written down once the push service has answered; in the transaction that closes the job. */
type Afterwards = (tx: Tx) => Promise<void>

/**
 * Hands one notification to its push service, if there is still something to tell.
 * @param attempt how often this was begun, from 1.
 * @throws what may be different next time: no connection, 5xx. The caller tries again; past the notification's own end
 * there is nothing to tell any more, so that tries end with it.
 */
export async function deliver(
  services: Services,
  pushId: string,
  attempt: number,
  signal: AbortSignal,
): Promise<Afterwards> {
  const { db, clock, config } = services
  const now = clock.now()
  const telling = await tellingOf(db, now, pushId)
  // done before, or the device was removed
  if (!telling) return (tx) => finish(tx, pushId, 'outdated')
  if (!(await isWorthSending(db, telling, now)))
    return (tx) =>
      attempt > 1
        ? refused(tx, telling, 'The push service did not take it in time.')
        : finish(tx, pushId, 'outdated')

  const keys = await readPushKeys(services)
  const { headers, body } = webPush.generateRequestDetails(
    { endpoint: telling.endpoint, keys: { p256dh: telling.p256dh, auth: telling.auth } },
    JSON.stringify(payloadOf(services, telling)),
    {
      TTL: Math.max(1, Math.ceil((telling.expiresAt.getTime() - now.getTime()) / 1_000)),
      urgency: 'high',
      vapidDetails: { subject: subjectOf(config.publicUrl), ...keys },
      ...(telling.topic ? { topic: telling.topic } : {}),
    },
  )
  let answer: OutboundAnswer
  try {
    answer = await post({
      url: telling.endpoint,
      headers: headers as Record<string, string>,
      body,
      timeoutMs: patienceMs,
      signal,
      trustedOrigin: config.pushUrl,
    })
  } catch (error) {
    if (error instanceof OutboundRefusedError) return (tx) => refused(tx, telling, error.message)
    await noteReason(db, pushId, describe(error), true)
    throw error
  }
  return judge(services, telling, answer)
}

/** What each answer means: RFC 8030, 5 and 8.4; RFC 8292, 4.2. */
async function judge(services: Services, telling: Telling, answer: OutboundAnswer): Promise<Afterwards> {
  const { db, clock } = services
  const { status } = answer
  if (status >= 200 && status < 300) return (tx) => delivered(tx, telling, clock.now())
  // the browser has let go of it
  if (status === 404 || status === 410)
    return async (tx) => {
      const now = clock.now()
      await sql`update push_subscriptions set gone_at = ${now} where id = ${telling.subscriptionId}`.execute(
        tx,
      )
      await finish(tx, telling.id, 'failed', 'Notifications were turned off on this device.')
    }
  const reason = `The push service answered ${status}.`
  if (status === 429 || status >= 500) {
    const retryAt = retryAfter(answer, clock.now())
    // it says itself when: not before
    if (retryAt)
      return async (tx) => {
        await noteReason(tx, telling.id, reason)
        const { orderKey } = telling
        await enqueue(tx, clock, {
          task: sendPush,
          payload: { pushId: telling.id },
          runAt: retryAt,
          orderKey,
        })
      }
    await noteReason(db, telling.id, reason)
    throw new Error(reason)
  }
  return (tx) => refused(tx, telling, reason)
}

/** A notification is taken away only where one may have been handed over. */
async function isWorthSending(db: Db, telling: Telling, now: Date): Promise<boolean> {
  if (telling.goneAt || telling.expiresAt <= now) return false
  if (telling.kind !== 'close') return telling.holds
  const { rows } = await sql`
    select from pushes where offer_id = ${telling.offerId} and subscription_id = ${telling.subscriptionId}
      and kind = 'offer' and (state = 'delivered' or uncertain) and clicked_at is null`.execute(db)
  return rows.length > 0
}

async function delivered(tx: Tx, { id, subscriptionId }: Telling, now: Date): Promise<void> {
  await sql`
    with push as (
      update pushes set state = 'delivered', delivered_at = ${now}, failed_because = null where id = ${id} and state = 'waiting'
    )
    update push_subscriptions set delivered_at = ${now}, failures = 0, failed_because = null
    where id = ${subscriptionId}`.execute(tx)
}

/** Counted by device: one that keeps failing is no way to reach its agent. */
async function refused(tx: Tx, { id, subscriptionId }: Telling, reason: string): Promise<void> {
  await finish(tx, id, 'failed', reason)
  await sql`
    update push_subscriptions set failures = failures + 1, failed_because = ${reason}
    where id = ${subscriptionId}`.execute(tx)
}

async function noteReason(db: Db | Tx, id: string, reason: string, uncertain = false): Promise<void> {
  await sql`
    update pushes set failed_because = ${reason}, uncertain = uncertain or ${uncertain} where id = ${id}`.execute(
    db,
  )
}

export async function finish(
  tx: Tx,
  id: string,
  state: 'failed' | 'outdated',
  reason: string | null = null,
): Promise<void> {
  await sql`
    update pushes set state = ${state}, failed_because = coalesce(failed_because, ${reason})
    where id = ${id} and state = 'waiting'`.execute(tx)
}

/** Whom a push service may turn to: RFC 8292, 2.1. */
const subjectOf = (publicUrl: string | null) =>
  publicUrl?.startsWith('https:') ? publicUrl : 'mailto:foyer@localhost'

/** Seconds, or a date: RFC 9110, 10.2.3. @returns null if it does not say. */
function retryAfter({ headers }: OutboundAnswer, now: Date): Date | null {
  const said = [headers['retry-after']].flat()[0]
  if (!said) return null
  const seconds = /^\d{1,6}$/.test(said.trim()) ? Number(said) : (Date.parse(said) - now.getTime()) / 1_000
  return Number.isFinite(seconds) ? new Date(now.getTime() + Math.max(1, seconds) * 1_000) : null
}

const describe = (error: unknown) =>
  (error instanceof Error ? error.message || error.name : String(error)).slice(0, longestReasonLength)
