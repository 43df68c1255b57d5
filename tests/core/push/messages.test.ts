import { beforeAll, expect, test } from 'vitest'
import { aDevice } from '#tests/support/device.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import type { PushService } from '#tests/support/push-service.ts'
import { waitFor } from '#tests/support/wait.ts'
import { pushWorld } from './push-world.ts'

const { start, hides, pushed, idle } = pushWorld()
let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  ;({ service, foyer } = await start())
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
