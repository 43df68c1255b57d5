import { beforeAll, expect, test } from 'vitest'
import type { Routing } from '#core/contracts/routing.ts'
import { pushesOfOffers } from '#core/features/push/pushes.ts'
import { aDevice } from '#tests/support/device.ts'
import { password } from '#tests/support/factories.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import type { PushService } from '#tests/support/push-service.ts'
import { pushWorld, sofia } from './push-world.ts'

const { start, hides, pushed, idle } = pushWorld()
let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  ;({ service, foyer } = await start())
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
