import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { endIfIdle, sweepConversations, withdrawIfGone } from '#core/features/conversations/endings.ts'
import { expire, sweepOffers } from '#core/features/routing/offers.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from '../routing/world.ts'

/** Deadlines to the millisecond, with neither queue nor workers: the clock stands still until it is moved, and the
 *  sweeps are called by hand. */

const minute = 60_000
let world: RoutingWorld
let first: AnAgent
let second: AnAgent

beforeAll(async () => {
  world = await openWorld()
})
beforeEach(async () => {
  world.clock.ticks = true
  await world.clear()
  ;[first, second] = (await world.agents(2)) as [AnAgent, AnAgent]
  world.clock.ticks = false
})

async function sweep(): Promise<void> {
  await sweepOffers(world.services)
  await sweepConversations(world.services)
}

/** Every way in which a deadline may be acted on, at once and again, in two processes. */
async function sweepAndMore(conversationId: string): Promise<void> {
  const other = await world.another()
  const offers = await world.offers(conversationId)
  for (let again = 0; again < 2; again++)
    await Promise.all(
      [world.services, other].flatMap((services) => [
        sweepOffers(services),
        sweepConversations(services),
        endIfIdle(services, conversationId),
        withdrawIfGone(services, conversationId),
        ...offers.map(({ id }) => expire(services, id)),
      ]),
    )
}

const sends = (conversationId: string, visitorId: string) =>
  world.services.messageLog.append({
    conversationId,
    senderType: 'visitor',
    senderId: visitorId,
    clientId: randomUUID(),
    text: 'Still here',
  })

test('an offer may be accepted until 100 s have passed, and not at 100 s', async () => {
  const { id } = await world.asks()
  const offer = await world.pendingOffer(id)
  world.clock.advance(99_999)
  await sweep()
  expect((await world.pendingOffer(id))?.id).toBe(offer?.id)
  world.clock.advance(1)
  // whether or not anybody has noticed yet
  await expect(world.accepts(first, offer?.id ?? '')).rejects.toMatchObject({ code: 'offer_expired' })
  await sweep()
  expect((await world.offers(id)).map(({ agentId, state }) => [agentId, state])).toEqual([
    [first.id, 'expired'],
    [second.id, 'pending'],
  ])
})

test('an offer is accepted in the last millisecond', async () => {
  const { id } = await world.asks()
  const offer = await world.pendingOffer(id)
  world.clock.advance(99_999)
  expect(await world.accepts(first, offer?.id ?? '')).toMatchObject({ status: 'active' })
})

test('after two time-outs the request is missed, however often the deadlines are looked at', async () => {
  await world.agents(1)
  const { id } = await world.asks()
  world.clock.advance(100_000)
  await sweepAndMore(id)
  expect((await world.offers(id)).map(({ state }) => state)).toEqual(['expired', 'pending'])
  world.clock.advance(100_000)
  await sweepAndMore(id)
  expect((await world.offers(id)).map(({ state }) => state)).toEqual(['expired', 'expired'])
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
  expect(await world.kinds(id)).toEqual(['message', 'ended'])
})

test('a silent chat is warned after nine minutes and ended after ten', async () => {
  const { id } = await world.chat(first)
  world.clock.advance(9 * minute - 1)
  await sweepAndMore(id)
  expect(await world.kinds(id)).toEqual(['message', 'joined'])
  world.clock.advance(1)
  await sweepAndMore(id)
  expect(await world.kinds(id)).toEqual(['message', 'joined', 'warning'])
  world.clock.advance(minute - 1)
  await sweepAndMore(id)
  expect(await world.conversation(id)).toMatchObject({ status: 'active' })
  world.clock.advance(1)
  await sweepAndMore(id)
  expect(await world.conversation(id)).toMatchObject({ status: 'ended', endReason: 'timeout' })
  expect(await world.kinds(id)).toEqual(['message', 'joined', 'warning', 'ended'])
})

test('a message starts the ten minutes anew, and the warning too', async () => {
  const { id, visitorId } = await world.chat(first)
  world.clock.advance(9 * minute + 59_999)
  await sweep()
  await sends(id, visitorId)
  world.clock.advance(9 * minute - 1)
  await sweep()
  expect(await world.kinds(id)).toEqual(['message', 'joined', 'warning', 'message'])
  world.clock.advance(1)
  await sweep()
  expect(await world.kinds(id)).toEqual(['message', 'joined', 'warning', 'message', 'warning'])
  world.clock.advance(minute)
  await sweep()
  expect(await world.conversation(id)).toMatchObject({ status: 'ended', endReason: 'timeout' })
})

test('a chat that went silent while Foyer was down ends when it is back', async () => {
  const { id } = await world.chat(first)
  world.clock.advance(25 * minute)
  await world.restart()
  await sweep()
  expect(await world.conversation(id)).toMatchObject({ status: 'ended', endReason: 'timeout' })
})

test('offers that ran out while Foyer was down are acted on, in the order of their deadlines', async () => {
  const early = await world.asks()
  world.clock.advance(1)
  const late = await world.asks()
  world.clock.advance(24 * 60 * minute)
  await world.restart()
  await sweep()
  const states = async (id: string) => (await world.offers(id)).map(({ agentId, state }) => [agentId, state])
  // the first in line is asked first: round robin goes on after the second agent
  expect(await states(early.id)).toEqual([
    [first.id, 'expired'],
    [second.id, 'pending'],
  ])
  expect(await states(late.id)).toEqual([
    [second.id, 'expired'],
    [first.id, 'pending'],
  ])
})

test('a visitor gone for 30 s withdraws the request, and for a millisecond less does not', async () => {
  const { id, visitorId } = await world.asks()
  world.clock.advance(5_000)
  await world.drop(visitorId)
  world.clock.advance(29_999)
  await sweepAndMore(id)
  expect(await world.conversation(id)).toMatchObject({ status: 'waiting' })
  world.clock.advance(1)
  await sweepAndMore(id)
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'visitor_left' })
  expect((await world.offers(id)).map(({ state }) => state)).toEqual(['withdrawn'])
  expect(await world.kinds(id)).toEqual(['message', 'ended'])
})

test('a reload is no leaving, and neither is closing one of two tabs', async () => {
  const { id, visitorId } = await world.asks()
  for (let reload = 0; reload < 2; reload++) {
    await world.drop(visitorId)
    world.clock.advance(29_000)
    await sweep()
    await world.connect('visitor', visitorId)
    world.clock.advance(40_000)
    await sweepConversations(world.services)
    expect(await world.conversation(id)).toMatchObject({ status: 'waiting' })
  }
})

test('a visitor who asked and never opened a socket leaves 30 s after the last sign of life', async () => {
  const { id } = await world.asks({ stays: false })
  world.clock.advance(29_999)
  await sweepConversations(world.services)
  expect(await world.conversation(id)).toMatchObject({ status: 'waiting' })
  world.clock.advance(1)
  await sweepConversations(world.services)
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'visitor_left' })
})

test('a visitor who leaves an active chat does not end it', async () => {
  const { id, visitorId } = await world.chat(first)
  await world.drop(visitorId)
  world.clock.advance(5 * minute)
  await sweepAndMore(id)
  expect(await world.conversation(id)).toMatchObject({ status: 'active' })
})

test('however often a chat is warned and goes on, one job waits for its end', async () => {
  const { id, visitorId } = await world.chat(first)
  for (let round = 0; round < 3; round++) {
    world.clock.advance(9 * minute)
    await sweepAndMore(id)
    await sends(id, visitorId)
  }
  const { rows } = await world.pool.query(
    `select run_at from outbox where task = 'end-idle' and state = 'open' and run_at > $1`,
    [world.clock.now()],
  )
  expect(rows.length).toBeLessThanOrEqual(1)
})

test('one request that cannot be moved on does not hold up the others', async () => {
  const { id: broken } = await world.asks()
  world.clock.advance(1)
  const { id: sound } = await world.asks()
  // a row that Foyer would never write, so that every step on it fails
  await world.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'No.'; end $$`)
  await world.pool.query(
    `create trigger refuse before update on offers for each row when (old.conversation_id = '${broken}') execute function refuse()`,
  )
  try {
    world.clock.advance(100_000)
    await expect(sweepOffers(world.services)).rejects.toThrow('No.')
    expect((await world.offers(sound)).map(({ state }) => state)).toEqual(['expired', 'pending'])
  } finally {
    await world.pool.query('drop function refuse cascade')
  }
})
