import { randomBytes, randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createGoogleStandIn } from '#connectors/google-calendar/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { FreeSlots, GuestMeeting } from '#core/contracts/meetings.ts'
import { createPool } from '#core/db/pool.ts'
import { connectGoogle, enterApp } from '#tests/core/calendars/a-calendar.ts'
import { everyDay, Guest, setMeetingSettings } from '#tests/core/meetings/a-booking.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'

/**
 * A booking at Google, by processes that are killed at each of its steps: at those in the database while a lock of the test's holds
 * them up there, at Google's while its answer is held back. Whatever was lost, there is one event in the end, one meeting, and one
 * mail to the host; and the visitor who sends the booking again under its key gets the same answer each time.
 */
let database: ScratchDatabase
let redis: TestRedis
let pool: Pool
let google: ReturnType<typeof createGoogleStandIn>
let standIn: { origin: string; close(): Promise<void> }
let environment: NodeJS.ProcessEnv
let host: { id: string; email: string }
let token: string
const running = new Set<ServerProcess>()

/** What becomes of a request to Google, such as `POST …/events`. */
type Around = (request: string, answer: () => Promise<Response>) => Promise<Response>
const asItComes: Around = (_request, answer) => answer()
let around = asItComes

/** Each process begins later than what the one before it has held for itself. */
let aheadMs = 0
async function start(mode: 'web'): Promise<ServerProcess> {
  aheadMs += 60_000
  const server = await startFoyerProcess(mode, {
    ...environment,
    FOYER_TEST_CLOCK: new Date(Date.now() + aheadMs).toISOString(),
  })
  running.add(server)
  return server
}

async function killed(server: ServerProcess): Promise<void> {
  await server.kill()
  running.delete(server)
}

beforeAll(async () => {
  database = await scratchDatabase()
  redis = await startRedis()
  pool = createPool(database.url, 4, 'booking kill')
  google = createGoogleStandIn()
  standIn = await serveStandIn((request) =>
    around(`${request.method} ${new URL(request.url).pathname}`, () => google.handle(request)),
  )
  environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_REDIS_URL: redis.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: await folderForFile('booking-kill'),
    FOYER_PUBLIC_URL: 'https://foyer.example.com',
    FOYER_GOOGLE_URL: standIn.origin,
    FOYER_SMTP_URL: 'smtp://127.0.0.1:1',
    FOYER_LOG_LEVEL: 'fatal',
  }
  await anOrganisation(pool, new Date())
  const signIn = async (origin: string, row: Awaited<ReturnType<typeof anAgent>>) =>
    AgentActor.signIn(origin, row.email, row.password, { online: false })
  const admin = await anAgent(pool, new Date(), { profile: 'admin' })
  const dana = await anAgent(pool, new Date(), { name: 'Dana' })
  const web = await start('web')
  await enterApp(await signIn(web.origin, admin))
  const agent = await signIn(web.origin, dana)
  google.store.addCalendar({ id: agent.me.email, owner: agent.me.email, timeZone: 'UTC' })
  await connectGoogle(web, agent)
  await setMeetingSettings(agent, { blocks: everyDay('00:00', '24:00') })
  host = { id: agent.id, email: agent.me.email }
  await killed(web)
}, within(120_000))

beforeEach(async () => {
  around = asItComes
  // a link of its own: only so many meetings may be ahead by one
  token = randomUUID()
  await pool.query(
    'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
    [randomUUID(), token, host.id],
  )
  // as if it had been read a moment ago
  await pool.query(
    `update calendars set busy_from = now(), busy_until = now() + interval '100 days', busy_read_at = now() + interval '1 day'`,
  )
})

afterAll(async () => {
  await Promise.all([...running].map((server) => server.kill()))
  await standIn.close()
  await redis.stop()
  await pool.end()
  await database.drop()
})

const never = () => new Promise<never>(() => undefined)

/** Holds up whoever writes into a table, until it is let go; reading goes on. */
async function hindered(table: string) {
  const client = await pool.connect()
  await client.query('begin')
  await client.query(`lock table ${table} in share mode`)
  return {
    isReached: () =>
      waitFor(`somebody waits to write into ${table}`, async () => {
        const { rows } = await pool.query(
          `select from pg_locks where not granted and relation = $1::regclass and database = (select oid from pg_database where datname = current_database())`,
          [table],
        )
        return rows.length > 0
      }),
    async letGo() {
      await client.query('rollback')
      client.release()
    },
  }
}

/** A step at which a process is killed: it is there when `reached` is. */
interface Step {
  reached: Promise<unknown>
  letGo(): Promise<void>
}

async function atTable(table: string): Promise<Step> {
  const { isReached, letGo } = await hindered(table)
  return { reached: isReached(), letGo }
}

const isCall = (request: string, part: string) => request.startsWith('POST ') && request.endsWith(part)

/** @param when whether Google does what it was asked for before its answer is lost */
async function atGoogle(part: string, when: 'before' | 'after'): Promise<Step> {
  const reached = Promise.withResolvers<void>()
  around = async (request, answer) => {
    if (!isCall(request, part)) return answer()
    if (when === 'after') await answer()
    around = asItComes
    reached.resolve()
    return never()
  }
  return { reached: reached.promise, letGo: async () => undefined }
}

/** The event is made, and the row that has still to say so is held up. */
async function atBooked(): Promise<Step> {
  const reached = Promise.withResolvers<void>()
  let letGo: Step['letGo'] = async () => undefined
  around = async (request, answer) => {
    if (!isCall(request, '/events')) return answer()
    around = asItComes
    const table = await hindered('meetings')
    letGo = table.letGo
    table.isReached().then(() => reached.resolve(), reached.reject)
    return answer()
  }
  return { reached: reached.promise, letGo: () => letGo() }
}

/** It is booked and committed; the answer may be on its way. */
async function atAnswer(): Promise<Step> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*) as count from meetings where state = 'booked'`,
  )
  const before = rows[0]?.count ?? 0
  const reached = waitFor(
    'it is booked',
    async () => {
      const { rows } = await pool.query<{ count: number }>(
        `select count(*) as count from meetings where state = 'booked'`,
      )
      return (rows[0]?.count ?? 0) > before
    },
    { everyMs: 1 },
  )
  return { reached, letGo: async () => undefined }
}

const steps: Record<string, () => Promise<Step>> = {
  'the time is taken': () => atTable('taken_times'),
  'the meeting is held': () => atTable('meetings'),
  'the event comes to Google': () => atGoogle('/events', 'before'),
  'the event is made, and the answer lost': () => atGoogle('/events', 'after'),
  'the row is to say "booked"': atBooked,
  'the mail is promised': () => atTable('mails'),
  'the job that sends it is promised': () => atTable('outbox'),
  'it is booked, and the answer on its way': atAnswer,
}

type Wish = ReturnType<Guest['wish']>

async function aWish(web: ServerProcess): Promise<Wish> {
  const guest = new Guest(web.origin, token)
  const { slots } = (await guest.slots()) as FreeSlots
  // no two tests meet: each leaves a gap behind
  const [slot] = slots.slice(4)
  return guest.wish(slot?.start)
}

const sends = async (web: ServerProcess, wish: Wish) => {
  const answer = await new Guest(web.origin, token).http.raw('POST', `/booking/${token}`, wish)
  return { status: answer.status, body: (await answer.json()) as GuestMeeting }
}

/** As a visitor does who reads "not certain yet". */
const sendsUntilCertain = (web: ServerProcess, wish: Wish) =>
  waitFor('the answer is certain', async () => {
    const answer = await sends(web, wish)
    return answer.status !== 202 && answer
  })

/** One of everything, whatever was lost on the way. */
async function expectOne(wish: Wish, answer: GuestMeeting): Promise<void> {
  const events = [...(google.store.calendars.get(host.email)?.events.values() ?? [])].filter(
    ({ start }) => 'dateTime' in start && Date.parse(start.dateTime) === Date.parse(String(wish.start)),
  )
  expect(events.map(({ status }) => status)).toEqual(['confirmed'])
  const { rows } = await pool.query(
    `select m.id, m.state, m.event_id as "eventId", m.event_due as "eventDue",
       (select count(*) from taken_times t where t.meeting_id = m.id) as taken,
       (select count(*) from mails x where x.subject = 'Sofia Ricci has booked a meeting with you'
          and x.to_address = $2 and x.invitation is null and x.reply_to = $3) as mails
     from meetings m where m.start_at = $1`,
    [wish.start, host.email, wish.email],
  )
  expect(rows).toEqual([
    { id: answer.id, state: 'booked', eventId: events[0]?.id, eventDue: null, taken: 1, mails: 1 },
  ])
}

for (const [name, step] of Object.entries(steps))
  test(`a web process killed when ${name}: one event, and the same answer to whoever asks again`, {
    timeout: within(120_000),
    retry: 0,
  }, async () => {
    const web = await start('web')
    const wish = { ...(await aWish(web)), email: `${randomUUID()}@northwind.test` }
    const { reached, letGo } = await step()
    const first = sends(web, wish).catch(() => null)
    try {
      await reached
      await killed(web)
    } finally {
      await letGo()
    }
    const lost = await first

    const next = await start('web')
    const again = await sendsUntilCertain(next, wish)
    expect(again).toMatchObject({ status: 201, body: { state: 'booked', start: wish.start } })
    if (lost?.status === 201) expect(again).toEqual(lost)
    expect(await sends(next, wish)).toEqual(again)
    await expectOne(wish, again.body)
    await killed(next)
  })
