import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Presence, sweepPresence } from '#core/realtime/presence.ts'
import { type AnAgent, anAgent } from '#tests/support/factories.ts'
import { waitFor } from '#tests/support/wait.ts'
import { openWorld, type RoutingWorld } from '../routing/world.ts'

/** Who counts as there: for how long after the last socket, after the death of a process, and after its revival. */

let world: RoutingWorld
let agent: AnAgent
let presence: Presence | undefined

beforeAll(async () => {
  world = await openWorld()
})
beforeEach(async () => {
  world.clock.ticks = true
  await world.clear()
  agent = await anAgent(world.pool, world.clock.now(), { name: `Agent ${randomUUID()}` })
  world.clock.ticks = false
})
afterEach(async () => {
  await presence?.stop()
  presence = undefined
})

/** Whether somebody who asks now is put to the agent. */
async function isReachable(): Promise<boolean> {
  const { id, visitorId } = await world.asks()
  const { status } = await world.conversation(id)
  await world.visitorEnds(visitorId, id)
  return status === 'waiting'
}

/** A process that was killed, and would have lived until its lease ends without being renewed. */
async function deadProcess(
  leaseMs: number,
  subject: { type: 'agent' | 'visitor'; id: string },
): Promise<void> {
  const id = randomUUID()
  const now = world.clock.shown
  await world.pool.query(
    `insert into processes (id, role, started_at, alive_until) values ($1, 'web', $2, $3)`,
    [id, new Date(now), new Date(now + leaseMs)],
  )
  await world.pool.query(
    `insert into presence (socket_id, process_id, subject_type, subject_id, connected_at) values ($1, $2, $3, $4, $5)`,
    [randomUUID(), id, subject.type, subject.id, new Date(now)],
  )
}

test('an agent is reachable while a socket is open, and for 30 s after the last one dropped', async () => {
  expect(await isReachable()).toBe(false)
  await world.connect('agent', agent.id)
  await world.connect('agent', agent.id)
  world.clock.advance(3_600_000)
  expect(await isReachable()).toBe(true)
  await world.drop(agent.id)
  world.clock.advance(29_999)
  expect(await isReachable()).toBe(true)
  world.clock.advance(1)
  expect(await isReachable()).toBe(false)
})

test('one of two tabs is enough', async () => {
  const tab = await world.connect('agent', agent.id)
  await world.connect('agent', agent.id)
  await world.pool.query('update presence set dropped_at = $2 where socket_id = $1', [tab, world.clock.now()])
  world.clock.advance(60_000)
  expect(await isReachable()).toBe(true)
})

test('a killed process takes its sockets with it when its lease ends', async () => {
  await deadProcess(20_000, { type: 'agent', id: agent.id })
  world.clock.advance(49_999)
  await sweepPresence(world.services)
  expect(await isReachable()).toBe(true)
  world.clock.advance(1)
  await sweepPresence(world.services)
  expect(await isReachable()).toBe(false)
})

test('the agent is told that the visitor went with a killed process', async () => {
  await world.connect('agent', agent.id)
  const { visitorId } = await world.chat(agent)
  await world.drop(visitorId)
  await deadProcess(20_000, { type: 'visitor', id: visitorId })
  const heard: unknown[] = []
  const leave = world.services.bus.subscribe(`agent:${agent.id}`, (frame) => heard.push(JSON.parse(frame)))
  world.clock.advance(20_000)
  await sweepPresence(world.services)
  expect(heard).toEqual([])
  world.clock.advance(1)
  await sweepPresence(world.services)
  await sweepPresence(world.services)
  leave()
  expect(heard).toEqual([{ type: 'presence', visitorId, online: false }])
})

test('a process that stood still for longer than its lease brings its sockets back', async () => {
  presence = new Presence(world.services)
  await presence.start()
  await presence.connect(randomUUID(), { type: 'agent', id: agent.id })
  const gone = randomUUID()
  await presence.connect(gone, { type: 'visitor', id: randomUUID() })
  await presence.drop(gone, { type: 'visitor', id: randomUUID() })
  expect(await isReachable()).toBe(true)
  // asleep with the lid closed, for longer than anybody remembers it
  world.clock.advance(3_600_000)
  await sweepPresence(world.services)
  await waitFor('the agent is reachable again', isReachable)
  const { rows } = await world.pool.query(
    'select from presence where socket_id = $1 and dropped_at is null',
    [gone],
  )
  expect(rows).toEqual([])
})
