// @module-tag first-try
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { FoyerError } from '#core/errors.ts'
import { setAvailability } from '#core/features/availability/service.ts'
import { withdrawIfGone } from '#core/features/conversations/endings.ts'
import { expire } from '#core/features/routing/offers.ts'
import type { Services } from '#core/services.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from './world.ts'

const cap = 3
let world: RoutingWorld
/** Two processes, each with connections of its own. */
let processes: [Services, Services]

beforeAll(async () => {
  world = await openWorld({ agentCap: cap })
  processes = [world.services, await world.another()]
})
beforeEach(async () => {
  await world.clear()
  // no test reaches the midnight that would end a switch by hand
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
})

const either = (n: number): Services => processes[n % 2] as Services

/** What was refused counts as an answer; anything else (a deadlock, a broken constraint) fails the test. */
const settled = async (work: Promise<unknown>): Promise<'done' | string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof FoyerError && error.status < 500) return error.code
      throw error
    },
  )

test('many who ask at once fill every agent to the cap and none beyond', async () => {
  const agents = await world.agents(4)
  await Promise.all(Array.from({ length: 20 }, (_, n) => world.asks({ services: either(n) })))
  expect(await world.broken(cap)).toEqual([])
  const pending = (await world.offers()).filter(({ state }) => state === 'pending')
  for (const agent of agents) expect(pending.filter(({ agentId }) => agentId === agent.id)).toHaveLength(cap)
  const missed = (await world.conversations()).filter(({ status }) => status === 'missed')
  expect(missed.map(({ endReason }) => endReason)).toEqual(Array(8).fill('nobody_available'))
})

test('two who ask at once are put to two agents, in turn', async () => {
  const agents = await world.agents(3)
  const asked: string[] = []
  for (let round = 0; round < 4; round++) {
    const pair = await Promise.all([0, 1].map((n) => world.asks({ services: either(n) })))
    const offered = await Promise.all(
      pair.map(async ({ id }) => (await world.pendingOffer(id))?.agentId ?? ''),
    )
    asked.push(...offered.toSorted())
    for (const { id, visitorId } of pair) await world.visitorEnds(visitorId, id)
  }
  const turns = Array.from({ length: 8 }, (_, n) => agents[n % 3]?.id ?? '')
  const pairs = [0, 2, 4, 6].flatMap((n) => turns.slice(n, n + 2).toSorted())
  expect(asked).toEqual(pairs)
})

test('accepting in two tabs is accepting once', async () => {
  const [agent] = (await world.agents(1)) as [AnAgent]
  const { id } = await world.asks()
  const offer = await world.pendingOffer(id)
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, n) => world.accepts(agent, offer?.id ?? '', either(n))),
  )
  expect(answers.map((answer) => answer.agent?.id)).toEqual(Array(6).fill(agent.id))
  expect(await world.kinds(id)).toEqual(['message', 'joined'])
})

test('of everything that may become of an offer, exactly one happens', async () => {
  const [first, second] = (await world.agents(2)) as [AnAgent, AnAgent]
  const ends = { accepted: 0, declined: 0, expired: 0, withdrawn: 0 }
  for (let round = 0; round < 30; round++) {
    const { id, visitorId } = await world.asks({ stays: false })
    const offer = await world.pendingOffer(id)
    if (!offer) throw new Error('Nobody was asked')
    const agent = offer.agentId === first.id ? first : second
    // an instant before the end, or after it: most of what follows is then in time, or most of it late
    if (round % 2 === 1) world.clock.set(new Date(offer.expiresAt.getTime() - 4))
    const all = [
      () => world.accepts(agent, offer.id, either(0)),
      () => world.accepts(agent, offer.id, either(1)),
      () => world.declines(agent, offer.id, either(round)),
      () => expire(either(round), offer.id),
      () => expire(either(round + 1), offer.id),
      () => world.visitorEnds(visitorId, id, either(round)),
      () => withdrawIfGone(either(round), id),
      () => setAvailability(either(round), agent.id, { status: 'unavailable' }),
    ]
    // each round another one is first in line
    const inTurn = all.map((_, n) => all[(n + round) % all.length] as () => Promise<unknown>)
    await Promise.all(inTurn.map((one) => settled(one())))

    expect(await world.broken(cap)).toEqual([])
    const state = (await world.offers(id)).find((one) => one.id === offer.id)?.state as keyof typeof ends
    ends[state] += 1
    const lines = (await world.kinds(id)).filter((kind) => kind === 'joined')
    expect(lines).toHaveLength((await world.conversation(id)).agentId ? 1 : 0)

    await world.visitorEnds(visitorId, id)
    await setAvailability(world.services, agent.id, { status: 'available' })
  }
  // the rounds did race: no single end won them all
  expect(Object.values(ends).filter((count) => count > 0).length).toBeGreaterThan(1)
})

test('who goes unavailable while a choice waits for its turn is not chosen', async () => {
  const [agent] = (await world.agents(1)) as [AnAgent]
  const holder = await world.pool.connect()
  try {
    await holder.query('begin')
    await holder.query('select from organisation for update')
    const asking = world.asks()
    await world.waitsForLocks(1)
    // what setAvailability does under this lock
    await holder.query(
      `update agents set override_status = 'unavailable', override_set_at = $2 where id = $1`,
      [agent.id, world.clock.now()],
    )
    await holder.query('commit')
    const { id } = await asking
    expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  } finally {
    holder.release()
  }
})

test('in a storm, nobody is asked while unavailable and nobody is asked too much', async () => {
  const agents = await world.agents(4)
  // until enough has happened, however fast the machine is
  const going = () => asked < 40 || accepted < 15
  const away = new Set<string>()
  const trouble: string[] = []
  const visitorsOf = new Map<string, string>()
  let asked = 0
  let accepted = 0

  const visitors = async (n: number) => {
    while (going()) {
      const { id, visitorId } = await world.asks({ services: either(n) })
      visitorsOf.set(id, visitorId)
      asked += 1
      if (asked % 7 === 0) await settled(world.visitorEnds(visitorId, id, either(n + 1)))
    }
  }
  const answering = async (agent: AnAgent, n: number) => {
    while (going()) {
      for (const offer of (await world.offers()).filter(({ agentId }) => agentId === agent.id)) {
        if (offer.state === 'pending' && n % 3 === 0)
          await settled(world.declines(agent, offer.id, either(n)))
        else if (offer.state === 'pending') {
          const answers = await Promise.all([
            settled(world.accepts(agent, offer.id, either(n))),
            settled(world.accepts(agent, offer.id, either(n + 1))),
          ])
          // why not may change between the two, when the next one asked has taken it
          if (new Set(answers.map((answer) => answer === 'done')).size > 1)
            trouble.push(`two tabs were told ${answers.join(' and ')}`)
          if (answers[0] === 'done') accepted += 1
        }
        n++
      }
      for (const chat of await world.conversations())
        if (chat.status === 'active' && chat.agentId === agent.id)
          await settled(
            n++ % 2 === 0
              ? world.agentEnds(agent, chat.id, either(n))
              : world.visitorEnds(visitorsOf.get(chat.id) ?? '', chat.id, either(n)),
          )
    }
  }
  const switching = async (agent: AnAgent, n: number) => {
    while (going()) {
      await setAvailability(either(n), agent.id, { status: 'unavailable' })
      away.add(agent.id)
      for (let look = 0; look < 3; look++)
        if ((await world.offers()).some((offer) => offer.agentId === agent.id && offer.state === 'pending'))
          trouble.push(`${agent.name} is asked while unavailable`)
      away.delete(agent.id)
      await setAvailability(either(n + 1), agent.id, { status: 'available' })
    }
  }
  const deadlines = async () => {
    while (going())
      for (const offer of (await world.offers()).filter(({ state }) => state === 'pending').slice(-2)) {
        world.clock.advance(20_000)
        await Promise.all(processes.map((services) => expire(services, offer.id)))
      }
  }
  const looking = async () => {
    while (going()) trouble.push(...(await world.broken(cap)))
  }
  await Promise.all([
    visitors(0),
    visitors(1),
    ...agents.map(answering),
    ...agents.slice(0, 2).map(switching),
    deadlines(),
    looking(),
  ])

  expect([...new Set(trouble)]).toEqual([])
  expect(await world.broken(cap)).toEqual([])
})
