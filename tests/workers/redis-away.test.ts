import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { patienceMs } from '#tests/support/patience.ts'
import { startRedis, type TestRedis } from './support/redis.ts'
import { World } from './support/world.ts'

let database: ScratchDatabase
let redis: TestRedis
let world: World

beforeAll(async () => {
  ;[database, redis] = await Promise.all([scratchDatabase(), startRedis()])
  world = new World(database.url, { redisUrl: redis.url })
  await world.prepare()
})
afterEach(async () => {
  await redis.restart()
  await world.clear()
})
afterAll(async () => {
  await world.close()
  await redis.stop()
  await database.drop()
})

const soon = { timeout: patienceMs, interval: 30 }

test('a Redis restarted empty costs nothing, and the loss is noticed at once', async () => {
  // looking for lost jobs one by one would take a minute
  await world.start({}, { lostAfterMs: 60_000 })
  await world.order('before', { runAt: new Date(Date.now() + 4_000) })
  await expect.poll(() => world.queue.counts(), soon).toMatchObject({ delayed: 1 })
  await redis.restart()
  await world.order('after')
  await expect.poll(() => world.keys(), soon).toEqual(expect.arrayContaining(['before', 'after']))
  expect(await world.keys()).toHaveLength(2)
})

test('a Redis gone for good keeps nobody from stopping', async () => {
  const workers = await world.start()
  await world.order('done before')
  await expect.poll(() => world.keys(), soon).toEqual(['done before'])
  await redis.stop()
  const stopping = performance.now()
  await workers.stop()
  expect(performance.now() - stopping).toBeLessThan(8_000)
})

test('a Redis absent at the start is waited for', async () => {
  await redis.stop()
  await world.start()
  await world.order('patient')
  await redis.restart()
  await expect.poll(() => world.keys(), soon).toEqual(['patient'])
})
