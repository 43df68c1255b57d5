// @module-tag first-try
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Schedule } from '#core/contracts/availability.ts'
import type { Db } from '#core/db/pool.ts'
import { schedulesOf } from '#core/features/availability/read-once.ts'
import { readRouting } from '#core/features/routing/trace.ts'
import { createTeam } from '#core/features/teams/service.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { atLeast, runs, within } from '#tests/support/soak.ts'
import { type AgentState, askNext, type Circle, hasOneLess, type Line } from './circle-model.ts'
import { chatEnds, takeStates } from './circle-world.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** Far more agents than a choice looks at first, nearly all of whom cannot be asked: whom it asks, and what the trace says of
 *  those before. */
const agentCount = 60
const cap = 2
let world: RoutingWorld
let agents: AnAgent[]

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, limits: { addressWaiting: 1_000 } })
  world.clock.set(new Date('2026-03-03T10:00:00Z'))
  agents = await world.agents(agentCount)
})

const agent = (place: number): AnAgent => {
  const found = agents[place]
  if (!found) throw new Error(`There is no agent ${place}`)
  return found
}
const placeOf = (id: string | undefined) => agents.findIndex((one) => one.id === id)

async function aCircle(states: AgentState[], last: number, team: number[] | null): Promise<Circle> {
  await takeStates(world, agents, states, cap)
  await world.pool.query(
    'update organisation set last_offered_position = (select position from agents where id = $1)',
    [agent(last).id],
  )
  await world.pool.query('delete from round_robins')
  await world.pool.query(`update sites set route = 'round_robin', route_team_id = null`)
  await world.pool.query('delete from teams')
  if (team) {
    const agentIds = team.map((place) => agent(place).id)
    const { id } = await createTeam(world.services, agent(0).id, { name: 'Team', agentIds })
    await world.pool.query(`update sites set route = 'team', route_team_id = $1`, [id])
  }
  return {
    agents: states.map((state) => ({ state, load: state.startsWith('full') ? cap : 0 })),
    cap,
    last,
    team: team && { members: team.toSorted((a, b) => a - b), last: -1 },
  }
}

const trace = async (id: string): Promise<Line[]> =>
  (await readRouting(world.services.db, id)).steps.map(({ stage, agent, reason, others }) => ({
    stage: stage as Line['stage'],
    ...(agent ? { agent: placeOf(agent.id), reason: reason as never } : { others: others ?? {} }),
  }))

/** Of forty somebody is free, and often there are more of them than one. */
const state = fc.oneof(
  { weight: 2, arbitrary: fc.constant<AgentState>('free') },
  { weight: 24, arbitrary: fc.constantFrom<AgentState>('full', 'full', 'full_and_away') },
  {
    weight: 14,
    arbitrary: fc.constantFrom<AgentState>(
      'full_and_unreachable',
      'away',
      'off_duty',
      'in_a_meeting',
      'unreachable',
      'inactive',
    ),
  },
)
const somebody = fc.nat({ max: agentCount - 1 })
const states = fc.array(state, { minLength: agentCount, maxLength: agentCount, size: 'max' })
const team = fc.option(fc.uniqueArray(somebody, { minLength: 1, maxLength: 30, size: 'max' }))
/** Declined so many times; before it somebody who was full may have a chat less. */
const request = fc.record({ declines: fc.nat({ max: 2 }), ends: fc.option(somebody, { freq: 2 }) })
const requests = fc.array(request, { minLength: 5, maxLength: 15, size: 'max' })

test('with nearly everybody full, order and trace are those of a walk that looks at each', {
  timeout: within(120_000),
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      states,
      somebody,
      team,
      requests,
      atLeast(5, 15_000, async (states, last, team, requests) => {
        const circle = await aCircle(states, last, team)
        for (const { declines, ends } of requests) {
          if (ends !== null && (await chatEnds(world, agent(ends).id))) hasOneLess(circle, ends)
          await asksAndIsDeclined(circle, declines)
        }
      }),
    ),
    { numRuns: runs(8, 20), endOnFailure: true },
  )
})

async function asksAndIsDeclined(circle: Circle, declines: number): Promise<void> {
  const { id } = await world.asks()
  const first = askNext(circle)
  expect(await trace(id)).toEqual(first.trace)
  const asked = first.agent === null ? [] : [first.agent]
  for (let n = 0; n < declines; n++) {
    const offer = await world.pendingOffer(id)
    const last = asked.at(-1)
    if (!offer || last === undefined) break
    await world.declines(agent(last), offer.id)
    hasOneLess(circle, last)
    const { agent: next } = askNext(circle, asked)
    if (next === null) break
    asked.push(next)
  }
  expect((await world.offers(id)).map(({ agentId }) => placeOf(agentId))).toEqual(asked)
}

test('a schedule is read once, whoever has it, and one that was changed since its digest was read is the changed one', async () => {
  const ids = [agent(0).id, agent(1).id]
  const has = async (datesOff: string[]): Promise<{ schedule: Schedule; digest: string }> => {
    const schedule = { timeZone: 'Europe/Rome', blocks: [], datesOff }
    const { rows } = await world.pool.query<{ digest: string }>(
      `update agents set live_chat_schedule = $2 where id = any ($1) returning live_chat_schedule_digest as digest`,
      [ids, schedule],
    )
    return { schedule, digest: rows[0]?.digest ?? '' }
  }
  const read = async (db: Db, digest: string) => [
    ...(await schedulesOf(
      db,
      ids.map((id) => ({ id, liveChatScheduleDigest: digest })),
    )),
  ]
  const allHave = (schedule: Schedule) => ids.map((id) => [id, schedule])
  const { db } = world.services
  const nowhere = {} as Db

  const first = await has(['2026-12-24'])
  await expect(read(nowhere, first.digest)).rejects.toThrow()
  expect(await read(db, first.digest)).toEqual(allHave(first.schedule))
  expect(await read(nowhere, first.digest)).toEqual(allHave(first.schedule))

  const { digest: second } = await has(['2026-12-25'])
  const third = await has(['2026-12-26'])
  expect(await read(db, second)).toEqual(allHave(third.schedule))
  expect(await read(nowhere, third.digest)).toEqual(allHave(third.schedule))
})
