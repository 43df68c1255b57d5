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
import { Banners } from './banners.ts'
import { conversationsAnAgent, open } from './drivers/driver.ts'
import { fill } from './drivers/foyer.ts'
import { fillUp, forgetRequests, freeOf } from './few-free.ts'

/** From a visitor's request to the banner on an agent's screen, with 200 agents and 50 requests a second. Measured for
 *  every request to the frame at its agent's socket, and for those of a few agents, whose inboxes are open in Chromium, to
 *  the moment the banner is drawn. What lies between the two is added to the former at p95, so the limit holds for all.
 *  The floor, in the same run and at the same rate, is a request that only reads. Before both come requests that are not
 *  counted: a Foyer that was just started has neither compiled its code nor made its plans. At the end the same once more,
 *  warm-up and limit included, with nearly all agents full, so that the choice has to look far around the circle; a hundred requests at a
 *  time, or the few who are free would be full too. */
const agents = 200
const screens = 5
const perSecond = 50
const requests = process.argv.includes('--quick') ? 400 : 1_000
const warmUps = 200
const atATime = 100
const toFewFree = process.argv.includes('--quick') ? 2 * atATime : 4 * atATime
/** Above what everybody gets before, and what the few get at a time. */
const cap = conversationsAnAgent + Math.max((warmUps + requests) / agents, atATime / freeOf(agents)) + 1
const limitMs = 150
const byHowMany = 100
/** A request and its time of arrival share a clock with the pages. */
const now = () => performance.timeOrigin + performance.now()

const keepAlive = new Agent({ keepAlive: true, maxSockets: 64 })
const folder = await mkdtemp(join(tmpdir(), 'foyer-offers-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
try {
  await migrate(postgres.url)
  const database = new pg.Pool({ connectionString: postgres.url, max: 1 })
  database.on('error', () => undefined)
  // the first of them have chats already, five an agent
  const people = await fill(database, {
    agents,
    visitors: agents * conversationsAnAgent + 2 * warmUps + requests + toFewFree,
  })
  await database.query(`update organisation set settings = jsonb_set(settings, '{agentCap}', $1)`, [
    JSON.stringify(cap),
  ])
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
      // after a silence it is repeated
      const { conversationId } = JSON.parse(frame).offer
      if (!arrived.has(conversationId)) arrived.set(conversationId, now())
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
  const asking = people.visitorTokens.slice(agents * conversationsAnAgent)
  const visitors = asking.slice(warmUps, warmUps + requests)
  /** Open loop: each leaves at its time, whatever became of those before. */
  const atRate = async <T>(
    work: (token: string, n: number) => Promise<T>,
    tokens = visitors,
  ): Promise<T[]> => {
    const start = performance.now()
    const answers: Promise<T>[] = []
    for (const [n, token] of tokens.entries()) {
      await delay(Math.max(0, start + (n * 1_000) / perSecond - performance.now()))
      answers.push(work(token, n))
    }
    return Promise.all(answers)
  }

  const floor = await atRate(async (token) => {
    const at = now()
    await send('GET', '/widget/conversations', token)
    return now() - at
  })
  const ask = (token: string, clientId: string, text: string) =>
    send('POST', '/widget/conversations', token, { fields: {}, text, clientId })
  await atRate((token, n) => ask(token, `early-${n}`, 'Hello'), asking.slice(0, warmUps))
  const banners = await Banners.open(server.origin, people.agentTokens.slice(0, screens))
  const asked = await atRate(async (token, n) => {
    const at = now()
    const { id } = JSON.parse(await ask(token, `bench-${n}`, `Hello, this is request ${n}`))
    return { n, id, at }
  })
  await delay(1_000)
  const drawn = await banners.drawn()
  await banners.close()
  const untilOffered = (some: { id: string; at: number }[]) =>
    some.flatMap(({ id, at }) => {
      const arrival = arrived.get(id)
      return arrival === undefined ? [] : [arrival - at]
    })
  const offered = untilOffered(asked)

  await fillUp(database, cap)
  const askedFew: { id: string; at: number }[] = []
  for (let from = 0; from < warmUps + toFewFree; from += atATime) {
    const some = await atRate(
      async (token, n) => {
        const at = now()
        const { id } = JSON.parse(await ask(token, `few-${n}`, 'Hello'))
        return { id, at }
      },
      asking.slice(warmUps + requests + from).slice(0, atATime),
    )
    await delay(1_000)
    await forgetRequests(database)
    if (from >= warmUps) askedFew.push(...some)
  }
  const offeredToFew = untilOffered(askedFew)
  const shown = asked.filter(({ n }) => drawn.has(n))
  const toBanner = shown.map(({ n, at }) => (drawn.get(n) ?? NaN) - at)
  const onScreen = shown.map(({ n, id }) => (drawn.get(n) ?? NaN) - (arrived.get(id) ?? NaN))
  const rows = [
    ['a request that only reads (floor)', floor],
    ['request → offer at the socket, all agents', offered],
    [`request → banner drawn, ${screens} agents in Chromium`, toBanner],
    ['offer at the socket → banner drawn', onScreen],
    [`request → offer at the socket, ${agents - freeOf(agents)} of ${agents} full`, offeredToFew],
  ] as const
  for (const [what, times] of rows)
    console.log(
      `${what.padEnd(52)} ${String(times.length).padStart(5)} ×  ` +
        [0.5, 0.95, 0.99].map((share) => `p${share * 100} ${quantile(times, share).toFixed(1)}`).join('  ') +
        ' ms',
    )
  console.log('\noffer at the socket, by hundreds of requests: p50 / p95 / most, ms')
  for (let from = 0; from < requests; from += byHowMany) {
    const part = asked.slice(from, from + byHowMany).map(({ id, at }) => (arrived.get(id) ?? NaN) - at)
    console.log(
      `${String(from).padStart(5)} … ` +
        [0.5, 0.95, 1].map((share) => quantile(part, share).toFixed(1).padStart(8)).join(' '),
    )
  }
  const p95 = Math.max(quantile(toBanner, 0.95), quantile(offered, 0.95) + quantile(onScreen, 0.95))
  const p95Few = quantile(offeredToFew, 0.95) + quantile(onScreen, 0.95)
  const judge = (what: string, ms: number, lost: number) => {
    const isKept = lost === 0 && ms <= limitMs
    console.log(
      `${what}, ${lost} not offered: banner at p95 ${ms.toFixed(1)} ms, ` +
        `${(ms / quantile(floor, 0.95)).toFixed(1)} × the floor, limit ${limitMs} ms: ${isKept ? 'kept' : 'BROKEN'}`,
    )
    return isKept
  }
  const areKept = [
    judge(`${requests} requests at ${perSecond}/s to ${agents} agents`, p95, requests - offered.length),
    judge(`${toFewFree} when few are free`, p95Few, toFewFree - offeredToFew.length),
  ]
  if (shown.length === 0 || areKept.includes(false)) process.exitCode = 1
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
