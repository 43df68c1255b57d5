import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'

const settings = { limits: { addressWaiting: 3, addressBurst: 10_000, visitorBurst: 10_000 } }

/** @returns the answers' statuses and codes. */
async function ask(
  foyer: TestFoyer,
  address: string,
  { times = 1, path = '/widget/conversations', more = {} } = {},
) {
  const answers = await Promise.all(
    Array.from({ length: times }, async () => {
      const visitor = await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })
      const http = new HttpClient(foyer.origin)
      http.useToken(visitor.token)
      const body = { text: 'Hello', clientId: randomUUID(), ...more }
      const response = await http.raw('POST', path, body, { 'x-forwarded-for': address })
      const answer = (await response.json()) as WidgetConversation & { code?: string; detail?: string }
      return { http, id: answer.id, code: answer.code, detail: answer.detail }
    }),
  )
  return answers
}
const codes = (answers: { code: string | undefined }[]) => answers.map(({ code }) => code ?? 'made').sort()

test('one address may have so many requests waiting, however many come at once', async () => {
  const foyer = await startFoyer({ workers: false, settings, config: { trustedProxies: 1 } })
  // somebody has to be there, or requests would not wait
  await foyer.agent()
  const crowd = await ask(foyer, '203.0.113.1', { times: 12 })
  expect(codes(crowd)).toEqual(['made', 'made', 'made', ...Array(9).fill('too_many_waiting')])
  expect(crowd.find(({ code }) => code)).toMatchObject({ detail: expect.stringContaining('Leave a message') })
  // what was refused left nothing behind
  const { rows } = await foyer.pool.query('select count(*)::int as n from conversations')
  expect(rows[0].n).toBe(3)
  // others are not touched, a network of IPv6 counts as one, and leaving a message stays possible
  expect(codes(await ask(foyer, '203.0.113.2'))).toEqual(['made'])
  expect(codes(await ask(foyer, '2001:db8::1', { times: 3 }))).toEqual(['made', 'made', 'made'])
  expect(codes(await ask(foyer, '2001:db8::2'))).toEqual(['too_many_waiting'])
  const left = { path: '/widget/messages', more: { fields: { email: 'sofia@northwind.test' } } }
  expect(codes(await ask(foyer, '203.0.113.1', left))).toEqual(['made'])
  await foyer.close()
})

test('a request that waits no more makes room', async () => {
  const foyer = await startFoyer({ workers: false, settings, config: { trustedProxies: 1 } })
  const agent = await foyer.agent()
  const [first, second] = await ask(foyer, '203.0.113.1', { times: 3 })
  expect(codes(await ask(foyer, '203.0.113.1'))).toEqual(['too_many_waiting'])
  await agent.accepts(first?.id)
  expect(codes(await ask(foyer, '203.0.113.1'))).toEqual(['made'])
  expect(codes(await ask(foyer, '203.0.113.1'))).toEqual(['too_many_waiting'])
  await second?.http.post(`/widget/conversations/${second.id}/end`)
  expect(codes(await ask(foyer, '203.0.113.1'))).toEqual(['made'])
  await retireEverybody(foyer)
  await foyer.close()
})

test('one address begins so many chats in a day, as however many visitors and whatever becomes of them', async () => {
  const limits = { ...settings.limits, addressWaiting: 5, addressConversations: 4 }
  const foyer = await startFoyer({ workers: false, settings: { limits }, config: { trustedProxies: 1 } })
  const left = {
    path: '/widget/messages',
    more: { fields: { email: 'sofia@northwind.test' } },
  }
  // with nobody there what is asked for is missed at once, as what is left
  const both = await Promise.all([
    ask(foyer, '203.0.113.1', { times: 4 }),
    ask(foyer, '203.0.113.1', { times: 4, ...left }),
  ])
  expect(codes(both.flat())).toEqual([...Array(4).fill('made'), ...Array(4).fill('rate_limited')])
  const { rows } = await foyer.pool.query('select count(*)::int as n from conversations')
  expect(rows[0].n).toBe(4)
  const kept = await foyer.pool.query<{ kept: string }>('select to_jsonb(t)::text as kept from chat_turns t')
  expect(kept.rows.filter((row) => row.kept.includes('203.0.113'))).toEqual([])
  // another address, and one of one's own network, is not touched; an hour less than a day makes no room, a day does
  expect(codes(await ask(foyer, '203.0.113.2', left))).toEqual(['made'])
  expect(codes(await ask(foyer, '10.0.0.7', { times: 6, ...left }))).toEqual(Array(6).fill('made'))
  foyer.clock.advance(23 * 3_600_000)
  expect(codes(await ask(foyer, '203.0.113.1', left))).toEqual(['rate_limited'])
  foyer.clock.advance(3_600_000)
  expect(codes(await ask(foyer, '203.0.113.1', left))).toEqual(['made'])
  await foyer.close()
})

test('a proxy that nobody declared stands for everybody, and does not shut them out', async () => {
  const foyer = await startFoyer({ workers: false, settings })
  await foyer.agent()
  for (const address of ['203.0.113.1', '10.0.0.7'])
    expect(codes(await ask(foyer, address, { times: 5 }))).toEqual(Array(5).fill('made'))
  await foyer.close()
})
