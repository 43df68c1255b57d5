import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweepGoneAgents } from '#core/features/routing/agent-gone.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aDevice } from '#tests/support/device.ts'
import { password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { PushService } from '#tests/support/push-service.ts'
import { waitFor } from '#tests/support/wait.ts'

/** An agent with chats closes the inbox: their devices say so, before a colleague is found. */

const agentGonePushMs = 1_000
let service: PushService
let foyer: TestFoyer

beforeAll(async () => {
  service = await PushService.start()
  foyer = await startFoyer({
    config: { pushUrl: service.origin },
    settings: { agentGonePushMs, agentGoneMs: 600_000 },
  })
})
test.afterEach(() => retireEverybody(foyer))
afterAll(async () => {
  await foyer.close()
  await service.close()
})

const goneSince = async (id: string): Promise<Date | null> =>
  (await foyer.pool.query('select gone_since from agents where id = $1', [id])).rows[0].gone_since
const pushesOf = async (id: string) =>
  (
    await foyer.pool.query(
      `select created_at, gone_since from pushes where kind = 'gone' and agent_id = $1 order by created_at`,
      [id],
    )
  ).rows
const again = (agent: AgentActor) => foyer.signIn({ email: agent.me.email, password })
const isNoticed = (id: string) => waitFor('it is noticed', () => goneSince(id))

test('told once, on each device, when no inbox has been connected for that long', async () => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({
    fields: { name: 'Sofia Ricci', email: 'sofia@northwind.test', company: 'Northwind' },
  })
  await agent.accepts((await visitor.asks()).id)
  const [phone, laptop] = [await aDevice(service, agent), await aDevice(service, agent)]
  await agent.leaves()
  const since = await isNoticed(agent.id)
  for (const device of [phone, laptop]) {
    const { payload, ttl } = await waitFor('it is told', () =>
      device.received.find(({ payload }) => payload.kind === 'gone'),
    )
    expect(payload).toMatchObject({
      title: 'Your chat with Sofia Ricci, Northwind is still open',
      plainTitle: 'A chat of yours is still open',
      tag: 'gone',
      url: '/inbox/',
    })
    expect(ttl).toBeLessThanOrEqual(600)
  }
  const pushes = await pushesOf(agent.id)
  expect(pushes).toHaveLength(2)
  for (const push of pushes) expect(push.created_at - since.getTime()).toBeGreaterThanOrEqual(agentGonePushMs)
  await Promise.all([sweepGoneAgents(foyer.app.services), sweepGoneAgents(foyer.app.services)])
  expect(await pushesOf(agent.id)).toHaveLength(2)
  // back, and gone again: another absence
  const back = await again(agent)
  await waitFor('they are back', async () => (await goneSince(agent.id)) === null)
  await back.leaves()
  await waitFor('told again', async () => (await pushesOf(agent.id)).length === 4)
})

test('who has no chat, or an inbox on another machine, is told nothing', async () => {
  const { agent } = await foyer.chat()
  const device = await aDevice(service, agent)
  const other = await again(agent)
  const idle = await foyer.agent()
  const idleDevice = await aDevice(service, idle)
  await Promise.all([agent.leaves(), idle.leaves()])
  foyer.clock.advance(agentGonePushMs * 3)
  await sweepGoneAgents(foyer.app.services)
  expect([await pushesOf(agent.id), await pushesOf(idle.id)]).toEqual([[], []])
  await other.leaves()
  await isNoticed(agent.id)
  await waitFor('it is told', () => device.received.some(({ payload }) => payload.kind === 'gone'))
  expect(idleDevice.received).toEqual([])
})
