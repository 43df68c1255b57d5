import { connect } from 'node:net'
import { expect } from 'vitest'
import { MemoryBus } from '#core/realtime/bus.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { agentLine, ending, refusal, visitorLine } from './line.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('whoever says nothing within five seconds is let go', async ({ foyer }) => {
  const agent = await foyer.agent({ online: false })
  const began = performance.now()
  const lines = [await visitorLine(foyer), await agentLine(foyer, agent)]
  for (const line of lines) expect((await ending(line)).code).toBe(4401)
  expect(performance.now() - began).toBeGreaterThan(4_500)
  expect(performance.now() - began).toBeLessThan(30_000)
})

test('a visitor comes in with the token of a session, and with nothing else', async ({ foyer }) => {
  const agent = await foyer.agent({ online: false })
  const visitor = await foyer.visitor()
  for (const token of ['', 'x'.repeat(43), visitor.session.visitorId, `${visitor.session.token}x`]) {
    // an agent's cookie changes nothing here
    const line = await visitorLine(foyer, { cookie: agent.http.cookie ?? '' })
    line.send({ type: 'hello', token })
    expect((await ending(line)).code).toBe(4401)
    expect(line.frames).toEqual([])
  }
  for (const first of [{ type: 'typing' }, { type: 'hello' }, { type: 'hello', token: 7 }, {}]) {
    const line = await visitorLine(foyer)
    line.send(first)
    expect((await ending(line)).code).toBe(4401)
  }
})

test('an agent needs the cookie, a page of Foyer’s own and the token of this very session', async ({
  foyer,
}) => {
  const agent = await foyer.agent({ online: false })
  const cookie = agent.http.cookie ?? ''
  const { origin } = foyer
  expect(await refusal(foyer, '/ws/agent', { cookie })).toBe(403)
  expect(await refusal(foyer, '/ws/agent', { cookie, origin: 'https://evil.example' })).toBe(403)
  expect(await refusal(foyer, '/ws/agent', { cookie, origin: 'null' })).toBe(403)
  expect(await refusal(foyer, '/ws/agent', { cookie, origin: `${origin}.evil.example` })).toBe(403)
  expect(await refusal(foyer, '/ws/agent', { origin })).toBe(401)
  expect(await refusal(foyer, '/ws/agent', { origin, cookie: 'foyer_session=guessed' })).toBe(401)
  expect(await refusal(foyer, '/ws/visitor', { origin: 'https://evil.example' })).toBe(403)
  expect(await refusal(foyer, '/ws/nobody', { origin })).toBe(404)

  const otherSession = await foyer.signIn(
    { email: agent.me.email, password: 'correct horse battery staple' },
    { online: false },
  )
  for (const token of ['', 'guessed', cookie.split('=')[1] ?? '', otherSession.me.socketToken]) {
    const line = await agentLine(foyer, agent)
    line.send({ type: 'hello', token })
    expect((await ending(line)).code).toBe(4401)
    expect(line.frames).toEqual([])
  }
})

test('an address that is none gets an answer of its own and harms nobody', async ({ foyer }) => {
  const port = Number(new URL(foyer.origin).port)
  const socket = connect(port, '127.0.0.1')
  socket.end(
    'GET //[ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  const answer = (await socket.toArray()).join('')
  expect(answer).toMatch(/^HTTP\/1.1 40[04] /)
})

test('what happens while the snapshot is read follows it, in order and without a hole', async ({ foyer }) => {
  const { bus } = foyer.app.services
  const visitor = await foyer.visitor()
  const agent = await foyer.agent({ online: false })
  const tell = (readSeq: number) => {
    const conversationId = visitor.id
    bus.publish(`visitor:${visitor.id}`, JSON.stringify({ type: 'seen', conversationId, readSeq }))
    bus.publish(`agent:${agent.id}`, JSON.stringify({ type: 'counts', counts: { missed: readSeq } }))
  }
  let told = 0
  const telling = setInterval(() => tell(++told), 1)
  const [forVisitor, forAgent] = [await visitorLine(foyer), await agentLine(foyer, agent)]
  forVisitor.send({ type: 'hello', token: visitor.session.token })
  forAgent.send({ type: 'hello', token: agent.me.socketToken })
  await forVisitor.frame('welcome')
  await forAgent.frame('welcome')
  clearInterval(telling)
  tell(++told)
  await forVisitor.frame('seen', ({ readSeq }) => readSeq === told)
  await forAgent.frame('counts', ({ counts }) => counts.missed === told)
  for (const line of [forVisitor, forAgent]) {
    expect(line.frames[0]?.type).toBe('welcome')
    const numbers = line.frames.flatMap((frame) =>
      frame.type === 'seen' ? [frame.readSeq] : frame.type === 'counts' ? [frame.counts.missed] : [],
    )
    // the presence alone takes 20 ms, so several of them came in between
    expect(numbers.length).toBeGreaterThan(5)
    expect(numbers).toEqual(numbers.map((_, place) => (numbers[0] ?? 0) + place))
    await line.close()
  }
})

test('what is said before the welcome is refused, and nothing is lost by saying it again', async ({
  foyer,
}) => {
  const visitor = await foyer.visitor()
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: visitor.session.token })
  line.send({ type: 'send', conversationId: visitor.id, clientId: 'early', text: 'Hello?' })
  await line.frame('welcome')
  const refused = await waitFor('the refusal', () => line.frames.find(({ type }) => type === 'refused'))
  expect(refused).toMatchObject({ code: 'too_early', clientId: 'early' })
  expect(line.frames[0]?.type).toBe('welcome')
  await line.close()
})

test('a page address that is none does not keep a visitor out', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  for (const url of ['http://[', 'about:srcdoc', '', '?utm_source=%00&utm_%00=x&utm_medium=mail', '\ud800']) {
    const line = await visitorLine(foyer)
    line.send({ type: 'hello', token: visitor.session.token, page: { url } })
    await line.frame('welcome')
    line.send({ type: 'page', page: { url: `${url}&again=1` } })
    line.send({ type: 'typing', conversationId: visitor.id, typing: true })
    await line.close()
  }
  expect(visitor.socket.ofType('refused')).toEqual([])
})

test('a page address that would run instead of load is refused', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  const line = await visitorLine(foyer)
  const page = { url: 'javascript:alert(1)' }
  line.send({ type: 'hello', token: visitor.session.token, page })
  expect((await ending(line)).code).toBe(4401)
  visitor.socket.send({ type: 'page', page })
  expect(await visitor.socket.frame('refused')).toMatchObject({ code: 'invalid_input' })
  const { rows } = await foyer.pool.query('select page from visitors where id = $1', [visitor.id])
  expect(rows).toEqual([{ page: null }])
})

test('when Foyer cannot read the database a hello costs nobody the token', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  const agent = await foyer.agent({ online: false })
  await foyer.pool.query('alter table conversations rename to conversations_away')
  const [forVisitor, forAgent] = [await visitorLine(foyer), await agentLine(foyer, agent)]
  forVisitor.send({ type: 'hello', token: visitor.session.token })
  forAgent.send({ type: 'hello', token: agent.me.socketToken })
  const codes = [(await ending(forVisitor)).code, (await ending(forAgent)).code]
  await foyer.pool.query('alter table conversations_away rename to conversations')
  expect(codes).toEqual([1013, 1013])
  const back = await visitorLine(foyer)
  back.send({ type: 'hello', token: visitor.session.token })
  await back.frame('welcome')
  await back.close()
})

const connectionsTo = ({ app }: TestFoyer) =>
  new Promise<number>((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

test('a line that breaks during the hello leaves nobody behind', async ({ foyer }) => {
  const { bus } = foyer.app.services
  if (!(bus instanceof MemoryBus)) throw new Error('This test looks into the bus of a single process')
  const visitor = await foyer.visitor()
  await visitor.leaves()
  await waitFor('the visitor is gone', () => !bus.has(`visitor:${visitor.id}`))
  const before = await connectionsTo(foyer)
  const holder = await foyer.pool.connect()
  await holder.query('begin')
  await holder.query('lock table visitors in access exclusive mode')
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: visitor.session.token })
  await waitFor('the hello waits for the table', async () => {
    const { rows } = await foyer.pool.query(`select from pg_locks where not granted`)
    return rows.length > 0
  })
  await line.cut()
  await waitFor('the server has seen the end', async () => (await connectionsTo(foyer)) <= before)
  await holder.query('commit')
  holder.release()
  const next = await foyer.visitor()
  await next.leaves()
  expect(bus.has(`visitor:${visitor.id}`)).toBe(false)
  const { rows } = await foyer.pool.query(
    'select from presence where subject_id = $1 and dropped_at is null',
    [visitor.id],
  )
  expect(rows).toEqual([])
})
