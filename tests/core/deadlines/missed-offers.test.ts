import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ToAgent } from '#core/contracts/sockets.ts'
import { describeAvailability, setAvailability } from '#core/features/availability/service.ts'
import { expire, sweepOffers } from '#core/features/routing/offers.ts'
import type { Services } from '#core/services.ts'
import { type AnAgent, never, roundTheClock } from '#tests/support/factories.ts'
import { runs, within } from '#tests/support/soak.ts'
import { type OfferRecord, openWorld, type RoutingWorld } from '../routing/world.ts'

/** Two offers in a row that ran out set their agent unavailable. The clock stands still until it is moved. */

const offerTimeoutMs = 100_000
let world: RoutingWorld
let agent: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: 5, offerTries: 9 })
})
beforeEach(async () => {
  world.clock.ticks = true
  await world.clear()
  world.clock.set(new Date('2026-03-03T10:00:00Z'))
  ;[agent] = (await world.agents(1)) as [AnAgent]
})

async function isAsked(services?: Services): Promise<OfferRecord> {
  const offer = await world.pendingOffer((await world.asks({ services })).id)
  if (offer?.agentId !== agent.id) throw new Error('Somebody else was asked, or nobody')
  return offer
}
async function misses(): Promise<OfferRecord> {
  const offer = await isAsked()
  world.clock.advance(offerTimeoutMs)
  await sweepOffers(world.services)
  return offer
}
const availability = () => describeAvailability(world.services.db, world.clock.now(), agent.id)
const isAvailable = async () => (await availability()).available

test('two offers in a row that run out set their agent unavailable until midnight, and one click is the way back', async () => {
  await misses()
  expect(await isAvailable()).toBe(true)
  await misses()
  expect(await availability()).toMatchObject({
    available: false,
    source: 'override',
    until: '2026-03-04T00:00:00.000Z',
    reason: { code: 'missed_offers_until', ends: 'midnight' },
  })
  expect(await setAvailability(world.services, agent.id, { status: 'available' })).toMatchObject({
    available: true,
    source: 'schedule',
  })
  // what was missed before does not count any more
  await misses()
  expect(await isAvailable()).toBe(true)
  await misses()
  expect(await isAvailable()).toBe(false)
})

test('it lasts until the next block starts, like a switch turned by hand', async () => {
  const blocks = ['09:00-12:00', '13:00-17:00'].flatMap((times) => {
    const [start = '', end = ''] = times.split('-')
    return [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start, end }))
  })
  ;[agent] = (await world.agents(1, { schedule: { timeZone: 'UTC', blocks, datesOff: [] } })) as [AnAgent]
  await world.pool.query('update agents set active = false where id <> $1', [agent.id])
  await misses()
  await misses()
  expect(await availability()).toMatchObject({
    available: false,
    until: '2026-03-03T13:00:00.000Z',
    reason: { code: 'missed_offers_until', ends: 'block_start' },
  })
  world.clock.set(new Date('2026-03-03T13:00:00Z'))
  expect(await isAvailable()).toBe(true)
})

describe.each<{ what: string; happens: () => Promise<unknown> }>([
  {
    what: 'an offer accepted',
    happens: async () => {
      const offer = await isAsked()
      await world.accepts(agent, offer.id)
    },
  },
  {
    what: 'an offer declined',
    happens: async () => {
      const offer = await isAsked()
      await world.declines(agent, offer.id)
    },
  },
  {
    what: 'the switch turned, even to where it stood',
    happens: () => setAvailability(world.services, agent.id, { status: 'available' }),
  },
])('with $what between them', ({ happens }) => {
  test('two that ran out are not in a row', async () => {
    await misses()
    await happens()
    await misses()
    expect(await isAvailable()).toBe(true)
    await misses()
    expect(await isAvailable()).toBe(false)
  })
})

test('an offer taken back between them is no answer', async () => {
  await misses()
  const { id, visitorId } = await world.asks()
  await world.visitorEnds(visitorId, id)
  await misses()
  expect(await isAvailable()).toBe(false)
})

test('what else was put to the agent goes on to others in the same transaction, and the agent is told', async () => {
  await misses()
  const running = await isAsked()
  world.clock.advance(50_000)
  const other = await isAsked()
  const [second] = (await world.agents(1)) as [AnAgent]
  world.clock.advance(50_000)
  const frames: ToAgent[] = []
  const stop = world.services.bus.subscribe(`agent:${agent.id}`, (text) => frames.push(JSON.parse(text)))
  await expire(world.services, running.id)
  stop()
  expect((await world.offers(other.conversationId)).map(({ agentId, state }) => [agentId, state])).toEqual([
    [agent.id, 'withdrawn'],
    [second.id, 'pending'],
  ])
  expect(frames.map(({ type }) => type)).toEqual(['offer_closed', 'availability', 'offer_closed'])
  // a client that applies what it was told stands where one does that asks now
  const told = frames.find((frame) => frame.type === 'availability')
  expect(told?.availability).toEqual(await availability())
})

test('a process killed right after the commit leaves nothing half done', async () => {
  await misses()
  const running = await isAsked()
  const other = await isAsked()
  world.clock.set(running.expiresAt)
  await expire(world.killedAfterCommit(), running.id).catch((error: Error) =>
    expect(error.message).toBe('killed'),
  )
  expect((await world.offers(running.conversationId)).at(-1)?.state).toBe('expired')
  expect((await world.offers(other.conversationId)).at(-1)?.state).toBe('withdrawn')
  expect(await isAvailable()).toBe(false)
})

test('whoever stays beyond the schedule and misses two reads why, although the schedule would say no as well', async () => {
  ;[agent] = (await world.agents(1, { schedule: never })) as [AnAgent]
  await world.pool.query('update agents set active = false where id <> $1', [agent.id])
  const until = new Date('2026-03-03T20:00:00Z')
  await setAvailability(world.services, agent.id, { status: 'available', until })
  await misses()
  await misses()
  expect((await availability()).reason.code).toBe('missed_offers_until')
})

test('offers that run out after the end of a block set nobody unavailable, nor the next morning', async () => {
  const blocks = [{ weekday: 2, start: '09:00', end: '10:00' }]
  ;[agent] = (await world.agents(1, { schedule: { timeZone: 'UTC', blocks, datesOff: [] } })) as [AnAgent]
  await world.pool.query('update agents set active = false where id <> $1', [agent.id])
  world.clock.set(new Date('2026-03-03T09:59:00Z'))
  await isAsked()
  await isAsked()
  world.clock.advance(2 * offerTimeoutMs)
  await sweepOffers(world.services)
  expect((await availability()).source).toBe('schedule')
  world.clock.set(new Date('2026-03-10T09:00:00Z'))
  await misses()
  expect(await isAvailable()).toBe(true)
})

test('of two that run out at once in two processes, the second sets the agent unavailable, once', {
  timeout: within(180_000),
}, async () => {
  const another = await world.another()
  for (let round = 0; round < runs(8, 15); round++) {
    const pair = [await isAsked(), await isAsked()]
    world.clock.set(new Date((pair[1] as OfferRecord).expiresAt.getTime() + 1))
    const all = pair.flatMap(({ id }) => [expire(world.services, id), expire(another, id)])
    await Promise.all(all)
    expect((await availability()).reason.code).toBe('missed_offers_until')
    expect(await world.broken(5)).toEqual([])
    await setAvailability(world.services, agent.id, { status: 'available' })
  }
})

test('while one offer runs out as the second in a row, another is accepted or taken away, never both', {
  timeout: within(180_000),
}, async () => {
  const another = await world.another()
  await world.agents(1, { schedule: roundTheClock })
  const ends = { accepted: 0, withdrawn: 0 }
  const rounds = runs(16, 40)
  for (let round = 0; round < rounds; round++) {
    // only this one is asked: the colleague is there to take over
    await world.pool.query('update agents set active = (id = $1)', [agent.id])
    await setAvailability(world.services, agent.id, { status: 'available' })
    await misses()
    const running = await isAsked()
    world.clock.advance(offerTimeoutMs - 50)
    const other = await isAsked()
    world.clock.advance(60)
    await world.pool.query('update agents set active = true')
    const expiring = () => expire(another, running.id)
    const accepting = () => world.accepts(agent, other.id).catch((error: { code: string }) => error.code)
    const [first, second] = round % 2 === 0 ? [expiring, accepting] : [accepting, expiring]
    const answers = await Promise.all([first(), second()])
    const answer = answers[round % 2 === 0 ? 1 : 0]
    expect(await world.broken(5)).toEqual([])
    const state = (await world.offers(other.conversationId)).find(({ id }) => id === other.id)?.state
    ends[state as keyof typeof ends] += 1
    // who has just answered is there; who is unavailable has nothing left to answer
    expect(await isAvailable()).toBe(state === 'accepted')
    if (state === 'withdrawn') expect(answer).toBe('offer_withdrawn')
    for (const { id, status, agentId } of await world.conversations())
      if (status === 'active' && agentId === agent.id) await world.agentEnds(agent, id)
    for (const { conversationId, state, agentId } of await world.offers())
      if (state === 'pending' && agentId !== agent.id)
        await world.pool.query(`delete from conversations where id = $1`, [conversationId])
  }
  expect(ends.accepted + ends.withdrawn).toBe(rounds)
})
