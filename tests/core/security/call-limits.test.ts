import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { address, ending, visitorLine } from '#tests/core/realtime/line.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'

/** Behind one proxy, so that calls can come from any address. */
let foyer: TestFoyer
beforeAll(async () => {
  foyer = await startFoyer({ config: { trustedProxies: 1, smtpUrl: 'smtp://127.0.0.1:1' }, workers: false })
})
afterAll(() => foyer.close())

/** Another one each time: what was counted stays so. */
let places = 0
const from = (place: string) => ({ 'x-forwarded-for': place })

test('a chat’s transcript is mailed so often, and an address gets so many; what was never sent does not count', async () => {
  const now = foyer.clock.now()
  const { http, id: agentId } = await foyer.agent({ online: false })
  const aChat = async (email: string | null, status: 'active' | 'ended' = 'ended') => {
    const visitor = await aVisitor(foyer.pool, now, { siteId: foyer.site.id })
    await foyer.pool.query('update visitors set email = $2 where id = $1', [visitor.id, email])
    const parts = { siteId: foyer.site.id, visitorId: visitor.id, agentId, texts: ['Hello'], status }
    const id = await aConversation(foyer.pool, now, parts)
    return { visitorId: visitor.id, mail: () => http.raw('POST', `/conversations/${id}/mail-transcript`, {}) }
  }
  const times = async (count: number, mail: () => Promise<Response>) => {
    const statuses: number[] = []
    for (let n = 0; n < count; n++) statuses.push(await statusOf(await mail()))
    return statuses
  }
  const mailsTo = async (to: string) =>
    (
      await foyer.pool.query<{ n: number }>('select count(*)::int as n from mails where to_address = $1', [
        to,
      ])
    ).rows[0]?.n

  const unknown = await aChat(null)
  expect(new Set(await times(8, unknown.mail))).toEqual(new Set([409]))
  await foyer.pool.query(`update visitors set email = 'nadia@limits.test' where id = $1`, [unknown.visitorId])
  expect(await times(5, unknown.mail)).toEqual([200, 200, 200, 200, 200])
  const refused = await unknown.mail()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_500)
  expect(await refused.json()).toMatchObject({
    code: 'rate_limited',
    detail: expect.stringContaining('five times'),
  })

  // five more in another chat; then no more to it
  const same = await aChat('nadia@limits.test')
  expect(await times(5, same.mail)).toEqual([200, 200, 200, 200, 200])
  const third = await aChat('nadia@limits.test')
  const full = await third.mail()
  expect(full.status).toBe(429)
  expect(await full.json()).toMatchObject({ detail: expect.stringContaining('this address') })
  expect(await mailsTo('nadia@limits.test')).toBe(10)

  // one agent cannot go on through everybody else's
  const answers: number[] = []
  for (let n = 0; n < 55; n++) answers.push(...(await times(1, (await aChat(`v${n}@limits.test`)).mail)))
  expect(answers.filter((status) => status === 200)).toHaveLength(50)
  expect(answers.slice(50)).toEqual([429, 429, 429, 429, 429])
  // and keeps nobody else from it
  const colleague = await foyer.agent({ online: false })
  const { rows } = await foyer.pool.query<{ id: string }>(
    `select c.id from conversations c join visitors v on v.id = c.visitor_id where v.email = 'v54@limits.test'`,
  )
  await colleague.http.post(`/conversations/${rows[0]?.id}/mail-transcript`)
})

test('upgrades to an agent’s socket that fail are slowed by address, and those that are right are not counted', async () => {
  const agent = await foyer.agent({ online: false })
  const right = { cookie: agent.http.cookie ?? '', origin: foyer.origin }
  const [here, elsewhere] = [`198.51.100.${++places}`, `198.51.100.${++places}`]
  const guessed = { cookie: 'foyer_session=guessed', origin: foyer.origin }
  for (let n = 0; n < 140; n++) expect(await upgrade({ ...right, ...from(here) })).toBe(101)

  // at once, as one by one they would be given time to grow
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      upgrade({
        ...(n % 2 ? guessed : { ...right, origin: 'https://evil.example' }),
        ...from(here),
      }),
    ),
  )
  const count = (status: number) => answers.filter((one) => one === status).length
  expect(count(401) + count(403)).toBeGreaterThanOrEqual(120)
  expect(count(429)).toBeGreaterThan(0)
  expect(count(401) + count(403) + count(429)).toBe(200)
  expect(lastRefusal).toMatchObject({ retryAfter: '1', body: expect.stringContaining('too often') })

  expect(await upgrade({ ...guessed, ...from(elsewhere) })).toBe(401)
  expect(await upgrade({ ...right, ...from(elsewhere) })).toBe(101)
})

let lastRefusal: { retryAfter: string | undefined; body: string } | undefined

test('visitors’ sockets with tokens of nobody are slowed by address, and those of somebody are not counted', async () => {
  const [here, elsewhere] = [`198.51.100.${++places}`, `198.51.100.${++places}`]
  const { session } = await foyer.visitor()
  const comes = async (token: string, place: string | undefined) => {
    const line = await visitorLine(foyer, from(place ?? ''))
    line.send({ type: 'hello', token })
    const welcomed = await line.frame('welcome').then(
      () => true,
      () => false,
    )
    if (!welcomed) return (await ending(line)).code
    await line.close()
    return 'welcome'
  }
  for (let n = 0; n < 130; n++) expect(await comes(session.token, here)).toBe('welcome')
  const ends: unknown[] = []
  for (let round = 0; round < 4; round++)
    ends.push(...(await Promise.all(Array.from({ length: 50 }, () => comes('guessed', here)))))
  expect(ends.filter((end) => end === 4401).length).toBeGreaterThanOrEqual(120)
  expect(ends.filter((end) => end === 4429).length).toBeGreaterThan(0)
  expect(await comes('guessed', elsewhere)).toBe(4401)
  expect(await comes(session.token, elsewhere)).toBe('welcome')
})

/** @returns the status with which an upgrade is answered; one that succeeds is ended. */
async function upgrade(headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(address(foyer, '/ws/agent'), { headers })
  socket.on('error', () => undefined)
  const opened = once(socket, 'open').then(() => 101)
  const refused = once(socket, 'unexpected-response').then(async ([, answer]) => {
    const { statusCode = 0, headers: told } = answer as IncomingMessage
    const body = await text(answer as IncomingMessage)
    if (statusCode === 429) lastRefusal = { retryAfter: told['retry-after'], body }
    return statusCode
  })
  const status = await Promise.race([opened, refused])
  socket.terminate()
  return status
}

test('what a page asks to begin a chat has a limit of its own for each address, and says when to go on', async () => {
  const { key } = foyer.site
  const [here, elsewhere] = [`198.51.100.${++places}`, `198.51.100.${++places}`]
  for (const path of [`/api/v1/widget/sites/${key}`, `/widget/frame?site=${key}`, `/chat?site=${key}`]) {
    // into the server itself: thousands of connections would cost a minute
    const read = (place: string) => foyer.app.inject({ url: path, headers: from(place) })
    const answers: Awaited<ReturnType<typeof read>>[] = []
    for (let round = 0; round < 25; round++)
      answers.push(...(await Promise.all(Array.from({ length: 50 }, () => read(here)))))
    const refused = answers.filter(({ statusCode }) => statusCode === 429)
    expect([path, new Set(answers.map(({ statusCode }) => statusCode))]).toEqual([path, new Set([200, 429])])
    expect([path, refused.length]).toEqual([path, 50])
    expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused[0]?.json()).toMatchObject({ status: 429, code: 'rate_limited' })
    expect((await read(elsewhere)).statusCode).toBe(200)
  }
})

async function statusOf(answer: Response): Promise<number> {
  await answer.text()
  return answer.status
}
