import { sql } from 'kysely'
import { mergeAccount } from '#connectors/sdk/connect.ts'
import type { Account } from '#connectors/sdk/contract.ts'
import type { StoredTokens, TokenChange, TokenStore } from '#connectors/sdk/credentials.ts'
import type { Db, Tx } from '../../db/pool.ts'
import type { Sealing } from '../../sealing.ts'
import { sealingOf } from '../../sealing.ts'
import type { Services } from '../../services.ts'
import { findConnection, markBroken, setAccount } from './repository.ts'

interface StoredSecrets {
  clientSecret: Buffer | null
  accessToken: Buffer | null
  refreshToken: Buffer | null
  expiresAt: Date | null
  replacedAt: Date | null
}

const names = {
  clientSecret: 'client secret',
  accessToken: 'access token',
  refreshToken: 'refresh token',
} as const
type SecretName = keyof typeof names

/** Bound to its row and name: no other opens there. */
const placeOf = (id: string, name: SecretName) => `connection:${id}:${names[name]}`

/** For whoever seals anew. */
export const secretPlaces = [
  { column: 'client_secret', placeOf: (id: string) => placeOf(id, 'clientSecret') },
  { column: 'access_token', placeOf: (id: string) => placeOf(id, 'accessToken') },
  { column: 'refresh_token', placeOf: (id: string) => placeOf(id, 'refreshToken') },
]

/** What was typed as secret: of the vendor's app, or a person's password for a calendar. */
export async function setClientSecret(services: Services, tx: Tx, id: string, secret: string): Promise<void> {
  const sealed = sealingOf(services).seal(secret, placeOf(id, 'clientSecret'))
  await sql`update connection_secrets set client_secret = ${sealed} where connection_id = ${id}`.execute(tx)
}

/** Also used when an admin has connected. @param scopes as the vendor granted them, if it says so */
export async function setTokens(
  services: Services,
  tx: Tx,
  id: string,
  tokens: StoredTokens,
  scopes: string[] | null = null,
): Promise<void> {
  const sealing = sealingOf(services)
  const seal = (name: SecretName, secret: string | null) => secret && sealing.seal(secret, placeOf(id, name))
  await sql`
    update connection_secrets set
      access_token = ${seal('accessToken', tokens.accessToken)}, refresh_token = ${seal('refreshToken', tokens.refreshToken)},
      expires_at = ${tokens.expiresAt}, replaced_at = ${tokens.replacedAt}, generation = generation + 1,
      scopes = coalesce(${scopes}::text[], scopes)
    where connection_id = ${id}`.execute(tx)
}

export async function forgetSecrets(tx: Tx, id: string): Promise<void> {
  await sql`
    update connection_secrets set client_secret = null, access_token = null, refresh_token = null, expires_at = null
    where connection_id = ${id}`.execute(tx)
}

/** One renewal at a time in this process: those who wait hold no connection of the pool meanwhile. */
const renewals = new Map<string, Promise<unknown>>()

/** A connection's tokens, the same for all processes. */
export function tokenStore(services: Services, id: string): TokenStore {
  const { db } = services
  const sealing = sealingOf(services)
  return {
    read: async () => openTokens(sealing, id, await readSecrets(db, id)),
    async secret(name) {
      const { clientSecret } = await readSecrets(db, id)
      if (clientSecret) return sealing.open(clientSecret, placeOf(id, 'clientSecret'))
      if (name !== 'clientSecret') return null
      const app = await readApp(db, id)
      return app && sealing.open(app.clientSecret, placeOf(app.id, 'clientSecret'))
    },
    async exclusively(work) {
      const before = renewals.get(id) ?? Promise.resolve()
      const mine = before.then(() => renewUnderLock(services, id, work))
      const settled = mine.catch(() => undefined)
      renewals.set(id, settled)
      try {
        return await mine
      } finally {
        if (renewals.get(id) === settled) renewals.delete(id)
      }
    },
  }
}

/** The row is locked from reading the tokens until the new ones are committed: another process waits, and then reads these. */
const renewUnderLock = (
  services: Services,
  id: string,
  work: (newest: StoredTokens) => Promise<TokenChange>,
): Promise<TokenChange> =>
  services.db.transaction().execute(async (tx) => {
    const tokens = openTokens(sealingOf(services), id, await readSecrets(tx, id, { lock: true }))
    const change = await work(tokens)
    if (change.type === 'renewed') {
      await setTokens(services, tx, id, change.tokens)
      await addToAccount(tx, id, change.account)
    }
    if (change.type === 'gone') await markBroken(tx, id, services.clock.now(), change.reason)
    return change
  })

async function addToAccount(tx: Tx, id: string, said: Partial<Account>): Promise<void> {
  if (Object.keys(said).length === 0) return
  const account = mergeAccount((await findConnection(tx, id))?.account ?? null, said)
  if (account) await setAccount(tx, id, account)
}

/** Of an agent's own connection: the app's secret, which admins look after once for all. */
async function readApp(db: Db, id: string): Promise<{ id: string; clientSecret: Buffer } | null> {
  const { rows } = await sql<{ id: string; clientSecret: Buffer }>`
    select app.id, s.client_secret from connections c
    join connections app on app.connector = c.connector and app.agent_id is null and app.state <> 'disconnected'
    join connection_secrets s on s.connection_id = app.id and s.client_secret is not null
    where c.id = ${id} and c.agent_id is not null`.execute(db)
  return rows[0] ?? null
}

async function readSecrets(db: Db | Tx, id: string, { lock = false } = {}): Promise<StoredSecrets> {
  const { rows } = await sql<StoredSecrets>`
    select client_secret, access_token, refresh_token, expires_at, replaced_at
    from connection_secrets where connection_id = ${id} ${lock ? sql`for update` : sql``}`.execute(db)
  return (
    rows[0] ?? {
      clientSecret: null,
      accessToken: null,
      refreshToken: null,
      expiresAt: null,
      replacedAt: null,
    }
  )
}

function openTokens(sealing: Sealing, id: string, stored: StoredSecrets): StoredTokens {
  const open = (name: 'accessToken' | 'refreshToken') => {
    const sealed = stored[name]
    return sealed && sealing.open(sealed, placeOf(id, name))
  }
  return {
    accessToken: open('accessToken'),
    refreshToken: open('refreshToken'),
    expiresAt: stored.expiresAt,
    replacedAt: stored.replacedAt,
  }
}
