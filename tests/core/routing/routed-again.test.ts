import { beforeAll, beforeEach, expect, test } from 'vitest'
import { FoyerError } from '#core/errors.ts'
import { sweepConversations } from '#core/features/conversations/endings.ts'
import { sweepOffers } from '#core/features/routing/offers.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** An agent is deactivated: their chats go on with somebody else. */

const cap = 3
let world: RoutingWorld
let leaving: AnAgent
let staying: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: cap })
})
beforeEach(async () => {
  await world.clear()
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
  ;[leaving, staying] = (await world.agents(2)) as [AnAgent, AnAgent]
})

const asked = async (id: string) =>
  (await world.offers(id)).map(({ agentId, state }) => [
    agentId === leaving.id ? 'leaving' : 'staying',
    state,
  ])

test('an active chat is put to somebody else, with everything that was said', async () => {
  const chat = await world.chat(leaving)
  await world.says(chat, leaving, 'How can I help?')
  await world.says(chat, 'visitor', 'What does it cost?')
  await world.deactivates(leaving)
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'waiting', agentId: null })
  expect(await world.kinds(chat.id)).toEqual(['message', 'joined', 'message', 'message', 'handed_over'])
  expect(await asked(chat.id)).toEqual([
    ['leaving', 'accepted'],
    ['staying', 'pending'],
  ])
  // writing goes on meanwhile
  await world.says(chat, 'visitor', 'Hello?')
  const offer = await world.pendingOffer(chat.id)
  const taken = await world.accepts(staying, offer?.id ?? '')
  expect(taken).toMatchObject({ status: 'active', agent: { id: staying.id }, lastSeq: 7 })
  // since the first of the two lines that nobody has answered
  const { rows } = await world.pool.query('select at from entries where conversation_id = $1 and seq = 4', [
    chat.id,
  ])
  expect(taken.waitingSince).toBe(rows[0].at.toISOString())
  expect(await world.broken(cap)).toEqual([])
})

test('chats and offers of whoever leaves are all taken over, the oldest chats first, within the caps', async () => {
  const chats = [await world.chat(leaving)]
  await world.chat(staying)
  chats.push(await world.chat(leaving))
  await world.chat(staying)
  const offered = await world.asks()
  await world.deactivates(leaving)
  // one place is left
  const [first, second] = chats.map(({ id }) => id) as [string, string]
  expect(await asked(first)).toEqual([
    ['leaving', 'accepted'],
    ['staying', 'pending'],
  ])
  expect(await world.conversation(second)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  expect(await world.kinds(second)).toEqual(['message', 'joined', 'handed_over', 'ended'])
  expect(await world.conversation(offered.id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
  expect(await world.broken(cap)).toEqual([])
})

test('each round has tries of its own, and asks again who was asked before', async () => {
  // the first in line lets it pass, the second takes it
  const { id } = await world.asks()
  world.clock.advance(100_000)
  await sweepOffers(world.services)
  const second = await world.pendingOffer(id)
  const [taker, other] = second?.agentId === leaving.id ? [leaving, staying] : [staying, leaving]
  await world.accepts(taker, second?.id ?? '')
  await world.deactivates(taker)
  expect(await world.pendingOffer(id)).toMatchObject({ agentId: other.id })
  const [third] = (await world.agents(1)) as [AnAgent]
  world.clock.advance(100_000)
  await sweepOffers(world.services)
  expect(await world.pendingOffer(id)).toMatchObject({ agentId: third.id })
  world.clock.advance(100_000)
  await sweepOffers(world.services)
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
})

test('nobody is asked for a visitor who has left: the chat is kept as missed', async () => {
  const chat = await world.chat(leaving)
  await world.drop(chat.visitorId)
  world.clock.advance(30_000)
  await world.deactivates(leaving)
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'missed', endReason: 'visitor_left' })
  expect(await asked(chat.id)).toEqual([['leaving', 'accepted']])
})

test('a visitor who leaves while a colleague is being found withdraws the request', async () => {
  const chat = await world.chat(leaving)
  await world.deactivates(leaving)
  await world.drop(chat.visitorId)
  world.clock.advance(30_000)
  await sweepConversations(world.services)
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'missed', endReason: 'visitor_left' })
})

test('a process killed right after the commit leaves no chat behind', async () => {
  const chat = await world.chat(leaving)
  await world
    .deactivates(leaving, world.killedAfterCommit())
    .catch((error: Error) => expect(error.message).toBe('killed'))
  expect(await asked(chat.id)).toEqual([
    ['leaving', 'accepted'],
    ['staying', 'pending'],
  ])
})

test('who comes back has no way to the chat by the offer accepted then', async () => {
  const chat = await world.chat(leaving)
  const old = (await world.offers(chat.id))[0]
  await world.deactivates(leaving)
  await world.activates(leaving)
  await expect(world.accepts(leaving, old?.id ?? '')).rejects.toMatchObject({ code: 'offer_withdrawn' })
  const offer = await world.pendingOffer(chat.id)
  await world.accepts(staying, offer?.id ?? '')
  await expect(world.accepts(leaving, old?.id ?? '')).rejects.toMatchObject({ code: 'offer_taken' })
  await expect(world.agentEnds(leaving, chat.id)).rejects.toMatchObject({ status: 404 })
})

test('what the agent sends at that moment is either in the log before the change, or refused', async () => {
  const other = await world.another()
  const outcomes = new Set<string>()
  for (let round = 0; round < 10; round++) {
    const { id, visitorId } = await world.asks()
    const offer = await world.pendingOffer(id)
    if (offer?.agentId !== leaving.id) throw new Error('Somebody else was asked')
    await world.accepts(leaving, offer.id)
    const sends = Array.from({ length: 12 }, async (_, n) => {
      const services = n % 2 === 0 ? world.services : other
      // some before, some while, some after
      for (let turn = 0; turn < n; turn++) await world.pool.query('select')
      return world.says({ id, visitorId }, leaving, `${n}`, services).then(
        () => 'stored',
        (error: FoyerError) => error.code,
      )
    })
    const [, ...answers] = await Promise.all([
      world.pool.query('select').then(() => world.deactivates(leaving)),
      ...sends,
    ])
    const stored = answers.filter((answer) => answer === 'stored').length
    for (const answer of answers) outcomes.add(answer)
    expect(await world.kinds(id)).toEqual([
      'message',
      'joined',
      ...Array(stored).fill('message'),
      'handed_over',
    ])
    expect(await world.broken(cap)).toEqual([])
    await world.visitorEnds(visitorId, id)
    await world.activates(leaving)
    // whoever stayed was offered the last chat: the other one is next again
  }
  expect([...outcomes].toSorted()).toEqual(['not_found', 'stored'])
})

test('of accepting and being deactivated at once, no chat stays with who is gone', async () => {
  const other = await world.another()
  const ways = { accepted: 0, withdrawn: 0 }
  for (let round = 0; round < 20; round++) {
    const { id, visitorId } = await world.asks()
    const offer = await world.pendingOffer(id)
    if (offer?.agentId !== leaving.id) throw new Error('Somebody else was asked')
    const both = [
      () =>
        world.accepts(leaving, offer.id, other).catch((error: unknown) => {
          if (!(error instanceof FoyerError) || error.code !== 'offer_withdrawn') throw error
        }),
      () => world.deactivates(leaving),
    ]
    if (round % 2 === 1) both.reverse()
    await Promise.all(both.map((one) => one()))
    const [made] = await world.offers(id)
    ways[made?.state as keyof typeof ways] += 1
    expect(await world.broken(cap)).toEqual([])
    expect(await world.pendingOffer(id)).toMatchObject({ agentId: staying.id })
    await world.visitorEnds(visitorId, id)
    await world.activates(leaving)
  }
  expect(ways.accepted).toBeGreaterThan(0)
  expect(ways.withdrawn).toBeGreaterThan(0)
})

test('the visitor reads that a colleague is being found, and goes on with them', async () => {
  const foyer = await startFoyer()
  const admin = await foyer.agent({
    profile: 'admin',
    schedule: { timeZone: 'UTC', blocks: [], datesOff: [] },
  })
  const { visitor, agent, id } = await foyer.chat()
  await agent.says(id, 'How can I help?')
  await visitor.hears('How can I help?')
  await visitor.says('What does it cost?')
  const colleague = await foyer.agent()

  await admin.http.patch(`/agents/${agent.id}`, { active: false })
  await waitFor('the agent is out', () => agent.socket.closed)
  await waitFor('the visitor waits', () => visitor.conversation?.status === 'waiting')
  expect(visitor.conversation).toMatchObject({ id, agent: null })
  await visitor.says('Hello?')

  await colleague.accepts(id)
  await waitFor('the visitor is with the colleague', () => visitor.conversation?.agent?.id === colleague.id)
  await colleague.says(id, 'Sorry for the wait.')
  await visitor.hears('Sorry for the wait.')
  const kinds = ['message', 'joined', 'message', 'message', 'handed_over', 'message', 'joined', 'message']
  const log = colleague.follow(id)
  await waitFor('the colleague has read all of it', () => log.lastSeq === kinds.length)
  for (const { entries } of [log, visitor.follow(id)]) expect(entries.map(({ kind }) => kind)).toEqual(kinds)
})
