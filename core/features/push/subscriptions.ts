import { createECDH, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { whyNotOutbound } from '#connectors/sdk/addresses.ts'
import type { PushDevice, SavePushSubscription } from '../../contracts/push.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'

/** A browser makes a new one now and then; nobody has as many devices. */
const mostDevices = 20

interface Row {
  id: string
  device: string
  createdAt: Date
  seenAt: Date
  deliveredAt: Date | null
  shownAt: Date | null
  clickedAt: Date | null
  failures: number
  failedBecause: string | null
}

const columns = sql`id, device, created_at, seen_at, delivered_at, shown_at, clicked_at, failures, failed_because`

/** This browser takes notifications for the agent who is signed in there now, whoever was before.
 *  @throws {InvalidInputError} keys that are none, or an address that may not be called
 *  @throws {ConflictError} `subscription_gone`: its push service does not know it any more, the browser needs another */
export async function saveSubscription(
  { db, clock, config }: Services,
  agent: { id: string; sessionHash: Buffer },
  device: string,
  { endpoint, keys }: SavePushSubscription,
): Promise<PushDevice> {
  const why = whyNotOutbound(endpoint, config.pushUrl)
  if (why) throw new InvalidInputError(why, [{ field: 'endpoint', message: why }])
  refuseBadKeys(keys)
  const now = clock.now()
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<Row & { goneAt: Date | null }>`
      insert into push_subscriptions (id, agent_id, endpoint, p256dh, auth, device, session_hash, created_at, seen_at)
      values (${randomUUID()}, ${agent.id}, ${endpoint}, ${keys.p256dh}, ${keys.auth}, ${device}, ${agent.sessionHash},
              ${now}, ${now})
      on conflict (endpoint) do update set
        agent_id = excluded.agent_id, p256dh = excluded.p256dh, auth = excluded.auth, device = excluded.device,
        session_hash = excluded.session_hash, seen_at = excluded.seen_at, failures = 0
      returning ${columns}, gone_at`.execute(tx)
    const row = rows[0]
    if (!row || row.goneAt !== null)
      throw new ConflictError('subscription_gone', 'This browser needs a new subscription.')
    await sql`
      delete from push_subscriptions where id in (
        select id from push_subscriptions where agent_id = ${agent.id} order by seen_at desc, id offset ${mostDevices})`.execute(
      tx,
    )
    return toDevice(row)
  })
}

/** The agent's devices that take notifications, the one used last first. */
export async function listDevices(db: Db, agentId: string): Promise<PushDevice[]> {
  const { rows } = await sql<Row>`
    select ${columns} from push_subscriptions where agent_id = ${agentId} and gone_at is null
    order by seen_at desc, id`.execute(db)
  return rows.map(toDevice)
}

/** @throws {NotFoundError} also when it is somebody else's */
export async function removeDevice(tx: Tx, agentId: string, id: string): Promise<void> {
  const { rows } = await sql`
    delete from push_subscriptions where id = ${id} and agent_id = ${agentId} returning id`.execute(tx)
  if (rows.length === 0) throw new NotFoundError('device')
}

/** Library and push service would choke on keys that are none, at a moment when nobody is there to be told. */
function refuseBadKeys({ p256dh, auth }: SavePushSubscription['keys']): void {
  const refuse = (field: string) => {
    const message = 'This is not a key of a push subscription.'
    throw new InvalidInputError(message, [{ field, message }])
  }
  if (Buffer.from(auth, 'base64url').length !== 16) refuse('keys.auth')
  try {
    const point = Buffer.from(p256dh, 'base64url')
    if (point.length !== 65) refuse('keys.p256dh')
    const own = createECDH('prime256v1')
    own.generateKeys()
    own.computeSecret(point)
  } catch {
    refuse('keys.p256dh')
  }
}

const toDevice = ({ createdAt, seenAt, deliveredAt, shownAt, clickedAt, ...row }: Row): PushDevice => ({
  id: row.id,
  device: row.device,
  createdAt: createdAt.toISOString(),
  seenAt: seenAt.toISOString(),
  deliveredAt: deliveredAt?.toISOString() ?? null,
  shownAt: shownAt?.toISOString() ?? null,
  clickedAt: clickedAt?.toISOString() ?? null,
  failures: row.failures,
  failedBecause: row.failedBecause,
})
