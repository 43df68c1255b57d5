import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Schedule } from '#core/contracts/availability.ts'
import { setAvailability, setLiveChatSchedule } from '#core/features/availability/service.ts'
import { sweepOffers } from '#core/features/routing/offers.ts'
import type { Services } from '#core/services.ts'
import { type AnAgent, never, roundTheClock } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from '../routing/world.ts'

let world: RoutingWorld

beforeAll(async () => {
  world = await openWorld({ agentCap: 2 })
})
beforeEach(async () => {
  world.clock.ticks = true
  await world.clear()
})

const at = (instant: string) => {
  world.clock.ticks = false
  world.clock.set(new Date(instant))
}
/** Whether somebody who asks at this instant is put to an agent. */
const isOffered = async (instant: string) => {
  at(instant)
  const { id, visitorId } = await world.asks()
  const { status, endReason } = await world.conversation(id)
  await world.visitorEnds(visitorId, id)
  if (status === 'missed') expect(endReason).toBe('nobody_available')
  return status === 'waiting'
}
const everyDay = (timeZone: string, ...blocks: { start: string; end: string }[]): Schedule => ({
  timeZone,
  blocks: [1, 2, 3, 4, 5, 6, 7].flatMap((weekday) => blocks.map((block) => ({ weekday, ...block }))),
  datesOff: [],
})

test('the schedule gates offers to the millisecond, in the agent’s zone', async () => {
  await world.agents(1, { schedule: everyDay('Europe/Rome', { start: '09:00', end: '17:00' }) })
  // one hour ahead of UTC in March
  expect(await isOffered('2026-03-03T07:59:59.999Z')).toBe(false)
  expect(await isOffered('2026-03-03T08:00:00.000Z')).toBe(true)
  expect(await isOffered('2026-03-03T15:59:59.999Z')).toBe(true)
  expect(await isOffered('2026-03-03T16:00:00.000Z')).toBe(false)
})

test('a switch by hand gates offers until the next block starts, to the millisecond', async () => {
  const blocks = [
    { start: '09:00', end: '12:00' },
    { start: '13:00', end: '17:00' },
  ]
  const [agent] = (await world.agents(1, { schedule: everyDay('UTC', ...blocks) })) as [AnAgent]
  at('2026-03-03T10:00:00.000Z')
  await setAvailability(world.services, agent.id, { status: 'unavailable' })
  expect(await isOffered('2026-03-03T10:00:00.000Z')).toBe(false)
  expect(await isOffered('2026-03-03T12:59:59.999Z')).toBe(false)
  expect(await isOffered('2026-03-03T13:00:00.000Z')).toBe(true)
})

test('a switch by hand gates offers until midnight in the agent’s zone, to the millisecond', async () => {
  const [agent] = (await world.agents(1, { schedule: { ...never, timeZone: 'Europe/Rome' } })) as [AnAgent]
  at('2026-03-03T19:00:00.000Z')
  await setAvailability(world.services, agent.id, { status: 'available' })
  expect(await isOffered('2026-03-03T19:00:00.000Z')).toBe(true)
  expect(await isOffered('2026-03-03T22:59:59.999Z')).toBe(true)
  expect(await isOffered('2026-03-03T23:00:00.000Z')).toBe(false)
})

test('a switch with an end gates offers until that end, to the millisecond', async () => {
  const schedule = everyDay('UTC', { start: '09:00', end: '17:00' })
  const [agent] = (await world.agents(1, { schedule })) as [AnAgent]
  at('2026-03-03T12:00:00.000Z')
  await setAvailability(world.services, agent.id, {
    status: 'available',
    until: new Date('2026-03-03T20:15:00Z'),
  })
  expect(await isOffered('2026-03-03T20:14:59.999Z')).toBe(true)
  expect(await isOffered('2026-03-03T20:15:00.000Z')).toBe(false)
})

test('going unavailable takes back what is offered, asks the next, and leaves chats alone', async () => {
  const [first, second] = (await world.agents(2)) as [AnAgent, AnAgent]
  const chat = await world.chat(first)
  await world.chat(second)
  const asked = await world.asks()
  expect((await world.pendingOffer(asked.id))?.agentId).toBe(first.id)
  await setAvailability(world.services, first.id, { status: 'unavailable' })
  expect((await world.offers(asked.id)).map(({ agentId, state }) => [agentId, state])).toEqual([
    [first.id, 'withdrawn'],
    [second.id, 'pending'],
  ])
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active', agentId: first.id })
  await setAvailability(world.services, second.id, { status: 'unavailable' })
  expect(await world.conversation(asked.id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
})

test('a schedule that makes an agent unavailable now takes back what is offered', async () => {
  const [agent] = (await world.agents(1)) as [AnAgent]
  const { id } = await world.asks()
  await setLiveChatSchedule(world.services, agent.id, never, agent.id)
  expect((await world.offers(id)).map(({ state }) => state)).toEqual(['withdrawn'])
})

test('a block that ends takes nothing back', async () => {
  const schedule = everyDay('UTC', { start: '09:00', end: '17:00' })
  const [agent] = (await world.agents(1, { schedule })) as [AnAgent]
  at('2026-03-03T16:59:30Z')
  const { id } = await world.asks()
  at('2026-03-03T17:00:30Z')
  await sweepOffers(world.services)
  const offer = await world.pendingOffer(id)
  expect(await world.accepts(agent, offer?.id ?? '')).toMatchObject({ status: 'active' })
})

describe.each([
  {
    way: 'the switch',
    schedule: roundTheClock,
    goes: (services: Services, id: string) => setAvailability(services, id, { status: 'unavailable' }),
  },
  {
    way: 'a new schedule',
    schedule: roundTheClock,
    goes: (services: Services, id: string) => setLiveChatSchedule(services, id, never, id),
  },
  {
    way: 'following a schedule that says no',
    schedule: never,
    goes: (services: Services, id: string) => setAvailability(services, id, { status: 'schedule' }),
  },
])('of an agent who goes unavailable by $way', ({ schedule, goes }) => {
  test('a process killed right after the commit leaves no offer behind', async () => {
    const [agent] = (await world.agents(1, { schedule })) as [AnAgent]
    await setAvailability(world.services, agent.id, { status: 'available' })
    const { id } = await world.asks()
    expect((await world.offers(id)).map(({ state }) => state)).toEqual(['pending'])
    // it may have nothing left to do, or die of it
    await goes(world.killedAfterCommit(), agent.id).catch((error: Error) =>
      expect(error.message).toBe('killed'),
    )
    expect((await world.offers(id)).map(({ state }) => state)).toEqual(['withdrawn'])
    expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
  })

  test('an offer made while that waits for its turn is taken back too', async () => {
    const [agent] = (await world.agents(1, { schedule })) as [AnAgent]
    await setAvailability(world.services, agent.id, { status: 'available' })
    const first = await world.asks()
    const holder = await world.pool.connect()
    try {
      await holder.query('begin')
      await holder.query('select from organisation for update')
      const asking = world.asks()
      await world.waitsForLocks(1)
      const going = goes(world.services, agent.id)
      await world.waitsForLocks(2)
      await holder.query('commit')
      await going
      for (const { id } of [first, await asking])
        expect((await world.offers(id)).map(({ state }) => state)).toEqual(['withdrawn'])
    } finally {
      holder.release()
    }
  })
})
