import { beforeAll, expect, test } from 'vitest'
import { aDevice } from '#tests/support/device.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import type { PushService } from '#tests/support/push-service.ts'
import { waitFor } from '#tests/support/wait.ts'
import { pushWorld } from './push-world.ts'

const { start, pushed, devicesOf, idle } = pushWorld()
let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  ;({ service, foyer } = await start())
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
