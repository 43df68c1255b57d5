import fc from 'fast-check'
import { createTeam } from '#core/features/teams/service.ts'
import { type AnAgent, anAgent, roundTheClock } from '#tests/support/factories.ts'
import type { Model, ModelRoute, OwnerOf, Real } from './model.ts'
import { addRule, setOwner, setRoute, someRoute } from './order-commands.ts'
import { type NewRule, someRule } from './rules-model.ts'
import type { RoutingWorld } from './world.ts'

const teams = [
  [1, 3],
  [0, 2, 3],
]
/** The last agent's day has a gap. */
const gap = [
  [0, 6],
  [12, 24],
] as const

/** What a run begins with. */
interface SetUp {
  route: ModelRoute
  rules: NewRule[]
  /** Nobody owns anybody unless told: owners come before whatever the site's route says. */
  owners?: Partial<Model['owners']>
}
export const someSetUp: fc.Arbitrary<SetUp> = fc.record({
  route: someRoute,
  rules: fc.array(someRule, { maxLength: 3 }),
  owners: fc.constant({
    account: 1,
    'known@account.test': 0,
    'known@person.test': 2,
    'known@company.test': 0,
    company: 3,
  }),
})
export const someRules: fc.Arbitrary<SetUp> = fc.record({
  route: fc.constant<ModelRoute>({ by: 'rules' }),
  rules: fc.array(someRule, { minLength: 2, maxLength: 4 }),
})

/** Four agents, two teams, records of three people and a company, and rules. */
export async function aModelWorld(
  world: RoutingWorld,
  { route, rules, owners = {} }: SetUp,
): Promise<{ model: Model; real: Real }> {
  await world.clear()
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
  const days = [1, 2, 3, 4, 5, 6, 7]
  const withGap = {
    ...roundTheClock,
    blocks: days.flatMap((weekday) => [
      { weekday, start: '00:00', end: '06:00' },
      { weekday, start: '12:00', end: '24:00' },
    ]),
  }
  const agents = [...(await world.agents(3)), ...(await world.agents(1, { schedule: withGap }))]
  const at = (place: number) => agents[place] as AnAgent
  const admin = await anAgent(world.pool, world.clock.now(), { profile: 'admin' })
  const { services } = world
  for (const email of ['known@account.test', 'known@person.test', 'known@company.test'])
    await world.pool.query(`insert into people (id, email, updated_at) values (gen_random_uuid(), $1, $2)`, [
      email,
      world.clock.now(),
    ])
  await world.pool.query(
    `insert into companies_mirror (connector, external_id, domain, read_at)
     values ('salesforce', 'C1', 'company.test', $1)`,
    [world.clock.now()],
  )
  const model: Model = {
    agents: agents.map((_, place) => ({
      active: true,
      blocks: place === 3 ? gap : [[0, 24]],
      override: null,
      misses: 0,
      socket: { open: true, droppedAt: 0 },
    })),
    chats: [],
    last: agents.length - 1,
    route: { by: 'round_robin' },
    teams: teams.map((members, n) => ({ name: `Team ${n}`, members, last: -1 })),
    owners: {
      account: null,
      'known@account.test': null,
      'known@person.test': null,
      'known@company.test': null,
      company: null,
    },
    rules: [],
  }
  const real: Real = { world, agents, admin, teamIds: [], made: teams.length }
  for (const [n, members] of teams.entries()) {
    const agentIds = members.map((place) => at(place).id)
    real.teamIds.push((await createTeam(services, admin.id, { name: `Team ${n}`, agentIds })).id)
  }
  for (const [of, agent] of Object.entries(owners)) await setOwner(model, real, of as OwnerOf, agent)
  for (const rule of rules) await addRule(model, real, rule, model.rules.length)
  await setRoute(model, real, route)
  return { model, real }
}
