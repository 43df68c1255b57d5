import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { WebSocket } from 'ws'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { socketTokenOf } from '#core/features/sign-in/tokens.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { conversationsAnAgent, open } from './drivers/driver.ts'
import { fill } from './drivers/foyer.ts'

/** From a visitor's request to the offer on an agent's socket, with 200 agents and 50 requests a second:
 *  `npx node tests/bench/offers.ts`. The floor, in the same run and at the same rate, is a request that only reads one row. */
const agents = 200
const perSecond = 50
const requests = 600
const limitMs = 150

const keepAlive = new Agent({ keepAlive: true, maxSockets: 64 })
const folder = await mkdtemp(join(tmpdir(), 'foyer-offers-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
try {
  await migrate(postgres.url)
  const database = new pg.Pool({ connectionString: postgres.url, max: 1 })
  database.on('error', () => undefined)
  // the first of them have chats already, five an agent
  const people = await fill(database, { agents, visitors: agents * conversationsAnAgent + requests })
  const server = await startFoyerProcess('start', {
    FOYER_DATABASE_URL: postgres.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: tmpdir(),
  })
  const arrived = new Map<string, number>()
  const sockets: WebSocket[] = []
  for (const token of people.agentTokens) {
    const hello = JSON.stringify({ type: 'hello', token: socketTokenOf(token) })
    const headers = { origin: server.origin, cookie: `foyer_session=${token}` }
    const socket = await open(`ws://127.0.0.1:${server.port}/ws/agent`, hello, '"welcome"', headers)
    socket.on('message', (data) => {
      const frame = String(data)
      if (!frame.startsWith('{"type":"offer","')) return
      arrived.set(JSON.parse(frame).offer.conversationId, performance.now())
    })
    sockets.push(socket)
  }

  const send = (method: string, path: string, token: string, body?: object) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const sent = request(
        `${server.origin}/api/v1${path}`,
        { method, headers, agent: keepAlive },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (part) => (text += part))
          answer.on('end', () =>
            answer.statusCode && answer.statusCode < 300 ? resolve(text) : reject(new Error(text)),
          )
        },
      )
      sent.on('error', reject)
      sent.end(body && JSON.stringify(body))
    })
  const visitors = people.visitorTokens.slice(agents * conversationsAnAgent)
  /** Open loop: each leaves at its time, whatever became of those before. */
  const atRate = async <T>(work: (token: string, n: number) => Promise<T>): Promise<T[]> => {
    const start = performance.now()
    const answers: Promise<T>[] = []
    for (const [n, token] of visitors.entries()) {
      await delay(Math.max(0, start + (n * 1_000) / perSecond - performance.now()))
      answers.push(work(token, n))
    }
    return Promise.all(answers)
  }

  const floor = await atRate(async (token) => {
    const at = performance.now()
    await send('GET', '/widget/conversations', token)
    return performance.now() - at
  })
  const asked = await atRate(async (token, n) => {
    const at = performance.now()
    const body = { fields: {}, text: 'Hello, is anybody there?', clientId: `bench ${n}` }
    const { id, status } = JSON.parse(await send('POST', '/widget/conversations', token, body))
    return { id, at, status }
  })
  const missing = asked.filter(({ id }) => !arrived.has(id))
  const offered = asked.filter(({ id }) => arrived.has(id)).map(({ id, at }) => (arrived.get(id) ?? NaN) - at)
  const p95 = quantile(offered, 0.95)
  for (const [what, times] of [
    ['a request that only reads', floor],
    ['request to offer', offered],
  ] as const)
    console.log(
      `${what}: p50 ${quantile(times, 0.5).toFixed(1)}, p95 ${quantile(times, 0.95).toFixed(1)}, p99 ${quantile(times, 0.99).toFixed(1)} ms`,
    )
  console.log(
    `${requests} requests at ${perSecond}/s to ${agents} agents, ${missing.length} not offered, ratio at p95 ${(p95 / quantile(floor, 0.95)).toFixed(1)}, limit ${limitMs} ms: ${p95 <= limitMs && missing.length === 0 ? 'kept' : 'BROKEN'}`,
  )
  for (const socket of sockets) socket.terminate()
  keepAlive.destroy()
  await server.stop()
  await database.end()
} finally {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

function quantile(times: number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
