import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreeSlots, GuestMeeting } from '#core/contracts/meetings.ts'
import { createPool } from '#core/db/pool.ts'
import { everyDay, Guest, setMeetingSettings } from '#tests/core/meetings/a-booking.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { expectNoContradictions } from '#tests/support/contradictions.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { type AnAgent, type ASite, anAgent, anOrganisation, aSite } from '#tests/support/factories.ts'
import { type FaultProxy, startFaultProxy, type Weather } from '#tests/support/fault-proxy.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { runs, within } from '#tests/support/soak.ts'
import { VisitorActor } from '#tests/support/visitor-actor.ts'
import { HopelessError, waitFor } from '#tests/support/wait.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'
import { Stream } from './stream.ts'

/**
 * Two web processes and a worker whose lines to PostgreSQL and Redis are cut, slow, silent, or lose the answers, while people
 * talk, ask for somebody and book. When it is quiet again, what everybody was told is what is stored, and nothing that is
 * stored contradicts itself.
 */
const limits = {
  visitorBurst: 100_000,
  visitorPerSecond: 100_000,
  addressBurst: 100_000,
  addressPerSecond: 100_000,
  visitorHelloBurst: 100_000,
  addressHelloBurst: 100_000,
}
const secondsOfEach = 1.5
/** How long somebody waits who has asked, or booked, before the next does: one after the other without a pause they keep a processor
 *  busy, and a storm meets hardly more of them. */
const nextAfterMs = 100
let database: ScratchDatabase
let redis: TestRedis
let pool: Pool
let toPostgres: FaultProxy
let toRedis: FaultProxy
let site: ASite
let processes: ServerProcess[] = []
let origins: string[] = []

beforeAll(async () => {
  database = await scratchDatabase()
  redis = await startRedis()
  pool = createPool(database.url, 2, 'network test')
  await anOrganisation(pool, new Date(), { limits, agentCap: 10 })
  site = await aSite(pool, new Date())
  toPostgres = await startFaultProxy({ port: Number(new URL(database.url).port) })
  toRedis = await startFaultProxy({ port: Number(new URL(redis.url).port) })
  const through = new URL(database.url)
  through.port = String(toPostgres.port)
  const environment = {
    FOYER_DATABASE_URL: through.href,
    FOYER_REDIS_URL: `redis://127.0.0.1:${toRedis.port}`,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: await folderForFile('network'),
    FOYER_PUBLIC_URL: 'https://foyer.example.com',
    FOYER_LOG_LEVEL: 'fatal',
  }
  processes = await Promise.all(
    (['web', 'web', 'worker'] as const).map((mode) => startFoyerProcess(mode, environment)),
  )
  origins = processes.slice(0, 2).map(({ origin }) => origin)
}, within(120_000))

afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()))
  await Promise.all([toPostgres?.close(), toRedis?.close()])
  await redis?.stop()
  await pool?.end()
  await database?.drop()
})

/** Repeats what has a key of its own until Foyer says it is done, as widget and inbox do. */
function persistently<T>(what: string, once: () => Promise<{ status: number; body: T }>): Promise<T> {
  return waitFor(
    what,
    async () => {
      const { status, body } = await once()
      if (status >= 400 && status < 500 && status !== 429)
        throw new HopelessError(`${what}: ${status} ${JSON.stringify(body)}`)
      return (status === 200 || status === 201) && { body }
    },
    { timeoutMs: 90_000, everyMs: 200 },
  ).then(({ body }) => body)
}

const send = async <T>(http: VisitorActor['http'], path: string, body: object) => {
  const answer = await http.raw('POST', path, body)
  return { status: answer.status, body: (await answer.json()) as T }
}

/** One after the other asks for somebody on either process, until `stop`. */
class Asking {
  readonly requests: string[] = []
  #going = true
  stop = () => {
    this.#going = false
  }

  async run(): Promise<void> {
    for (let n = 0; this.#going; n++) {
      const visitor = await waitFor('somebody arrives', () =>
        VisitorActor.arrive(origins[n % 2] ?? '', { siteKey: site.key }).catch((cause: unknown) => {
          // hopeless for that socket, closed with "try again in a moment"; not for the next
          throw new Error('not yet', { cause })
        }),
      )
      const wish = { fields: {}, text: `Request ${n}`, clientId: randomUUID() }
      const { id } = await persistently('somebody asks', () =>
        send<{ id: string }>(visitor.http, '/widget/conversations', wish),
      )
      this.requests.push(id)
      await visitor.leaves()
      await pause(nextAfterMs)
    }
  }
}

/** One after the other books with an agent, until `stop`. */
class Booking {
  readonly booked: { wish: ReturnType<Guest['wish']>; meeting: GuestMeeting }[] = []
  readonly #host: AgentActor
  #going = true
  stop = () => {
    this.#going = false
  }

  constructor(host: AgentActor) {
    this.#host = host
  }

  async run(): Promise<void> {
    for (let n = 0; this.#going; n++) {
      const token = randomUUID()
      await pool.query(
        'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
        [randomUUID(), token, this.#host.id],
      )
      const guest = new Guest(origins[n % 2] ?? '', token)
      const { slots } = (await waitFor('free times', () => guest.slots())) as FreeSlots
      const wish = guest.wish(slots[1]?.start, { email: `guest-${randomUUID()}@northwind.test` })
      const meeting = await persistently('somebody books', () =>
        send<GuestMeeting>(guest.http, guest.path, wish),
      )
      this.booked.push({ wish, meeting })
      await pause(nextAfterMs)
    }
  }
}

/** An agent who is asked accepts, and ends the chat. */
async function serve(agent: AgentActor, isDone: () => boolean): Promise<void> {
  const quietly = (work: () => Promise<unknown>) => work().catch(() => undefined)
  await waitFor(
    'those who asked were served',
    async () => {
      if (agent.socket.closed) await quietly(() => agent.connect())
      for (const offer of agent.offers.values())
        await quietly(() => agent.http.post(`/offers/${offer.id}/accept`))
      const { rows } = await pool.query<{ id: string }>(
        `select id from conversations where status = 'active' and agent_id = $1`,
        [agent.id],
      )
      for (const { id } of rows) await quietly(() => agent.ends(id))
      return isDone()
    },
    { timeoutMs: within(300_000), everyMs: 100 },
  )
}

async function talkers(row: AnAgent): Promise<{ id: string; streams: Stream[] }[]> {
  const agent = await AgentActor.signIn(origins[1] ?? '', row.email, row.password)
  const chats: { id: string; streams: Stream[] }[] = []
  for (let n = 0; n < 2; n++) {
    const visitor = await VisitorActor.arrive(origins[0] ?? '', { siteKey: site.key })
    const { id } = await visitor.asks('Hello')
    await agent.accepts(id)
    const tab = await AgentActor.signIn(origins[1] ?? '', row.email, row.password, { online: false })
    const of = (name: string, everyMs: number, person: VisitorActor | AgentActor) =>
      new Stream(name, id, everyMs, async () => {
        await person.connect()
        return person.socket
      })
    chats.push({ id, streams: [of(`Visitor ${n}`, 40, visitor), of(`Agent ${n}`, 200, tab)] })
  }
  await agent.leaves()
  return chats
}

type Line = 'PostgreSQL' | 'Redis'
const storms: [Line, Weather][] = [
  ['PostgreSQL', { is: 'cut' }],
  ['Redis', { is: 'cut' }],
  ['PostgreSQL', { is: 'losing answers' }],
  ['PostgreSQL', { is: 'slow', delayMs: 150 }],
  ['Redis', { is: 'silent' }],
  ['Redis', { is: 'slow', delayMs: 150 }],
  ['Redis', { is: 'losing answers' }],
  // as long as it takes until the processes find out by themselves
  ['PostgreSQL', { is: 'silent' }],
]

test('whatever happens to the lines between its processes, Foyer does what it says it has done, once', {
  timeout: within(400_000),
  retry: 0,
}, async () => {
  const chats = await talkers(await anAgent(pool, new Date(), { name: 'Talker' }))
  await pool.query('update agents set override_status = $1, override_set_at = now()', ['unavailable'])
  const row = await anAgent(pool, new Date(), { name: 'Server' })
  const server = await AgentActor.signIn(origins[0] ?? '', row.email, row.password)
  await setMeetingSettings(server, { blocks: everyDay('00:00', '24:00') })

  const asking = new Asking()
  const booking = new Booking(server)
  const streams = chats.flatMap((chat) => chat.streams)
  let isQuiet = false
  const serving = serve(server, () => isQuiet)
  const going = Promise.all([...streams, asking, booking].map((one) => one.run()))
  const progress = (): Record<string, number> => ({
    ...Object.fromEntries(streams.map(({ name, acknowledged }) => [name, acknowledged.size])),
    'those who ask': asking.requests.length,
    'those who book': booking.booked.length,
  })
  const flowing = (what: string) => {
    const before = progress()
    const waits = () => Object.entries(progress()).filter(([who, now]) => now <= (before[who] ?? 0) + 1)
    return waitFor(
      `after "${what}" everything goes on`,
      () => {
        const behind = waits()
        if (behind.length > 0) throw new Error(`not yet: ${behind.map(([who]) => who).join(', ')}`)
        return true
      },
      { timeoutMs: 90_000 },
    )
  }
  await flowing('the start')
  for (const [line, weather] of Array.from({ length: runs(1) }, () => storms).flat()) {
    const proxy = line === 'Redis' ? toRedis : toPostgres
    const before = proxy.harmed
    proxy.turn(weather)
    await pause(secondsOfEach * 1_000)
    proxy.turn({ is: 'clear' })
    expect(proxy.harmed, `${line} ${weather.is} was not felt`).toBeGreaterThan(before)
    await flowing(`${line} ${weather.is}`)
  }
  for (const one of [...streams, asking, booking]) one.stop()
  await going

  // what was told
  expect(streams.flatMap(({ refused }) => refused)).toEqual([])
  for (const { id, streams: writers } of chats) {
    const { rows } = await pool.query<{ seq: number; clientId: string }>(
      `select seq, client_id as "clientId" from entries where conversation_id = $1 and kind = 'message' order by seq`,
      [id],
    )
    for (const { said, acknowledged } of writers) {
      const theirs = rows.filter(({ clientId }) => acknowledged.has(clientId))
      expect(theirs.map(({ clientId }) => clientId)).toEqual(said)
      expect(theirs.map(({ seq }) => seq)).toEqual(said.map((clientId) => acknowledged.get(clientId)))
    }
  }
  for (const { wish, meeting } of booking.booked) {
    const { rows } = await pool.query('select id, state from meetings where email = $1', [wish.email])
    expect(rows).toEqual([{ id: meeting.id, state: 'booked' }])
  }
  // nobody who asked is left standing, and when all is done nothing contradicts itself
  await waitFor(
    'all chats of those who asked have ended',
    async () => {
      const { rows } = await pool.query<{ status: string }>(
        'select status from conversations where id = any ($1::uuid[])',
        [asking.requests],
      )
      expect(rows).toHaveLength(asking.requests.length)
      return rows.every(({ status }) => status === 'ended' || status === 'missed')
    },
    { timeoutMs: 90_000 },
  )
  isQuiet = true
  await serving
  await server.leaves()
  await expectNoContradictions(pool)
})
