import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { RateLimitedError } from '#connectors/sdk/errors.ts'
import type { RateLimit } from '#connectors/sdk/http.ts'
import { type Turns, TurnTooLateError } from '#connectors/sdk/turns.ts'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { noteFailure } from '#core/features/connections/health.ts'
import { insertConnection } from '#core/features/connections/repository.ts'
import { sharedTurns } from '#core/features/connections/turns.ts'
import { change, type Services } from '#core/services.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { sampleConnector } from '#tests/support/sample-vendor.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let services: Services
let other: Services
let id = ''
const signal = new AbortController().signal

beforeAll(async () => {
  foyer = await startFoyer({ workers: false, connectors: [sampleConnector] })
  services = foyer.app.services
  const pool = createPool(foyer.databaseUrl, 4, 'another process')
  other = { ...services, pool, db: createDb(pool) }
})
afterAll(async () => {
  await other.pool.end()
  await foyer.close()
})
beforeEach(async () => {
  await foyer.pool.query('delete from connections')
  id = randomUUID()
  await change(services, ({ tx, now }) =>
    insertConnection(tx, now, {
      id,
      connector: 'sample',
      settings: {},
      clientId: null,
      mapping: {},
      writeBack: WriteBackRules.parse({}),
    }),
  )
})

const turnsOf = (limits: Record<string, RateLimit>, from = services): Turns =>
  sharedTurns(from, id, { ...sampleConnector, limits })

/** What a vendor with this limit counts: the most in any stretch that begins with a request. */
function mostInAnyStretch(instants: number[], perMs: number): number {
  const sorted = instants.toSorted((a, b) => a - b)
  return Math.max(
    0,
    ...sorted.map((start) => sorted.filter((at) => at >= start && at < start + perMs).length),
  )
}

test('two processes together stay within a limit in any stretch of time, and use it', async () => {
  const limits = { calls: { requests: 40, perMs: 1_000, reserve: 0.1 } }
  const instants: number[] = []
  const startedAt = performance.now()
  const run = async (turns: Turns) => {
    for (let count = 0; count < 12; count++) {
      const done = await turns.take(['calls'], 'background', signal)
      instants.push(performance.now())
      done()
    }
  }
  await Promise.all(
    Array.from({ length: 10 }, (_, place) => run(turnsOf(limits, place % 2 ? services : other))),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  // a turn is noted when this process gets round to it: on a crowded machine up to a tenth of the stretch late
  expect(mostInAnyStretch(instants, 900)).toBeLessThanOrEqual(40)
  // 36 a second from the first instant on are 3.0 s; a slice of a fortieth is lost each time
  expect(seconds).toBeGreaterThan(2.9)
  expect(seconds).toBeLessThan(5)
})

test('background work leaves the reserve to live chats, and is told when its turn would come', async () => {
  const limits = { calls: { requests: 10, perMs: 60_000, reserve: 0.3 } }
  const turns = turnsOf(limits)
  for (let count = 0; count < 7; count++) await turns.take(['calls'], 'background', signal)
  const late = await turns.take(['calls'], 'background', signal).catch((error) => error)
  expect(late).toBeInstanceOf(TurnTooLateError)
  expect(late.retryAfterMs).toBeGreaterThan(55_000)
  expect(late.retryAfterMs).toBeLessThan(62_000)
  for (let count = 0; count < 3; count++) await turns.take(['calls'], 'live', signal)
  await expect(turns.take(['calls'], 'live', signal)).rejects.toThrow(TurnTooLateError)
  foyer.clock.advance(62_000)
  await turns.take(['calls'], 'background', signal)
})

test('a request under two limits takes from both or from neither', async () => {
  const limits = {
    second: { requests: 5, perMs: 60_000, reserve: 0 },
    day: { requests: 3, perMs: 86_400_000, reserve: 0 },
  }
  const turns = turnsOf(limits)
  for (let count = 0; count < 3; count++) await turns.take(['day', 'second'], 'live', signal)
  await expect(turns.take(['second', 'day'], 'live', signal)).rejects.toThrow(TurnTooLateError)
  const { rows } = await foyer.pool.query(
    'select name, (select sum(one) from unnest(taken) as one)::int as taken from connection_limits order by name',
  )
  expect(rows).toEqual([
    { name: 'day', taken: 3 },
    { name: 'second', taken: 3 },
  ])
  await expect(turns.take(['no such limit'], 'live', signal)).rejects.toThrow('declares no limit')
})

test('what the vendor says of a limit counts: how much there is, and what others use', async () => {
  const turns = turnsOf({ day: { requests: 1_000, perMs: 86_400_000, reserve: 0 } })
  await turns.take(['day'], 'live', signal)
  turns.report({ limit: 'day', used: 98, allowed: 100 })
  await waitFor('the report is written down', async () => {
    const { rows } = await foyer.pool.query('select others from connection_limits')
    return rows[0]?.others === 97
  })
  // one of ours and 97 of others
  await turns.take(['day'], 'live', signal)
  await turns.take(['day'], 'live', signal)
  const late = await turns.take(['day'], 'live', signal).catch((error) => error)
  expect(late).toBeInstanceOf(TurnTooLateError)
  // not until the first of ours leaves the day
  expect(late.retryAfterMs).toBeLessThanOrEqual(600_000)
  // what others used stays used, and one request in ten minutes asks whether they go on
  for (let times = 0; times < 2; times++) {
    foyer.clock.advance(601_000)
    await turns.take(['day'], 'live', signal)
    await expect(turns.take(['day'], 'live', signal)).rejects.toThrow(TurnTooLateError)
  }
  turns.report({ limit: 'day', used: 5, allowed: 100 })
  await waitFor('the report is written down', async () => {
    const { rows } = await foyer.pool.query('select others from connection_limits')
    return rows[0]?.others === 0
  })
  for (let count = 0; count < 10; count++) await turns.take(['day'], 'live', signal)
})

test('in a short stretch others’ use is over with it', async () => {
  const turns = turnsOf({ calls: { requests: 100, perMs: 10_000, reserve: 0 } })
  await turns.take(['calls'], 'live', signal)
  turns.report({ limit: 'calls', used: 100, allowed: 100 })
  await waitFor('the report is written down', async () => {
    const { rows } = await foyer.pool.query('select others from connection_limits')
    return rows[0]?.others === 99
  })
  await expect(turns.take(['calls'], 'live', signal)).rejects.toThrow(TurnTooLateError)
  foyer.clock.advance(10_251)
  for (let count = 0; count < 50; count++) await turns.take(['calls'], 'live', signal)
})

test('a connection that was asked to rest sends nothing until then', async () => {
  const limits = { calls: { requests: 10, perMs: 1_000, reserve: 0 } }
  await noteFailure(services, id, new RateLimitedError('The day’s calls are used up.', 3_600_000, 'DAILY'))
  const refused = await turnsOf(limits, other)
    .take(['calls'], 'live', signal)
    .catch((error) => error)
  expect(refused).toBeInstanceOf(RateLimitedError)
  expect(refused.message).toBe('The day’s calls are used up.')
  expect(refused.retryAfterMs).toBeGreaterThan(3_590_000)
  // being refused for that reason does not make the rest longer
  await noteFailure(services, id, refused)
  foyer.clock.advance(3_601_000)
  await turnsOf(limits).take(['calls'], 'live', signal)
})

test('no more are under way at once than the vendor takes, and background work leaves some of them free', async () => {
  const turns = turnsOf({ calls: { requests: 1_000, perMs: 1_000, reserve: 0.5, concurrent: 4 } })
  const background = [
    await turns.take(['calls'], 'background', signal),
    await turns.take(['calls'], 'background', signal),
  ]
  let third = false
  const waiting = turns.take(['calls'], 'background', signal).then(() => {
    third = true
  })
  const live = [await turns.take(['calls'], 'live', signal), await turns.take(['calls'], 'live', signal)]
  const gone = new AbortController()
  const given = turns.take(['calls'], 'live', gone.signal)
  gone.abort(new Error('The agent went on'))
  await expect(given).rejects.toThrow('The agent went on')
  for (const done of live) done()
  await turns.take(['calls'], 'live', signal).then((done) => done())
  expect(third).toBe(false)
  for (const done of background) done()
  await waiting
})
