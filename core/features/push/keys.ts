import { sql } from 'kysely'
import webPush from 'web-push'
import { sealingOf, UnsealError } from '../../sealing.ts'
import type { Services } from '../../services.ts'

export interface PushKeys {
  /** Both in base64url. */
  publicKey: string
  privateKey: string
}

export const place = 'push key'

/** The pair by which push services know this Foyer, made the first time somebody asks. One that does not open any more
 *  (restored without its FOYER_SECRET_KEY) is replaced: devices subscribed with it are gone, and subscribe again when
 *  their inbox is opened. */
export async function readPushKeys(services: Services): Promise<PushKeys> {
  const { db, clock, log } = services
  const sealing = sealingOf(services)
  const stored = await read(services)
  if (!stored) {
    const { publicKey, privateKey } = webPush.generateVAPIDKeys()
    await sql`
      insert into push_keys (public_key, private_key, created_at)
      values (${publicKey}, ${sealing.seal(privateKey, place)}, ${clock.now()})
      on conflict (id) do nothing`.execute(db)
    return readPushKeys(services)
  }
  try {
    return { publicKey: stored.publicKey, privateKey: sealing.open(stored.privateKey, place) }
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error
    log.error('The key for notifications does not open with this FOYER_SECRET_KEY; a new one takes its place')
    await replace(services, stored.publicKey)
    return readPushKeys(services)
  }
}

/** @param broken the public half of the pair to replace, so that of two that notice at once one replaces it. */
function replace({ db, clock, config }: Services, broken: string): Promise<void> {
  const { publicKey, privateKey } = webPush.generateVAPIDKeys()
  const sealed = sealingOf({ config }).seal(privateKey, place)
  const now = clock.now()
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql`
      update push_keys set public_key = ${publicKey}, private_key = ${sealed}, created_at = ${now}
      where public_key = ${broken} returning id`.execute(tx)
    if (rows.length > 0)
      await sql`update push_subscriptions set gone_at = ${now} where gone_at is null`.execute(tx)
  })
}

async function read({ db }: Pick<Services, 'db'>) {
  const { rows } = await sql<{ publicKey: string; privateKey: Buffer }>`
    select public_key, private_key from push_keys`.execute(db)
  return rows[0]
}
