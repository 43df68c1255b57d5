import { afterAll, beforeAll, expect, test } from 'vitest'
import { aConversation, aSite, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

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

test('what a page asks to begin a chat has a limit of its own for each address, and says when to go on', async () => {
  const { key } = foyer.site
  const [here, elsewhere] = [`198.51.100.${++places}`, `198.51.100.${++places}`]
  for (const path of [`/api/v1/widget/sites/${key}`, `/chat?site=${key}`]) {
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

test('the frame of a site is given however often it is asked for, of unknown ones not, and what the site changes it follows', async () => {
  const here = `198.51.100.${++places}`
  const site = await aSite(foyer.pool, foyer.clock.now(), { name: 'Shop' })
  const read = (key: string) => foyer.app.inject({ url: `/widget/frame?site=${key}`, headers: from(here) })
  const statuses = async (keys: string[]) =>
    (await Promise.all(keys.map(read))).map(({ statusCode }) => statusCode)
  expect(await statuses([site.key])).toEqual([200])
  const unknown = await statuses(Array.from({ length: 200 }, (_, n) => `unknown-${n}`))
  expect(unknown.filter((status) => status === 404).length).toBeGreaterThanOrEqual(120)
  expect(unknown.at(-1)).toBe(429)
  for (let round = 0; round < 25; round++)
    expect(new Set(await statuses(Array(60).fill(site.key)))).toEqual(new Set([200]))
  await foyer.pool.query(`update sites set allowed_origins = '{https://shop.test}' where id = $1`, [site.id])
  await waitFor('the frame says who may embed it', async () =>
    String((await read(site.key)).headers['content-security-policy']).includes('https://shop.test'),
  )
})

async function statusOf(answer: Response): Promise<number> {
  await answer.text()
  return answer.status
}
