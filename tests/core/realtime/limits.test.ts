import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { MessageLog } from '#core/features/conversations/message-log.ts'
import { startListed } from '#tests/core/security/route-table.ts'
import { aConversation, anAgent, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { aPng } from '#tests/support/upload.ts'
import { waitFor } from '#tests/support/wait.ts'
import { ending, visitorLine } from './line.ts'

const limits = {
  visitorBurst: 5,
  visitorPerSecond: 2,
  addressBurst: 8,
  addressPerSecond: 2,
  addressSockets: 3,
  sessionsPerMinute: 4,
}

/** Behind one proxy, so that a test can come from any address. */
const start = () => startFoyer({ settings: { limits }, config: { trustedProxies: 1 }, workers: false })
const fromAddress = (address: string) => ({ 'x-forwarded-for': `6.6.6.6, ${address}` })

test('one visitor may write so much at once, and is told when to go on', async () => {
  const foyer = await start()
  const { line, id } = await chatFrom(foyer, '203.0.113.1')
  const sends = Array.from({ length: 30 }, (_, n) => ({ clientId: `send-${n}`, text: `line ${n}` }))
  const began = performance.now()
  for (const send of sends) line.send({ type: 'send', conversationId: id, ...send })
  await waitFor('all are answered', () => line.ofType('ack').length + line.ofType('refused').length === 30)
  const stored = line.ofType('ack').length
  // two a second grow while they come in
  const grown = ((performance.now() - began) / 1_000) * limits.visitorPerSecond
  expect(stored).toBeGreaterThanOrEqual(5)
  expect(stored).toBeLessThanOrEqual(5 + grown)
  const ids = sends.map(({ clientId }) => clientId)
  expect(line.ofType('ack').map(({ clientId }) => clientId)).toEqual(ids.slice(0, stored))
  expect(line.ofType('refused').map(({ clientId }) => clientId)).toEqual(ids.slice(stored))
  for (const refused of line.ofType('refused')) {
    expect(refused.code).toBe('rate_limited')
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(500)
  }
  // and goes on then
  await waitFor(
    'the next one is taken',
    () => {
      const next = sends[stored]
      if (next) line.send({ type: 'send', conversationId: id, ...next })
      return line.ofType('ack').some(({ clientId }) => clientId === next?.clientId)
    },
    { everyMs: 100 },
  )
  expect((await foyer.stateOf(id)).texts).toHaveLength(stored + 1)
  // the same allowance over HTTP
  const http = new HttpClient(foyer.origin)
  const visitor = await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })
  http.useToken(visitor.token)
  // at once: one by one a slow machine gives them time to grow
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const body = { text: `Hello ${n}`, clientId: randomUUID() }
      const response = await http.raw('POST', '/widget/conversations', body, fromAddress('203.0.113.9'))
      if (response.status === 429) {
        expect(response.headers.get('retry-after')).toBe('1')
        expect(await response.json()).toMatchObject({ code: 'rate_limited' })
      } else await response.text()
      return response.status
    }),
  )
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0)
  expect(statuses).toContain(201)
  await line.close()
  await foyer.close()
})

test('every call of a visitor counts, whichever it is', async () => {
  const { foyer, routes } = await startListed({ settings: { limits }, workers: false })
  const { http } = await foyer.visitor()
  const { id } = await http.post<{ id: string }>('/widget/conversations', {
    text: 'Hello',
    clientId: randomUUID(),
  })
  const message = () => ({ text: 'Hello', clientId: randomUUID() })
  const calls: Record<string, () => unknown> = {
    'POST /widget/conversations': message,
    'GET /widget/conversations': () => undefined,
    'GET /widget/conversations/:id/messages': () => undefined,
    'POST /widget/conversations/:id/messages': message,
    'POST /widget/conversations/:id/end': () => undefined,
    'POST /widget/conversations/:id/files': () => aPng().toString('latin1'),
    'GET /widget/conversations/:id/files/:fileId': () => undefined,
    'POST /widget/messages': () => ({ ...message(), fields: { email: 'ada@example.test' } }),
    'POST /widget/booking-links': () => undefined,
  }
  const listed = routes.filter(
    ({ access, method, url }) =>
      // the end of a session comes once
      access === 'visitor' && method !== 'HEAD' && !url.endsWith('/sessions/end'),
  )
  expect(listed.map(({ method, url }) => `${method} ${url.slice(7)}`).sort()).toEqual(
    Object.keys(calls).sort(),
  )
  const uploading = {
    'content-type': 'application/octet-stream',
    'foyer-file-name': 'a.png',
    'foyer-client-id': 'a-file',
  }
  for (const [route, body] of Object.entries(calls)) {
    const [method = '', path = ''] = route.split(' ')
    const address = path.replace(':id', id).replace(':fileId', randomUUID())
    const headers = path.endsWith('/files') ? uploading : {}
    // more than may wait, so that what grows meanwhile is not enough
    const statuses = await Promise.all(
      Array.from({ length: 3 * limits.visitorBurst * 3 }, async () => {
        const response = await http.raw(method, address, body(), headers)
        await response.text()
        return response.status
      }),
    )
    expect([route, statuses.includes(429)]).toEqual([route, true])
  }
  await foyer.close()
})

test('an address has an allowance too, and others are not touched by it', async () => {
  const foyer = await start()
  const crowd = await Promise.all([1, 2, 3].map(() => chatFrom(foyer, '203.0.113.1')))
  const other = await chatFrom(foyer, '203.0.113.2')
  for (const [n, { line, id }] of crowd.entries())
    for (let k = 0; k < 4; k++)
      line.send({ type: 'send', conversationId: id, clientId: `send-${n}-${k}`, text: 'Hello' })
  const count = (type: 'ack' | 'refused') =>
    crowd.reduce((sum, { line }) => sum + line.ofType(type).length, 0)
  await waitFor('all are answered', () => count('ack') + count('refused') === 12)
  expect(count('ack')).toBeGreaterThanOrEqual(8)
  expect(count('refused')).toBeGreaterThan(0)
  other.line.send({ type: 'send', conversationId: other.id, clientId: 'mine', text: 'Hello' })
  await other.line.frame('ack')
  await Promise.all([...crowd, other].map(({ line }) => line.close()))
  await foyer.close()
})

test('sockets and sessions of one address are counted, and a closed one makes room', async () => {
  const foyer = await start()
  const here = fromAddress('203.0.113.5')
  const lines = [
    await visitorLine(foyer, here),
    await visitorLine(foyer, here),
    await visitorLine(foyer, here),
  ]
  const tooMany = await visitorLine(foyer, here)
  expect((await ending(tooMany)).code).toBe(4429)
  const elsewhere = await visitorLine(foyer, fromAddress('203.0.113.6'))
  // what a client claims about itself does not count, only what the proxy adds
  const claiming = await visitorLine(foyer, { 'x-forwarded-for': '1.1.1.1, 203.0.113.5' })
  expect((await ending(claiming)).code).toBe(4429)
  await lines[0]?.close()
  const visitor = await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })
  await waitFor('there is room again', async () => {
    const line = await visitorLine(foyer, here)
    line.send({ type: 'hello', token: visitor.token })
    await line.frame('welcome')
    lines.push(line)
    return true
  })
  expect(elsewhere.closed).toBeUndefined()

  const http = new HttpClient(foyer.origin)
  const open = async (address: string) => {
    const response = await http.raw(
      'POST',
      '/widget/sessions',
      { siteKey: foyer.site.key },
      fromAddress(address),
    )
    const body = (await response.json()) as { code?: string }
    return response.status === 200 ? 200 : `${response.status} ${body.code}`
  }
  const answers: unknown[] = []
  for (let n = 0; n < 6; n++) answers.push(await open('203.0.113.7'))
  expect(answers).toEqual([200, 200, 200, 200, '429 rate_limited', '429 rate_limited'])
  expect(await open('203.0.113.8')).toBe(200)
  await Promise.all([...lines, elsewhere].map((line) => line.close()))
  await foyer.close()
})

test('a flood of small frames is dropped without harm to anybody', async () => {
  const foyer = await start()
  const { line, id } = await chatFrom(foyer, '203.0.113.1')
  const other = await chatFrom(foyer, '203.0.113.2')
  for (let n = 0; n < 5_000; n++) {
    line.send({ type: 'typing', conversationId: id, typing: n % 2 === 0 })
    line.send({ type: 'page', page: { url: `https://example.test/${n}` } })
  }
  other.line.send({ type: 'send', conversationId: other.id, clientId: 'mine', text: 'Hello' })
  await other.line.frame('ack')
  line.send({ type: 'send', conversationId: id, clientId: 'mine', text: 'Hello' })
  await line.frame('ack')
  const { rows } = await foyer.pool.query<{ n: number }>('select sum(page_count) as n from visits')
  expect(Number(rows[0]?.n ?? 0)).toBeLessThan(100)
  await Promise.all([line.close(), other.line.close()])
  await foyer.close()
})

test('reading has a limit too, one of its own for each visitor', async () => {
  const foyer = await start()
  const { line, id } = await chatFrom(foyer, '203.0.113.1')
  const reader = async () => {
    const http = new HttpClient(foyer.origin)
    http.useToken((await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id })).token)
    return async (path: string) => {
      const response = await http.raw('GET', `/widget/conversations${path}`)
      await response.text()
      return response.status
    }
  }
  const [hurried, calm] = [await reader(), await reader()]
  const statuses = await Promise.all(
    Array.from({ length: 60 }, (_, n) => hurried(n % 2 ? '' : `/${id}/messages`)),
  )
  expect(new Set(statuses)).toEqual(new Set([200, 404, 429]))
  expect(await calm('')).toBe(200)
  await line.close()
  await foyer.close()
})

let position = 0

async function chatFrom(foyer: TestFoyer, address: string) {
  const now = foyer.clock.now()
  const visitor = await aVisitor(foyer.pool, now, { siteId: foyer.site.id })
  const agent = await anAgent(foyer.pool, now, { name: `Limits ${++position}` })
  const parts = { siteId: foyer.site.id, visitorId: visitor.id, agentId: agent.id, texts: [] }
  const id = await aConversation(foyer.pool, now, parts)
  const line = await visitorLine(foyer, fromAddress(address))
  line.send({ type: 'hello', token: visitor.token })
  await line.frame('welcome')
  return { line, id }
}

test('a burst beyond the limit is stored in the order it was sent, when each comes back as told', async () => {
  const foyer = await start()
  const { line, id } = await chatFrom(foyer, '203.0.113.77')
  const texts = Array.from({ length: 8 }, (_, n) => `line ${n}`)
  const send = (clientId: string) =>
    line.send({ type: 'send', conversationId: id, clientId: `b-${clientId}`, text: `line ${clientId}` })
  line.on((frame) => {
    if (frame.type === 'refused' && frame.clientId)
      setTimeout(send, frame.retryAfterMs, frame.clientId.slice(2))
  })
  // the last one comes when the allowance has grown again, and before those refused have come back
  for (let n = 0; n < 7; n++) send(String(n))
  await waitFor('one is refused', () => line.ofType('refused').length > 0)
  send('7')
  await waitFor('all are stored', async () => (await foyer.stateOf(id)).texts.length >= texts.length)
  const stored = (await foyer.stateOf(id)).texts.filter((text) => text.startsWith('line '))
  expect(stored).toEqual(texts)
  await line.close()
})

test('of several that are to come back the first goes first, whichever comes', async () => {
  const foyer = await start()
  const { line, id } = await chatFrom(foyer, '203.0.113.78')
  const send = (n: number) =>
    line.send({ type: 'send', conversationId: id, clientId: `b-${n}`, text: `line ${n}` })
  const isStored = (n: number) => line.ofType('ack').some(({ clientId }) => clientId === `b-${n}`)
  const first = 20
  for (let n = 0; n < first; n++) send(n)
  await waitFor('all are answered', () => line.frames.filter(isAnswer).length === first)
  const stored = line.ofType('ack').length
  expect(first - stored).toBeGreaterThan(2)
  const rest = Array.from({ length: first - stored }, (_, n) => stored + n)
  const comeBack = (order: number[]) => () => {
    for (const n of order) if (!isStored(n)) send(n)
    return order.every(isStored)
  }
  await waitFor('they are stored', comeBack(rest.slice(0, 3).reverse()), { everyMs: 100 })
  const texts = Array.from({ length: stored + 3 }, (_, n) => `line ${n}`)
  expect((await foyer.stateOf(id)).texts).toEqual(texts)
  await line.close()
})

const isAnswer = ({ type }: { type: string }) => type === 'ack' || type === 'refused'

test('what could not be stored is not overtaken by what comes after it, and holds up no other chat', async () => {
  const foyer = await startFoyer({ workers: false })
  const { app, pool, clock } = foyer
  const { agent, id } = await foyer.chat()
  const visitor = await foyer.visitor()
  const { id: other } = await visitor.asks('And me?')
  await agent.accepts(other)
  const { messageLog } = app.services
  app.services.messageLog = new MessageLog({ pool, clock, log: app.log, idleMs: 600_000, patienceMs: 100 })
  const send = (clientId: string, conversationId: string) =>
    agent.socket.send({ type: 'send', conversationId, clientId, text: clientId })
  const refusals = (clientId: string) =>
    agent.socket.ofType('refused').filter((frame) => frame.clientId === clientId)
  const holder = await pool.connect()
  await holder.query('begin')
  await holder.query('select from conversations where id = $1 for update', [id])
  send('one', id)
  await waitFor('it could not be stored', () => refusals('one').length > 0)
  await holder.query('commit')
  holder.release()
  app.services.messageLog = messageLog

  send('two', id)
  send('elsewhere', other)
  await agent.socket.frame('ack', ({ clientId }) => clientId === 'elsewhere')
  await waitFor('the next one is told to wait', () => refusals('two').length > 0)
  expect(refusals('two')[0]?.retryAfterMs).toBeGreaterThan(0)
  send('one', id)
  send('two', id)
  await agent.socket.frame('ack', ({ clientId }) => clientId === 'two')
  expect((await foyer.stateOf(id)).texts.slice(-2)).toEqual(['one', 'two'])
  await foyer.close()
})

test('what an agent writes over HTTP counts like what goes over the socket', async () => {
  const foyer = await startFoyer({ workers: false })
  const { agent, id } = await foyer.chat()
  const { agentSends } = foyer.app
  const answerOf = async (what: 'messages' | 'notes') => {
    const body = { text: 'Hello', clientId: randomUUID() }
    const response = await agent.http.raw('POST', `/conversations/${id}/${what}`, body)
    return { status: response.status, ...((await response.json()) as { code?: string }) }
  }
  expect([(await answerOf('messages')).status, (await answerOf('notes')).status]).toEqual([200, 200])
  // somebody spends on and on what the agent may send
  const spending = setInterval(() => {
    for (let n = 0; n < 60; n++) agentSends.take(agent.id)
  }, 1)
  onTestFinished(() => clearInterval(spending))
  for (const what of ['messages', 'notes'] as const)
    await waitFor(`${what} are refused`, async () => {
      const { status, code } = await answerOf(what)
      return status === 429 && code === 'rate_limited'
    })
  await waitFor('frames are refused', () => {
    agent.socket.send({ type: 'send', conversationId: id, clientId: 'mine', text: 'Hello' })
    return agent.socket.ofType('refused').length > 0
  })
  await foyer.close()
})

test('an agent’s small frames have a limit that no person reaches, and it is said in words', async () => {
  const foyer = await start()
  const agent = await foyer.agent()
  const frame = { type: 'resume', conversationId: randomUUID(), afterSeq: 0 }
  for (let n = 0; n < 900; n++) agent.socket.send(frame)
  const { message, retryAfterMs } = await agent.socket.frame('refused', ({ code }) => code === 'rate_limited')
  expect(message).toContain('very often')
  expect(retryAfterMs).toBeGreaterThan(0)
  const refused = () => agent.socket.ofType('refused')
  await waitFor('all are answered', () => refused().length === 900)
  // 500 at once, and what grows while they come in
  expect(refused().filter(({ code }) => code === 'not_found').length).toBeGreaterThanOrEqual(500)
  expect(agent.socket.closed).toBeUndefined()
  await foyer.close()
})
