// @module-tag first-try
import { join } from 'node:path'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addressOfRunning, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { clusterIn, existingHome } from '#core/db/embedded/home.ts'
import { readPostmasterFile } from '#core/db/embedded/postmaster-file.ts'
import { migrate } from '#core/db/migrate.ts'
import { createPool } from '#core/db/pool.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { expectNoContradictions } from '#tests/support/contradictions.ts'
import { endPostgresOf, killHard } from '#tests/support/embedded.ts'
import { type AnAgent, type ASite, anAgent, anOrganisation, aSite } from '#tests/support/factories.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { SocketClient } from '#tests/support/socket-client.ts'
import { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'
import { Stream } from './stream.ts'

/** `npm start` with its own PostgreSQL, killed in every way while three visitors and an agent go on writing. */

const limits = {
  visitorBurst: 100_000,
  visitorPerSecond: 100_000,
  addressBurst: 100_000,
  addressPerSecond: 100_000,
  visitorHelloBurst: 100_000,
  addressHelloBurst: 100_000,
}
let dataDir: string
let foyer: ServerProcess
let origin: string
let site: ASite
let busy: AnAgent
let asked: AnAgent

beforeAll(async () => {
  dataDir = join(await folderForFile('killed'), 'data')
  const postgres = await startEmbeddedPostgres({ dataDir })
  await migrate(postgres.url)
  const pool = createPool(postgres.url, 1, 'kill test')
  // three chats fill an agent, so that it is known who is asked for the fourth
  await anOrganisation(pool, new Date(), { limits, agentCap: 3, offerTimeoutMs: 600_000 })
  site = await aSite(pool, new Date())
  busy = await anAgent(pool, new Date(), { name: 'Busy' })
  asked = await anAgent(pool, new Date(), { name: 'Asked' })
  await pool.end()
  await postgres.stop()
  foyer = await startFoyerProcess('start', { FOYER_DATA_DIR: dataDir })
  origin = foyer.origin
})

afterAll(async () => {
  await foyer.stop()
  await endPostgresOf(dataDir)
})

const startAgain = async () => {
  foyer = await startFoyerProcess('start', { FOYER_DATA_DIR: dataDir, FOYER_PORT: new URL(origin).port })
}
const killPostgres = async () => {
  const home = await existingHome(dataDir)
  const file = home && (await readPostmasterFile(clusterIn(home)))
  if (file) await killHard(file.pid)
}

/** What happens while everybody writes; Foyer runs again afterwards. */
const disasters: [what: string, strike: () => Promise<void>][] = [
  [
    'Foyer is killed',
    async () => {
      await foyer.kill()
      await startAgain()
    },
  ],
  [
    'Foyer and PostgreSQL are killed',
    async () => {
      await Promise.all([foyer.kill(), killPostgres()])
      await startAgain()
    },
  ],
  ['PostgreSQL alone is killed', killPostgres],
  [
    'Foyer is killed while it stops',
    async () => {
      const line = await SocketClient.connect(`${origin.replace('http', 'ws')}/ws/visitor`)
      const ended = foyer.stop('SIGTERM')
      await waitFor('it lets go of people', () => line.closed, { everyMs: 1 })
      await foyer.kill()
      await ended
      await startAgain()
    },
  ],
  [
    'Foyer is stopped in good order',
    async () => {
      expect(await foyer.stop('SIGINT')).toBe(0)
      await startAgain()
    },
  ],
]

test('nothing acknowledged is lost, doubled or reordered, and what was pending still is', async () => {
  const agent = await AgentActor.signIn(origin, busy.email, busy.password)
  const visitors = []
  for (let n = 0; n < 3; n++) {
    const visitor = await VisitorActor.arrive(origin, { siteKey: site.key })
    const { id } = await visitor.asks('Hello')
    await agent.accepts(id)
    visitors.push({ visitor, id })
  }
  // full: so the fourth is put to the other one, who lets it ring
  const ringing = await AgentActor.signIn(origin, asked.email, asked.password)
  const waiting = await VisitorActor.arrive(origin, { siteKey: site.key })
  const request = await waiting.asks('Me too')
  const offer = await ringing.offered(request.id)

  const streams: Stream[] = []
  for (const [n, { visitor, id }] of visitors.entries()) {
    const tab = await AgentActor.signIn(origin, busy.email, busy.password, { online: false })
    streams.push(
      new Stream(`Visitor ${n}`, id, 10, async () => {
        await visitor.connect()
        return visitor.socket
      }),
      // an agent may write 20 messages a second, in all tabs together
      new Stream(`Agent ${n}`, id, 200, async () => {
        await tab.connect()
        return tab.socket
      }),
    )
  }
  const running = Promise.all(streams.map((stream) => stream.run()))
  const flowing = async () => {
    const before = streams.map((stream) => stream.acknowledged.size)
    await waitFor('everybody’s messages are acknowledged', () =>
      streams.every((stream, n) => stream.acknowledged.size > (before[n] ?? 0) + 2),
    )
  }
  for (const [what, strike] of disasters) {
    await flowing()
    await strike()
    // refused for as long as the database is away
    for (const person of [waiting, ringing])
      await waitFor(`${what}: they are back`, () =>
        person.connect().then(
          () => true,
          () => false,
        ),
      )
    expect([...ringing.offers.keys()]).toEqual([offer.id])
    expect(waiting.conversation).toMatchObject({ id: request.id, status: 'waiting' })
  }
  await flowing()
  for (const stream of streams) stream.stop()
  await running

  expect(streams.flatMap((stream) => stream.refused)).toEqual([])
  for (const stream of streams) expect(stream.reconnects).toBeGreaterThanOrEqual(4)
  const pool = await connect()
  try {
    for (const [n, { id }] of visitors.entries())
      await expectWholeLog(pool, id, streams.slice(2 * n, 2 * n + 2))
    const chats = await pool.query(`select from conversations where status = 'active' and idle_at > last_at`)
    expect(chats.rows).toHaveLength(3)
    await expectNoContradictions(pool)
  } finally {
    await pool.end()
  }
  await ringing.accepts(request.id)
  await waitFor('who waited is with somebody', () => waiting.conversation?.agent?.name === 'Asked')
  await Promise.all([agent, ringing, waiting].map((person) => person.leaves()))
})

async function connect(): Promise<Pool> {
  return createPool((await addressOfRunning(dataDir)) ?? '', 2, 'kill test')
}

/** The stored log is exactly what its two writers said and had acknowledged, each in the order of typing. */
async function expectWholeLog(pool: Pool, conversationId: string, writers: Stream[]): Promise<void> {
  const { rows } = await pool.query<{ seq: number; clientId: string | null; kind: string }>(
    `select seq, client_id as "clientId", kind from entries where conversation_id = $1 order by seq`,
    [conversationId],
  )
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1))
  const places = new Map(rows.map(({ clientId, seq }) => [clientId, seq]))
  for (const { said, acknowledged } of writers) {
    expect(said.map((clientId) => places.get(clientId))).toEqual(
      said.map((clientId) => acknowledged.get(clientId)),
    )
    const seqs = said.map((clientId) => acknowledged.get(clientId) ?? 0)
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
  }
  const messages = rows.filter(({ kind }) => kind === 'message')
  // the visitor's first line came with the request
  expect(messages).toHaveLength(1 + writers.reduce((sum, { said }) => sum + said.length, 0))
}
