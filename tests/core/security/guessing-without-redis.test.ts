import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'

let redis: TestRedis
let foyer: TestFoyer

beforeAll(async () => {
  redis = await startRedis()
  foyer = await startFoyer({ config: { redisUrl: redis.url }, workers: false })
})
afterAll(async () => {
  await foyer.close()
  await redis.stop()
})

const guess = async (email: string) => {
  const body = { email, password: 'a guess' }
  const response = await new HttpClient(foyer.origin).raw('POST', '/sign-in', body)
  await response.text()
  return response.status
}
const guesses = async (email: string, count: number) => {
  const statuses: number[] = []
  for (let n = 0; n < count; n++) statuses.push(await guess(email))
  return statuses
}
const tenWrong = Array.from({ length: 10 }, () => 401)

/** Foyer is there before its line to Redis, and until then it counts by itself. */
async function countsInRedis() {
  const client = new Redis(redis.url)
  try {
    await waitFor('guesses are counted in Redis', async () => {
      await guess('anybody@guesses.test')
      return (await client.dbsize()) > 0
    })
  } finally {
    client.disconnect()
  }
}

test('guessing passwords is slowed with Redis, without it, and when it is back', async () => {
  await countsInRedis()
  expect(await guesses('with@guesses.test', 11)).toEqual([...tenWrong, 429])
  await redis.stop()
  expect(await guesses('without@guesses.test', 12)).toEqual([...tenWrong, 429, 429])
  // what Redis had counted is not known here, and others are not refused for it
  expect(await guess('with@guesses.test')).toBe(401)
  await redis.restart()
  await expect.poll(() => guess('with@guesses.test'), { timeout: 50_000 }).toBe(429)
})
