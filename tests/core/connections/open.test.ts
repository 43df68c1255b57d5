import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ReconnectNeededError } from '#connectors/sdk/errors.ts'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { ConnectionClosedError, openConnection } from '#core/features/connections/open.ts'
import { findConnection, insertConnection, setState } from '#core/features/connections/repository.ts'
import { setClientSecret, setTokens, tokenStore } from '#core/features/connections/secrets.ts'
import { change, type Services } from '#core/services.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { SampleVendor, sampleConnector } from '#tests/support/sample-vendor.ts'

let foyer: TestFoyer
let vendor: SampleVendor
let id = ''
let services: Services
/** Another process on the same database. */
let other: Services
const signal = new AbortController().signal

beforeAll(async () => {
  vendor = await SampleVendor.start()
  foyer = await startFoyer({
    workers: false,
    connectors: [sampleConnector],
    config: { standIns: { sample: vendor.origin } },
  })
  services = foyer.app.services
  const pool = createPool(foyer.databaseUrl, 4, 'another process')
  other = { ...services, pool, db: createDb(pool) }
})
afterAll(async () => {
  await other.pool.end()
  await foyer.close()
  await vendor.stop()
})

/** A connection that is active, with fresh tokens. */
beforeEach(async () => {
  await foyer.pool.query('delete from connections')
  Object.assign(vendor, { refreshes: 0, slowMs: 0, refusesEveryToken: false, lifetimeSeconds: 3_600 })
  id = randomUUID()
  await change(services, async ({ tx, now }) => {
    await insertConnection(tx, now, {
      id,
      connector: 'sample',
      settings: { region: 'eu' },
      clientId: vendor.client.id,
      mapping: {},
      writeBack: WriteBackRules.parse({}),
    })
    await setClientSecret(services, tx, id, vendor.client.secret)
    await setTokens(services, tx, id, {
      ...vendor.grant(),
      expiresAt: new Date(now.getTime() + 3_600_000),
      replacedAt: null,
    })
    await setState(tx, id, now, { state: 'active', reason: null })
  })
})

const open = (from = services) => openConnection(from, id, { signal, priority: 'background' })
async function identify(from = services) {
  const { connector, connection } = await open(from)
  return connector.identify(connection)
}
const health = async () =>
  (await foyer.pool.query('select * from connection_health where connection_id = $1', [id])).rows[0]

test('an open connection does what its connector declares, and its health says when it last worked', async () => {
  expect(await identify()).toEqual({ id: 'account-1', name: 'Sample & Sons' })
  const { last_ok_at, failures_in_a_row } = await health()
  expect(last_ok_at).toBeInstanceOf(Date)
  expect(failures_in_a_row).toBe(0)
})

test('secrets are sealed, each in its own place, and leave neither by the row nor by an error', async () => {
  const { rows } = await foyer.pool.query('select * from connection_secrets')
  const stored = JSON.stringify(rows, (_key, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
  )
  expect(stored).not.toContain('canary')
  expect(JSON.stringify(await findConnection(services.db, id))).not.toContain('canary')
  await foyer.pool.query('update connection_secrets set access_token = refresh_token')
  await expect(tokenStore(services, id).read()).rejects.toThrow('does not open')
})

test('of many that find the token run out, in two processes, one renews it', async () => {
  vendor.expireTokens()
  vendor.slowMs = 100
  await foyer.pool.query('update connection_secrets set expires_at = $1', [foyer.clock.now()])
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, place) => identify(place % 2 ? services : other)),
  )
  expect(results.every((account) => account.id === 'account-1')).toBe(true)
  expect(vendor.refreshes).toBe(1)
})

test('of many whose token is refused, one replaces it, and the rotated refresh token is kept', async () => {
  vendor.expireTokens()
  vendor.slowMs = 50
  await Promise.all(Array.from({ length: 12 }, (_, place) => identify(place % 2 ? services : other)))
  expect(vendor.refreshes).toBe(1)
  // the next one goes by the new refresh token: the first is dead
  await foyer.pool.query('update connection_secrets set expires_at = $1', [foyer.clock.now()])
  await identify(other)
  expect(vendor.refreshes).toBe(2)
})

test('a vendor that refuses every token is asked for one new one, then the connection is broken', async () => {
  vendor.refusesEveryToken = true
  const results = await Promise.allSettled(
    Array.from({ length: 6 }, (_, place) => identify(place % 2 ? services : other)),
  )
  expect(results.every(({ status }) => status === 'rejected')).toBe(true)
  expect(vendor.refreshes).toBe(1)
  const row = await findConnection(services.db, id)
  expect(row).toMatchObject({ state: 'broken' })
  expect(row?.stateReason).toContain('refuses every access token')
  await expect(open()).rejects.toThrow(ConnectionClosedError)
})

test('a grant that was revoked breaks the connection, with a sentence that says what to do', async () => {
  vendor.revoke()
  await expect(identify()).rejects.toThrow(ReconnectNeededError)
  expect(await findConnection(services.db, id)).toMatchObject({
    state: 'broken',
    stateReason: expect.stringMatching(/revoked or has run out. Connect again\.$/),
  })
  expect(await health()).toMatchObject({
    last_failure_code: 'connector_reconnect_needed',
    failures_in_a_row: 1,
  })
})

test('what is paused or over is not opened', async () => {
  for (const state of ['paused', 'disconnected', 'connecting'] as const) {
    await setState(services.db, id, foyer.clock.now(), { state, reason: null })
    await expect(open()).rejects.toMatchObject({ code: 'connection_not_active', details: { state } })
  }
  const { connection } = await openConnection(services, id, {
    signal,
    priority: 'live',
    states: ['connecting'],
  })
  expect(connection.settings).toEqual({ region: 'eu' })
  await expect(openConnection(services, randomUUID(), { signal, priority: 'live' })).rejects.toThrow(
    'no such',
  )
})
