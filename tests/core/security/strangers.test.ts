import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { hashToken } from '#core/features/sign-in/tokens.ts'
import { address, ending, visitorLine } from '#tests/core/realtime/line.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** Behind one proxy, so that sockets can come from any address. */
let foyer: TestFoyer
beforeAll(async () => {
  const settings = { limits: { visitorHelloBurst: 1_000 } }
  foyer = await startFoyer({ settings, config: { trustedProxies: 1 }, workers: false })
})
afterAll(() => foyer.close())

/** Another one each time: what was counted stays so. */
let places = 0
const aPlace = () => `198.51.100.${++places}`
const from = (place: string) => ({ 'x-forwarded-for': place })
const guessed = (place: string) => ({
  cookie: 'foyer_session=guessed',
  origin: foyer.origin,
  ...from(place),
})

test('sessions of nobody are slowed by address before they are looked up, however many come at once', async () => {
  const here = aPlace()
  const holder = await foyer.pool.connect()
  onTestFinished(() => holder.release(true))
  await holder.query('begin')
  await holder.query('lock table sessions in access exclusive mode')
  const answers: Answer[] = []
  const all = Promise.all(Array.from({ length: 200 }, async () => answers.push(await upgrade(guessed(here)))))
  const refused = () => answers.filter(({ status }) => status === 429)
  await waitFor('some to be refused while none was looked up', () => refused().length >= 50)
  expect(refused()[0]).toMatchObject({ retryAfter: '1', body: expect.stringContaining('too often') })
  await holder.query('commit')
  await all
  expect(answers.filter(({ status }) => status === 401).length + refused().length).toBe(200)
})

test('who came in lately comes in again while somebody at the same address guesses', async () => {
  const [here, elsewhere] = [aPlace(), aPlace()]
  const agent = await foyer.agent({ online: false })
  const right = { cookie: agent.http.cookie ?? '', origin: foyer.origin }
  expect(await statusOf({ ...right, ...from(elsewhere) })).toBe(101)
  await exhaust(here)
  expect(await statusOf({ ...right, ...from(here) })).toBe(101)
  await foyer.pool.query('delete from sessions where agent_id = $1', [agent.id])
  expect(await statusOf({ ...right, ...from(here) })).toBe(401)
  // it is a stranger's from now on
  await exhaust(here)
  expect(await statusOf({ ...right, ...from(here) })).toBe(429)
})

test('sessions that open something do not count, nor does what was refused without a look', async () => {
  const here = aPlace()
  const agent = await foyer.agent({ online: false })
  const tokens = Array.from({ length: 140 }, (_, n) => `token-${n}`)
  await foyer.pool.query(
    `insert into sessions (token_hash, agent_id, created_at, expires_at)
     select unnest($1::bytea[]), $2, $3::timestamptz, $3 + interval '1 day'`,
    [tokens.map(hashToken), agent.id, foyer.clock.now()],
  )
  for (const token of tokens)
    expect(await statusOf({ cookie: `foyer_session=${token}`, origin: foyer.origin, ...from(here) })).toBe(
      101,
    )
  const refusals = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      statusOf(
        n % 2
          ? { ...guessed(here), origin: 'https://evil.example' }
          : { origin: foyer.origin, ...from(here) },
      ),
    ),
  )
  expect(refusals.toSorted()).toEqual([...Array(150).fill(401), ...Array(150).fill(403)])
  expect(await statusOf(guessed(here))).toBe(401)
})

test('a network of one’s own is not counted: it may stand for everybody', async () => {
  const statuses = await Promise.all(Array.from({ length: 200 }, () => statusOf(guessed('192.168.7.7'))))
  expect(new Set(statuses)).toEqual(new Set([401]))
})

test('visitors’ tokens of nobody are slowed by address, and whoever was there lately comes in', async () => {
  const [here, elsewhere] = [aPlace(), aPlace()]
  const { session } = await foyer.visitor()
  for (let n = 0; n < 130; n++) expect(await comes(session.token, here)).toBe('welcome')
  const ends: unknown[] = []
  for (let round = 0; round < 4; round++)
    ends.push(...(await Promise.all(Array.from({ length: 50 }, () => comes('guessed', here)))))
  expect(ends.filter((end) => end === '4401 Not signed in').length).toBeGreaterThanOrEqual(120)
  expect(ends).toContain('4429 Too many unknown tokens from this address')
  expect(await comes(session.token, here)).toBe('welcome')
  expect(await comes('guessed', elsewhere)).toBe('4401 Not signed in')

  const own = await Promise.all(Array.from({ length: 150 }, () => comes('guessed', '10.1.2.3')))
  expect(new Set(own)).toEqual(new Set(['4401 Not signed in']))
})

/** Guesses until the address has to wait. */
async function exhaust(place: string): Promise<void> {
  let waits = false
  while (!waits) {
    const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf(guessed(place))))
    waits = statuses.filter((status) => status === 429).length > 25
  }
}

/** @returns how a visitor's socket with this token ends, or that it was welcomed. */
async function comes(token: string, place: string): Promise<string> {
  const line = await visitorLine(foyer, from(place))
  line.send({ type: 'hello', token })
  const welcomed = await line.frame('welcome').then(
    () => true,
    () => false,
  )
  if (!welcomed) {
    const { code, reason } = await ending(line)
    return `${code} ${reason}`
  }
  await line.close()
  return 'welcome'
}

interface Answer {
  status: number
  retryAfter?: string | undefined
  body?: string
}

const statusOf = async (headers: Record<string, string>) => (await upgrade(headers)).status

/** @returns how an upgrade to an agent's socket is answered; one that succeeds is ended. */
async function upgrade(headers: Record<string, string>): Promise<Answer> {
  const socket = new WebSocket(address(foyer, '/ws/agent'), { headers })
  socket.on('error', () => undefined)
  const opened = once(socket, 'open').then(() => ({ status: 101 }))
  const refused = once(socket, 'unexpected-response').then(async ([, answer]) => {
    const { statusCode = 0, headers: told } = answer as IncomingMessage
    return {
      status: statusCode,
      retryAfter: told['retry-after'],
      body: await text(answer as IncomingMessage),
    }
  })
  const answer = await Promise.race([opened, refused])
  socket.terminate()
  return answer
}
