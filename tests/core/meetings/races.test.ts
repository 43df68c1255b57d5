// @module-tag first-try
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import { createPool } from '#core/db/pool.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { empty } from '#tests/support/empty.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { runs, within } from '#tests/support/soak.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'
import { everyDay, Guest } from './a-booking.ts'

/** Two web processes on one PostgreSQL, and guests who want the same times of one agent through both, new or moved. */
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
    FOYER_PUBLIC_URL: 'http://foyer.example.com',
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

/** Each by a link of its own, through either process. */
async function aBooking(start: string | undefined, token?: string): Promise<GuestMeeting & { link: string }> {
  // by another person each time, as one of them may have few ahead
  const email = `${randomUUID()}@races.test`
  const meeting = await guestOn(0, token ?? (await aToken())).books(start, { email })
  return { ...meeting, link: meeting.token ?? '' }
}

const moves = async (place: number, link: string, start: string | undefined) => {
  const http = new HttpClient(servers[place % servers.length]?.origin ?? '')
  const answer = await http.raw('POST', `/meeting/${link}/reschedule`, { start })
  return { status: answer.status, body: (await answer.json()) as GuestMeeting & { code?: string } }
}

const readMeeting = (link: string) =>
  new HttpClient(servers[0]?.origin ?? '').get<GuestMeeting>(`/meeting/${link}`)

const daysFrom = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
const on = (date: string, clock: string) => `${date}T${clock}:00.000Z`

test('of moves and bookings that want one time at once, one gets it, and whoever was moved in vain is where they were', {
  timeout: within(180_000),
}, async () => {
  for (let round = 0; round < runs(3); round++) {
    await empty(pool, 'meetings')
    const [before, wanted] = [daysFrom(5), on(daysFrom(6), '09:00')]
    const hours = Array.from({ length: 8 }, (_, hour) => on(before, `${10 + hour}:00`))
    const booked = await Promise.all(hours.map((start) => aBooking(start)))
    const token = await aToken()
    const [moved, bookings] = await Promise.all([
      Promise.all(booked.map(({ link }, place) => moves(place, link, wanted))),
      Promise.all(Array.from({ length: 8 }, (_, place) => guestOn(place, token).raw(wanted))),
    ])
    const statuses = [...moved, ...bookings].map(({ status }) => status)
    expect(statuses.filter((status) => status < 300)).toHaveLength(1)
    expect(statuses.filter((status) => status === 409)).toHaveLength(15)
    for (const [place, { status, body }] of moved.entries()) {
      if (status === 409) expect(body.code).toBe('slot_taken')
      const start = status === 200 ? wanted : hours[place]
      expect(await readMeeting(booked[place]?.link ?? '')).toMatchObject({
        state: 'booked',
        start,
        movingTo: null,
      })
    }
    // what was given up, and what was tried in vain, is free again
    const { rows } = await pool.query('select count(*)::int as taken from taken_times')
    expect(rows).toEqual([{ taken: statuses.slice(8).some((status) => status === 201) ? 9 : 8 }])
  }
})

test('moves and bookings into one hour at once keep their buffers', {
  timeout: within(180_000),
}, async () => {
  for (let round = 0; round < runs(3); round++) {
    await empty(pool, 'meetings')
    const [before, date] = [daysFrom(7), daysFrom(8)]
    const near = ['09:00', '09:15', '09:30', '09:45', '10:00', '10:15', '10:30'].map((clock) =>
      on(date, clock),
    )
    const booked = await Promise.all(
      Array.from({ length: 12 }, (_, hour) =>
        aBooking(on(before, `${String(hour + 8).padStart(2, '0')}:00`)),
      ),
    )
    const token = await aToken()
    const answers = await Promise.all([
      ...booked.map(({ link }, place) => moves(place, link, near[(place + round) % near.length])),
      ...near.map(async (start, place) => {
        const { status } = await guestOn(place, token).raw(start)
        return { status }
      }),
    ])
    expect(new Set(answers.map(({ status }) => (status < 300 ? 200 : status)))).toEqual(new Set([200, 409]))
    expect(await overlaps()).toBe(0)
    const { rows } = await pool.query<{ count: number }>(
      'select count(*)::int as count from meetings where start_at >= $1',
      [on(date, '00:00')],
    )
    expect(rows[0]?.count).toBe(answers.filter(({ status }) => status < 300).length)
  }
})

test('no day gets more meetings than the agent takes, whoever is moved or books at once', {
  timeout: within(180_000),
}, async () => {
  await empty(pool, 'meetings')
  await pool.query(
    `update meeting_settings set settings = settings || '{"dailyMax": 3}' where agent_id = $1`,
    [agentId],
  )
  const date = daysFrom(14)
  const booked = await Promise.all(
    [9, 10, 11, 12].flatMap((day) =>
      ['10:00', '12:00', '14:00'].map((clock) => aBooking(on(daysFrom(day), clock))),
    ),
  )
  const hours = Array.from({ length: 20 }, (_, hour) => on(date, `${String(hour + 2).padStart(2, '0')}:00`))
  const token = await aToken()
  const answers = await Promise.all([
    ...booked.map(({ link }, place) => moves(place, link, hours[place])),
    ...hours.slice(12).map((start, place) => guestOn(place, token).raw(start)),
  ])
  const statuses = answers.map(({ status }) => status)
  expect([statuses.filter((status) => status < 300).length, new Set(statuses.slice(0, 12)).has(409)]).toEqual(
    [3, true],
  )
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from meetings where state = 'booked' and start_at >= $1 and start_at < $2`,
    [on(date, '00:00'), on(daysFrom(15), '00:00')],
  )
  expect(rows).toEqual([{ count: 3 }])
  // within its own date one may be moved, however full that is
  const [full] = booked.filter((_, place) => (statuses[place] ?? 0) < 300)
  if (full) expect((await moves(0, full.link, on(date, '22:00'))).status).toBe(200)
})
