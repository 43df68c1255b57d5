import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { runs, within } from '#tests/support/soak.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'
import { everyDay, Guest } from './a-booking.ts'

/** Two web processes on one PostgreSQL, and guests who want the same times of one agent through both. */
let database: ScratchDatabase
let pool: Pool
let folder: string
let redis: TestRedis
let servers: ServerProcess[]
let agentId: string

beforeAll(async () => {
  database = await scratchDatabase()
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'foyer-races-'))
  pool = createPool(database.url, 2, 'race test')
  await anOrganisation(pool, new Date())
  agentId = (await anAgent(pool, new Date())).id
  const settings = {
    timeZone: 'UTC',
    blocks: everyDay('00:00', '24:00'),
    noticeMinutes: 0,
    bufferAfterMinutes: 10,
    stepMinutes: 15,
  }
  await pool.query('insert into meeting_settings (agent_id, settings, changed_at) values ($1, $2, now())', [
    agentId,
    JSON.stringify(settings),
  ])
  const environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_REDIS_URL: redis.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: folder,
    FOYER_LOG_LEVEL: 'fatal',
  }
  servers = await Promise.all([startFoyerProcess('web', environment), startFoyerProcess('web', environment)])
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await redis.stop()
  await pool.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

async function aToken(): Promise<string> {
  const token = randomUUID()
  await pool.query(
    `insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())`,
    [randomUUID(), token, agentId],
  )
  return token
}

/** As many times that overlap as there are pairs, buffers included; what the database must never hold. */
async function overlaps(): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*) as count from meetings a join meetings b on a.id < b.id and a.agent_id = b.agent_id
     where a.state in ('held', 'booked') and b.state in ('held', 'booked')
       and a.start_at < b.end_at + b.buffer_after_minutes * interval '1 minute'
       and b.start_at < a.end_at + a.buffer_after_minutes * interval '1 minute'`,
  )
  return rows[0]?.count ?? -1
}

const guestOn = (place: number, token: string) =>
  new Guest(servers[place % servers.length]?.origin ?? '', token)

test('one of all who want a time at once gets it, through whichever process, and the others read what is free', {
  timeout: within(180_000),
}, async () => {
  for (let round = 0; round < runs(3); round++) {
    const token = await aToken()
    const { slots } = await guestOn(0, token).slots()
    const start = slots[4]?.start
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, place) => guestOn(place, token).raw(start)),
    )
    const problems = await Promise.all(
      answers.filter(({ status }) => status !== 201).map((answer) => answer.json()),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    for (const problem of problems) {
      expect(problem).toMatchObject({ status: 409, code: 'slot_taken' })
      expect(problem.slots.length).toBeGreaterThan(0)
      expect(problem.slots.map((slot: { start: string }) => slot.start)).not.toContain(start)
    }
  }
  expect(await overlaps()).toBe(0)
})
