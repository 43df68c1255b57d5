import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { sweepGoneAgents } from '#core/features/routing/agent-gone.ts'
import { sweepOffers } from '#core/features/routing/offers.ts'
import { readRouting } from '#core/features/routing/trace.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** An agent with an active chat closes the inbox, or loses the line, and does not come back. */

const cap = 3
let world: RoutingWorld
let dana: AnAgent
let marco: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: cap })
})
beforeEach(async () => {
  await world.clear()
  world.clock.ticks = true
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
  ;[dana, marco] = (await world.agents(2)) as [AnAgent, AnAgent]
})

/** Two looks: by the job and by the sweep, or in two processes. */
const look = () => Promise.all([sweepGoneAgents(world.services), sweepGoneAgents(world.services)])

test('two minutes after the agent has gone a waiting visitor is with a colleague', async () => {
  const chat = await world.chat(dana)
  await world.says(chat, dana, 'How can I help?')
  await world.says(chat, 'visitor', 'What does it cost?')
  world.clock.ticks = false
  await world.drop(dana.id)
  await look()
  world.clock.advance(119_999)
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active', agentId: dana.id })
  world.clock.advance(1)
  world.clock.ticks = true
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'waiting', agentId: null })
  expect(await world.pendingOffer(chat.id)).toMatchObject({ agentId: marco.id })
  const kinds = await world.kinds(chat.id)
  expect(kinds).toEqual(['message', 'joined', 'message', 'message', 'handed_over'])
  expect(await world.broken(cap)).toEqual([])
})

/** Dana's chat with somebody who talked with her before, so that it would come to her first. She is gone from it, and her
 *  phone still rings. */
async function leftWithDevice() {
  const before = await world.chat(dana)
  await world.agentEnds(dana, before.id)
  const { id } = await world.asks({ visitorId: before.visitorId })
  await world.accepts(dana, (await world.pendingOffer(id))?.id ?? '')
  const now = world.clock.now()
  await world.pool.query(
    `insert into push_subscriptions (id, agent_id, endpoint, p256dh, auth, device, created_at, seen_at)
     values ($1, $2, $3, 'key', 'secret', 'Chrome on Android', $4, $4)`,
    [randomUUID(), dana.id, `https://push.test/${dana.id}`, now],
  )
  await world.drop(dana.id)
  await look()
  world.clock.advance(120_001)
  return id
}
const reasonsFor = async (agent: AnAgent, id: string) =>
  (await readRouting(world.services.db, id)).steps
    .filter((step) => step.agent?.id === agent.id && step.round === 2)
    .map(({ stage, reason }) => [stage, reason])

test('who is gone from a chat is not asked for it again by a device, unless they come back', async () => {
  const id = await leftWithDevice()
  await look()
  expect(await world.pendingOffer(id)).toMatchObject({ agentId: marco.id })
  expect(await reasonsFor(dana, id)).toEqual([['previous_agent', 'gone']])
  await world.connect('agent', dana.id)
  await world.declines(marco, (await world.pendingOffer(id))?.id ?? '')
  expect(await world.pendingOffer(id)).toMatchObject({ agentId: dana.id })
  // another visitor's chat comes to the phone as before
  await world.drop(dana.id)
  world.clock.advance(60_000)
  await world.drop(marco.id)
  world.clock.advance(60_000)
  const other = await world.asks()
  expect(await world.pendingOffer(other.id)).toMatchObject({ agentId: dana.id })
})

test('with nobody but who is gone from it a chat is missed at once', async () => {
  await world.drop(marco.id)
  const id = await leftWithDevice()
  await look()
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  expect(await reasonsFor(dana, id)).toEqual([['previous_agent', 'gone']])
})

test('a job for the very deadline stands in the outbox', async () => {
  await world.chat(dana)
  world.clock.ticks = false
  await world.drop(dana.id)
  await look()
  const { rows } = await world.pool.query(
    `select run_at as "runAt" from outbox where task = 'look-after-gone' and state = 'open'`,
  )
  expect(rows.map(({ runAt }) => runAt.getTime() - world.clock.shown)).toEqual([120_000])
})

test('with everything answered the chat stays, until the visitor writes', async () => {
  const chat = await world.chat(dana)
  await world.says(chat, dana, 'It costs 40 €.')
  await world.drop(dana.id)
  await look()
  world.clock.advance(300_000)
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active', agentId: dana.id })
  await world.says(chat, 'visitor', 'And in blue?')
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'waiting' })
})

test('an agent who comes back in time keeps the chat, and starts anew when gone again', async () => {
  const chat = await world.chat(dana)
  await world.drop(dana.id)
  await look()
  world.clock.advance(100_000)
  await world.connect('agent', dana.id)
  await look()
  world.clock.advance(100_000)
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active' })
  await world.drop(dana.id)
  await look()
  world.clock.advance(60_000)
  // there for a moment that no sweep saw
  await world.connect('agent', dana.id)
  await world.drop(dana.id)
  await look()
  world.clock.advance(70_000)
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active' })
  world.clock.advance(60_000)
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'waiting' })
})

test('a clock that jumps takes nobody’s chat away', async () => {
  const chat = await world.chat(dana)
  await world.pool.query('update presence set dropped_at = $1 where subject_id = $2', [
    new Date(world.clock.shown - 500_000),
    dana.id,
  ])
  await look()
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active' })
})

test('coming back, writing and being replaced at once leave one agent', async () => {
  for (let round = 0; round < 12; round++) {
    const chat = await world.chat(dana).catch(() => null)
    if (!chat) {
      await world.clear()
      ;[dana, marco] = (await world.agents(2)) as [AnAgent, AnAgent]
      continue
    }
    await world.drop(dana.id)
    await look()
    world.clock.advance(120_001)
    const all = [
      () => look(),
      () => world.connect('agent', dana.id),
      () => world.says(chat, dana, 'I am back').catch(() => null),
      () => sweepOffers(world.services),
    ]
    await Promise.all(all.map((_, n) => (all[(n + round) % all.length] as () => Promise<unknown>)()))
    expect(await world.broken(cap)).toEqual([])
    await world.visitorEnds(chat.visitorId, chat.id)
  }
})

test('the inbox that was gone, and the visitor, see it go on with a colleague', async () => {
  const foyer = await startFoyer({ settings: { agentGoneMs: 1_500 } })
  const { visitor, agent: gone, id } = await foyer.chat()
  const colleague = await foyer.agent()
  await visitor.says('Anybody?')
  await gone.leaves()
  await waitFor('a colleague is being found', () => visitor.conversation?.status === 'waiting')
  const { requestedAt, routedAt } = visitor.conversation ?? { requestedAt: '', routedAt: '' }
  expect(Date.parse(routedAt)).toBeGreaterThan(Date.parse(requestedAt))
  await colleague.accepts(id)
  await waitFor('they are together', () => visitor.conversation?.agent?.id === colleague.id)
})
