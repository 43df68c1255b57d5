import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PushDeviceList } from '#core/contracts/push.ts'
import type { Routing } from '#core/contracts/routing.ts'
import { pushesOfOffers } from '#core/features/push/pushes.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aDevice } from '#tests/support/device.ts'
import { password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { type FakeBrowser, PushService } from '#tests/support/push-service.ts'
import { waitFor } from '#tests/support/wait.ts'

let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  service = await PushService.start()
  foyer = await startFoyer({ config: { pushUrl: service.origin } })
})
test.afterEach(async () => {
  await retireEverybody(foyer)
  // who still waits would be put to the agents of the next test
  await foyer.pool.query(`update offers set state = 'withdrawn', closed_at = $1 where state = 'pending'`, [
    foyer.clock.now(),
  ])
  await foyer.pool.query(
    `update conversations set status = 'missed', ended_at = $1, end_reason = 'cancelled' where status = 'waiting'`,
    [foyer.clock.now()],
  )
  // and so would be who talks with somebody who is gone, once a test has moved the clock far enough
  await foyer.pool.query(
    `update conversations set status = 'ended', ended_at = $1, end_reason = 'agent', idle_at = null where status = 'active'`,
    [foyer.clock.now()],
  )
  expect(service.problems).toEqual([])
})
afterAll(async () => {
  await foyer.close()
  await service.close()
})

const sofia = { name: 'Sofia Ricci', email: 'sofia@northwind.test', company: 'Northwind' }
const hides = async (agent: AgentActor) => {
  agent.socket.send({ type: 'visible', visible: false })
  await waitFor('nobody sees the inbox', async () => {
    const { rows } = await foyer.pool.query(
      'select visible from presence where subject_id = $1 and dropped_at is null',
      [agent.id],
    )
    return rows.length > 0 && rows.every(({ visible }) => !visible)
  })
}
const pushed = (browser: FakeBrowser, kind: string, n = 1) =>
  waitFor(`${n} × ${kind}`, () => {
    const some = browser.received.filter(({ payload }) => payload.kind === kind)
    return some.length >= n ? some[n - 1] : undefined
  })
const devicesOf = (agent: AgentActor) =>
  agent.http
    .get<ReturnType<typeof PushDeviceList.parse>>('/push-subscriptions')
    .then(({ devices }) => devices)
const idle = () =>
  waitFor('no notification is on its way', async () => {
    const { rows } = await foyer.pool.query(
      `select p.kind, p.state, o.state as job, o.attempts, o.last_error, o.run_at, o.relayed_at from pushes p
       full join outbox o on o.payload ->> 'pushId' = p.id::text
       where p.state = 'waiting' or (o.state = 'open' and o.task = 'send-push')`,
    )
    if (rows.length > 0) throw new Error(JSON.stringify([foyer.clock.now(), rows]))
    return true
  })

test('an agent with the inbox closed is asked, on the device, for as long as the offer holds', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  const visitor = await foyer.visitor({ fields: sofia })
  const { id } = await visitor.asks('Do you ship to Graz?')
  const { payload, ttl, urgency, topic } = await pushed(device, 'offer')
  expect(payload).toMatchObject({
    title: 'Sofia Ricci, Northwind wants to chat',
    body: 'Do you ship to Graz?',
    plainTitle: 'A visitor is waiting',
  })
  expect(urgency).toBe('high')
  expect(ttl).toBeGreaterThan(90)
  expect(ttl).toBeLessThanOrEqual(100)
  const { rows } = await foyer.pool.query('select id, expires_at from offers where conversation_id = $1', [
    id,
  ])
  const [offer] = rows
  expect(topic).toBe(offer.id.replaceAll('-', ''))
  expect(payload.url).toBe(`/inbox/?offer=${offer.id}`)
  expect(payload.expiresAt).toBe(offer.expires_at.toISOString())
  await idle()
  const told = await pushesOfOffers(foyer.app.services.db, [offer.id])
  expect(told.get(offer.id)).toMatchObject([
    { device: device.device.device, state: 'delivered', deliveredAt: expect.any(String), shownAt: null },
  ])
  // and so it stands in the chat's trace
  const admin = await foyer.agent({ profile: 'admin', online: false })
  await visitor.http.post(`/widget/conversations/${id}/end`)
  const { steps } = await admin.http.get<Routing>(`/conversations/${id}/routing`)
  expect(steps.flatMap(({ offer: asked }) => asked?.pushes ?? [])).toMatchObject([
    { device: device.device.device, state: 'delivered' },
  ])
})

test('an agent who sees an inbox gets no notification; one whose tabs are all hidden gets one', async () => {
  const agent = await foyer.agent()
  const device = await aDevice(service, agent)
  const first = await foyer.visitor()
  await first.asks()
  await agent.offered()
  await foyer.app.services.db.transaction().execute(async () => {})
  expect(device.received).toEqual([])
  await agent.accepts()
  await hides(agent)
  const second = await foyer.visitor()
  const { id } = await second.asks('Second')
  expect((await pushed(device, 'offer')).payload.body).toBe('Second')
  await agent.accepts(id)
})

test('who turns away while the offer waits is told of it after all', async () => {
  const agent = await foyer.agent()
  const device = await aDevice(service, agent)
  const visitor = await foyer.visitor()
  await visitor.asks()
  await agent.offered()
  expect(device.received).toEqual([])
  await hides(agent)
  await pushed(device, 'offer')
})

test('signed out, the device names nobody', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  await agent.http.post('/sign-out')
  const visitor = await foyer.visitor({ fields: sofia })
  await visitor.asks('Something private')
  const { payload } = await pushed(device, 'offer')
  expect(payload).toMatchObject({ title: 'A visitor is waiting', body: '' })
  expect(JSON.stringify(payload)).not.toMatch(/Sofia|Northwind|private/)
})

test('when the offer is over, a notification in its place takes it away', async () => {
  const agent = await foyer.agent()
  const device = await aDevice(service, agent)
  const clicked = await aDevice(service, agent)
  await hides(agent)
  const visitor = await foyer.visitor()
  await visitor.asks()
  const offer = await pushed(device, 'offer')
  const { payload } = await pushed(clicked, 'offer')
  await idle()
  const receipt = await agent.http.raw('POST', '/push/receipts', { token: payload.token, event: 'clicked' })
  expect(await receipt.json()).toEqual({ show: 'everything' })
  await agent.accepts()
  const close = await pushed(device, 'close')
  expect(close.payload.tag).toBe(offer.payload.tag)
  expect(close.topic).toBe(offer.topic)
  await idle()
  // where it was clicked it went by itself
  expect(clicked.received.map(({ payload }) => payload.kind)).toEqual(['offer'])
})

test('what is over before it could be sent is never sent', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  device.answers = [{ status: 503 }, { status: 503 }, { status: 201 }]
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  await pushed(device, 'offer')
  await visitor.http.post(`/widget/conversations/${id}/end`)
  await idle()
  const kinds = device.received.map(({ payload }) => payload.kind)
  expect(kinds.length).toBeLessThanOrEqual(2)
  // none was taken, so there is nothing to take away
  expect(kinds).not.toContain('close')
})

test('what the service may have taken, though it never said so, is taken away', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  device.answers = [{ status: 0 }, { status: 0 }, { status: 201 }]
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  await pushed(device, 'offer')
  await visitor.http.post(`/widget/conversations/${id}/end`)
  await pushed(device, 'close')
  await idle()
})

test.each([404, 410])(
  'a device that is gone (%i) is forgotten, and nobody is asked through it',
  async (status) => {
    const agent = await foyer.agent({ online: false })
    const device = await aDevice(service, agent)
    const other = await aDevice(service, agent)
    device.answers = [{ status }]
    await (await foyer.visitor()).asks()
    await pushed(device, 'offer')
    await waitFor('it is forgotten', async () => (await devicesOf(agent)).length === 1)
    expect((await devicesOf(agent)).map(({ id }) => id)).toEqual([other.id])
    await agent.http.delete(`/push-subscriptions/${other.id}`)
    const { agents } = await agent.http.get<{ agents: { id: string; reachable: boolean }[] }>('/agents')
    expect(agents.find(({ id }) => id === agent.id)?.reachable).toBe(false)
    // the browser is told to subscribe anew
    await expect(agent.http.put('/push-subscriptions', device.subscription)).rejects.toMatchObject({
      status: 409,
      code: 'subscription_gone',
    })
  },
)

test.each([
  ['a service that is busy', [{ status: 429, headers: { 'retry-after': '1' } }, { status: 201 }]],
  ['a service that is broken', [{ status: 500 }, { status: 503 }, { status: 201 }]],
  ['a slow one', [{ status: 201, afterMs: 1_500 }]],
])('%s gets it after all', async (_what, answers) => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  device.answers = [...answers]
  await (await foyer.visitor()).asks()
  await pushed(device, 'offer', answers.length)
  await idle()
  expect(await devicesOf(agent)).toMatchObject([{ failures: 0, deliveredAt: expect.any(String) }])
  expect(device.received).toHaveLength(answers.length)
})

test('a service that never takes it is not asked beyond the end of the offer', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  device.answers = [{ status: 503 }]
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  await pushed(device, 'offer')
  foyer.advance(101_000)
  await idle()
  const { rows } = await foyer.pool.query(
    `select state, failed_because as reason from pushes where subscription_id = $1 and kind = 'offer' and conversation_id = $2`,
    [device.id, id],
  )
  expect(rows).toEqual([{ state: 'failed', reason: 'The push service answered 503.' }])
  expect(await devicesOf(agent)).toMatchObject([{ failures: expect.any(Number) }])
  const tried = device.received.filter(({ payload }) => payload.kind === 'offer').length
  const { rows: dead } = await foyer.pool.query(`select from outbox where state = 'dead'`)
  expect(dead).toEqual([])
  foyer.advance(60_000)
  await idle()
  expect(device.received.filter(({ payload }) => payload.kind === 'offer')).toHaveLength(tried)
  // the jump outran what the process had promised to live; whom it holds counts again from its next word
  await waitFor('the process is known to live', async () => {
    const { rows } = await foyer.pool.query('select from processes where alive_until > $1', [
      foyer.clock.now(),
    ])
    return rows.length > 0
  })
})

test('a device that refuses again and again is no way to reach its agent, until the inbox is opened there', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  device.answers = [{ status: 403 }]
  for (let n = 0; n < 5; n++) {
    await agent.http.post(`/push-subscriptions/${device.id}/test`)
    await idle()
  }
  expect(await devicesOf(agent)).toMatchObject([
    { failures: 5, failedBecause: 'The push service answered 403.' },
  ])
  const reachable = async () => {
    const { agents } = await agent.http.get<{ agents: { id: string; reachable: boolean }[] }>('/agents')
    return agents.find(({ id }) => id === agent.id)?.reachable
  }
  expect(await reachable()).toBe(false)
  await agent.http.put('/push-subscriptions', device.subscription)
  expect(await reachable()).toBe(true)
})

test('a visitor’s message in a chat nobody sees is told once, until it is read', async () => {
  const { visitor, agent, id } = await foyer.chat({ first: 'First' })
  const device = await aDevice(service, agent)
  agent.socket.send({ type: 'seen', conversationId: id, readSeq: 2, receivedSeq: 2 })
  await waitFor('the first one is read', async () => {
    const { rows } = await foyer.pool.query('select agent_read_seq as seq from conversations where id = $1', [
      id,
    ])
    return rows[0].seq >= 2
  })
  await hides(agent)
  foyer.advance(6_000)
  await visitor.says('Are you there?')
  const { payload, topic } = await pushed(device, 'message')
  expect(payload).toMatchObject({ body: 'Are you there?', url: `/inbox/c/${id}`, tag: `chat ${id}` })
  expect(topic).toBe(id.replaceAll('-', ''))
  await visitor.says('Hello?')
  await visitor.says('Hello??')
  foyer.advance(10_000)
  await agent.hears(id, 'Hello??')
  await idle()
  await waitFor('the sweep has looked again', async () => {
    foyer.advance(1)
    return true
  })
  expect(device.received).toHaveLength(1)
  const { lastSeq } = await foyer.stateOf(id)
  agent.socket.send({ type: 'seen', conversationId: id, readSeq: lastSeq, receivedSeq: lastSeq })
  await waitFor('read', async () => {
    const { rows } = await foyer.pool.query('select agent_read_seq as seq from conversations where id = $1', [
      id,
    ])
    return rows[0].seq === lastSeq
  })
  await visitor.says('One more thing')
  expect((await pushed(device, 'message', 2)).payload.body).toBe('One more thing')
})

test('a message of a chat that is somebody else’s by now is told to nobody', async () => {
  const { visitor, agent, id } = await foyer.chat()
  const device = await aDevice(service, agent)
  device.answers = [{ status: 503 }]
  await agent.leaves()
  foyer.advance(6_000)
  await visitor.says('Secret of the next agent')
  await pushed(device, 'message')
  const other = await foyer.agent()
  await foyer.pool.query('update conversations set agent_id = $2 where id = $1', [id, other.id])
  device.answers = [{ status: 201 }]
  await idle()
  const { rows } = await foyer.pool.query('select state from pushes where subscription_id = $1', [device.id])
  expect(rows).toEqual([{ state: 'failed' }])
})

test('a receipt needs the token of the push, and no sign-in; it says what may be shown now', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  const { payload } = await pushed(device, 'offer')
  const stranger = (await foyer.visitor()).http
  const report = async (event: string, token = payload.token) => {
    const response = await stranger.raw('POST', '/push/receipts', { token, event })
    return [response.status, ((await response.json()) as { show?: string }).show]
  }
  expect(await report('received')).toEqual([200, 'everything'])
  await agent.http.post('/sign-out')
  expect(await report('received')).toEqual([200, 'no_names'])
  expect(
    (await foyer.pool.query('select shown_at from push_subscriptions where id = $1', [device.id])).rows,
  ).toEqual([{ shown_at: null }])
  expect(await report('shown')).toEqual([200, 'no_names'])
  expect(await report('clicked')).toEqual([200, 'no_names'])
  await idle()
  const { rows } = await foyer.pool.query(
    `select shown_at <= clicked_at as shown, clicked_at is not null as clicked, state from pushes
     where subscription_id = $1 and kind = 'offer'`,
    [device.id],
  )
  expect(rows).toEqual([{ shown: true, clicked: true, state: 'delivered' }])
  await visitor.http.post(`/widget/conversations/${id}/end`)
  expect(await report('received')).toEqual([200, 'nothing'])

  const [pushId = '', tag = ''] = payload.token.split('.')
  for (const guess of [
    pushId,
    `${pushId}.`,
    `${pushId}.${tag.slice(0, -1)}`,
    `${pushId}.${tag}x`,
    `0190f5a0-0000-7000-8000-000000000000.${tag}`,
    'nonsense',
    '',
  ])
    expect((await report('shown', guess))[0]).toBe(404)
  expect((await report('eaten'))[0]).toBe(422)
})

test('a test goes to the one device, which is its agent’s alone', async () => {
  const [agent, other] = [await foyer.agent(), await foyer.agent()]
  const device = await aDevice(service, agent)
  const second = await aDevice(service, agent)
  const answer = await agent.http.raw('POST', `/push-subscriptions/${device.id}/test`)
  expect(answer.status).toBe(202)
  expect(await answer.json()).toMatchObject({ state: 'waiting', device: device.device.device })
  expect((await pushed(device, 'test')).payload).toMatchObject({ title: 'Notifications work here' })
  expect(second.received).toEqual([])
  await expect(other.http.post(`/push-subscriptions/${device.id}/test`)).rejects.toMatchObject({
    status: 404,
  })
  await expect(other.http.delete(`/push-subscriptions/${device.id}`)).rejects.toMatchObject({ status: 404 })
  for (let n = 0; n < 5; n++) await agent.http.post(`/push-subscriptions/${device.id}/test`)
  await expect(agent.http.post(`/push-subscriptions/${device.id}/test`)).rejects.toMatchObject({
    status: 429,
  })
  await agent.http.delete(`/push-subscriptions/${device.id}`)
  expect((await devicesOf(agent)).map(({ id }) => id)).toEqual([second.id])
})

test('a device is whose who signed in there last', async () => {
  const [first, second] = [await foyer.agent({ online: false }), await foyer.agent({ online: false })]
  const browser = service.browser()
  const headers = {
    'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/156.0',
  }
  const made = await first.http.raw('PUT', '/push-subscriptions', browser.subscription, headers)
  expect(await made.json()).toMatchObject({ device: 'Chrome on macOS', failures: 0 })
  await second.http.put('/push-subscriptions', browser.subscription)
  expect(await devicesOf(first)).toEqual([])
  expect(await devicesOf(second)).toHaveLength(1)
})

test('addresses inside our own network, and keys that are none, are not taken', async () => {
  const agent = await foyer.agent({ online: false })
  const { keys } = service.browser().subscription
  const save = (body: unknown) => agent.http.raw('PUT', '/push-subscriptions', body)
  const port = new URL(foyer.origin).port
  for (const endpoint of [
    `http://127.0.0.1:${port}/push`,
    'https://127.0.0.1/push',
    'https://2130706433/push',
    'https://0x7f.1/push',
    'https://[::1]/push',
    'https://[::ffff:10.0.0.1]/push',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost/push',
    'https://db.internal/push',
    'https://db/push',
    'https://user:password@push.example.com/1',
    'ftp://push.example.com/1',
    'push.example.com',
    `https://push.example.com/${'x'.repeat(1_000)}`,
  ])
    expect([endpoint, (await save({ endpoint, keys })).status]).toEqual([endpoint, 422])
  const endpoint = 'https://push.example.com/1'
  for (const bad of [
    {},
    { endpoint },
    { endpoint, keys: { ...keys, auth: 'short' } },
    { endpoint, keys: { ...keys, p256dh: 'short' } },
    { endpoint, keys: { ...keys, p256dh: Buffer.alloc(65, 4).toString('base64url') } },
    { endpoint, keys: { ...keys, p256dh: '<script>' } },
  ])
    expect((await save(bad)).status).toBe(422)
  expect(await devicesOf(agent)).toEqual([])
  expect((await save({ endpoint, keys })).status).toBe(200)
})

test('a name that leads into our own network is noticed when it is connected to', async () => {
  const agent = await foyer.agent({ online: false })
  const { keys } = service.browser().subscription
  const device = await agent.http.put<{ id: string }>('/push-subscriptions', {
    endpoint: 'https://localhost.example.invalid/push',
    keys,
  })
  await foyer.pool.query(`update push_subscriptions set endpoint = $2 where id = $1`, [
    device.id,
    `https://127.0.0.1:${new URL(foyer.origin).port}/api/v1/sign-in`,
  ])
  await agent.http.post(`/push-subscriptions/${device.id}/test`)
  await idle()
  expect(await devicesOf(agent)).toMatchObject([
    { failures: 1, failedBecause: 'This address is in our own network.' },
  ])
})

test('the signing key is made once, kept sealed, and replaced when it cannot be opened', async () => {
  const agent = await foyer.agent({ online: false })
  const read = async () => (await agent.http.get<{ publicKey: string }>('/push-key')).publicKey
  const [one, two] = await Promise.all([read(), read()])
  expect(one).toBe(two)
  expect(Buffer.from(one, 'base64url')).toHaveLength(65)
  const { rows } = await foyer.pool.query<{ private_key: Buffer }>('select private_key from push_keys')
  expect(rows).toHaveLength(1)
  const own = await startFoyer({ workers: false })
  const admin = await own.agent({ profile: 'admin', online: false })
  const before = (await admin.http.get<{ publicKey: string }>('/push-key')).publicKey
  await admin.http.put('/push-subscriptions', {
    endpoint: 'https://push.example.com/1',
    keys: service.browser().subscription.keys,
  })
  await own.pool.query(
    'update push_keys set private_key = set_byte(private_key, 20, 255 - get_byte(private_key, 20))',
  )
  const after = (await admin.http.get<{ publicKey: string }>('/push-key')).publicKey
  expect(after).not.toBe(before)
  expect(await devicesOf(admin)).toEqual([])
  await own.close()
})

test('a deactivated agent is told nothing more', async () => {
  const agent = await foyer.agent({ online: false })
  const device = await aDevice(service, agent)
  const admin = await foyer.agent({ profile: 'admin', online: false })
  await (await foyer.visitor()).asks()
  const { payload } = await pushed(device, 'offer')
  await admin.http.patch(`/agents/${agent.id}`, { active: false })
  const verdict = await agent.http.raw('POST', '/push/receipts', { token: payload.token, event: 'received' })
  expect(await verdict.json()).toEqual({ show: 'nothing' })
  await admin.http.patch(`/agents/${agent.id}`, { active: true })
  await foyer.signIn({ email: agent.me.email, password }, { online: false })
})

test('what became of an offer is for whom it was made to', async () => {
  const [agent, other] = [await foyer.agent(), await foyer.agent({ online: false })]
  const visitor = await foyer.visitor({ fields: sofia })
  const { id } = await visitor.asks()
  const offer = await agent.offered(id)
  const path = `/offers/${offer.id}`
  expect(await agent.http.get(path)).toEqual({
    conversationId: id,
    state: 'pending',
    visitor: 'Sofia Ricci',
    isOwn: false,
    takenBy: null,
  })
  await expect(other.http.get(path)).rejects.toMatchObject({ status: 404 })
  await expect(agent.http.get('/offers/none')).rejects.toMatchObject({ status: 422 })
  await agent.accepts(id)
  expect(await agent.http.get(path)).toMatchObject({ state: 'accepted', isOwn: true, takenBy: null })
})
