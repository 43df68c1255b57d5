// @module-tag first-try
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { createAccount } from '#core/features/accounts/service.ts'
import { createTeam, deleteTeam, saveTeam } from '#core/features/teams/service.ts'
import type { Services } from '#core/services.ts'
import { type AnAgent, anAgent } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** Two processes on one database, and everybody at once. */

const cap = 4
let world: RoutingWorld
let processes: Services[]
let agents: AnAgent[]
let admin: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, limits: { addressWaiting: 1_000 } })
  processes = [world.services, await world.another()]
})
beforeEach(async () => {
  await world.clear()
  agents = await world.agents(4)
  admin = await anAgent(world.pool, world.clock.now(), { profile: 'admin' })
})

const either = (n: number) => processes[n % 2] as Services
const team = async (...places: number[]) => {
  const agentIds = places.map((place) => agents[place]?.id ?? '')
  const { id } = await createTeam(world.services, admin.id, { name: 'Team', agentIds })
  await world.pool.query(`update sites set route = 'team', route_team_id = $1`, [id])
  return { id, agentIds }
}
/** Who was asked, in the order of choosing: each choice leaves a deadline under the choosers' lock. */
const places = async () => {
  const { rows } = await world.pool.query<{ agentId: string }>(
    `select o.agent_id as "agentId" from outbox b join offers o on o.id = (b.payload ->> 'offerId')::uuid
     where b.payload ? 'offerId' order by b.id`,
  )
  return rows.map(({ agentId }) => agents.findIndex(({ id }) => id === agentId))
}

test('a team’s turns go round without a gap, and its caps hold; then everybody else is asked', async () => {
  await team(1, 2, 3)
  await Promise.all(Array.from({ length: 18 }, (_, n) => world.asks({ services: either(n) })))
  const asked = await places()
  // the team’s twelve places one after the other, then the others’
  expect(asked.slice(0, 12)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
  expect(asked.slice(12)).toEqual([0, 0, 0, 0])
  const missed = (await world.conversations()).filter(({ status }) => status === 'missed')
  expect(missed.map(({ endReason }) => endReason)).toEqual(['nobody_available', 'nobody_available'])
  expect(await world.broken(cap)).toEqual([])
})

test('an owner’s cap holds when all of a company asks at once; the round robin takes the others in turn', async () => {
  const owner = agents[2]?.id ?? ''
  await createAccount(world.services, admin.id, { domain: 'northwind.test', company: null, agentId: owner })
  await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      world.asks({ services: either(n), email: `visitor${n}@northwind.test` }),
    ),
  )
  const asked = await places()
  expect(asked.slice(0, cap)).toEqual([2, 2, 2, 2])
  expect(asked.slice(cap)).toEqual([0, 1, 3, 0, 1, 3])
  expect(await world.broken(cap)).toEqual([])
})

test('declines race with requests: nobody is asked twice, and each answer is in the trace', async () => {
  await team(0, 1, 2)
  const asked = await Promise.all(Array.from({ length: 6 }, (_, n) => world.asks({ services: either(n) })))
  await Promise.all(
    asked.flatMap(({ id }, n) => [
      (async () => {
        for (let turn = 0; turn < 3; turn++) {
          const offer = await world.pendingOffer(id)
          const agent = agents.find((one) => one.id === offer?.agentId)
          if (offer && agent) await world.declines(agent, offer.id, either(n + turn))
        }
      })(),
      world.asks({ services: either(n) }),
    ]),
  )
  for (const { id } of asked) {
    const offered = (await world.offers(id)).map(({ agentId }) => agentId)
    expect(new Set(offered).size).toBe(offered.length)
  }
  expect(await world.broken(cap)).toEqual([])
})

test('a team changes and goes while requests come in: each of them is put to somebody', async () => {
  const { id, agentIds } = await team(0, 1)
  const changes = (async () => {
    for (let n = 0; n < 5; n++)
      await saveTeam(either(n), admin.id, id, { name: `Team ${n}`, agentIds: agentIds.slice(n % 2) })
    await deleteTeam(either(1), admin.id, id)
  })()
  const requests = Array.from({ length: 14 }, (_, n) => world.asks({ services: either(n) }))
  await Promise.all([changes, ...requests])
  expect((await world.conversations()).map(({ status }) => status)).toEqual(Array(14).fill('waiting'))
  expect(await world.broken(cap)).toEqual([])
  await world.asks()
  expect((await world.pool.query('select route from sites')).rows).toEqual([{ route: 'round_robin' }])
})
