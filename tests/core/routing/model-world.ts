import { createAccount } from '#core/features/accounts/service.ts'
import { createTeam } from '#core/features/teams/service.ts'
import { type AnAgent, anAgent, roundTheClock } from '#tests/support/factories.ts'
import type { Model, Real } from './model.ts'
import type { RoutingWorld } from './world.ts'

/** By which address a visitor asks, and whom the account list, the person's record and the company's then name. */
export const kinds: { email: string | null; owners: number[] }[] = [
  { email: null, owners: [] },
  { email: 'anybody@elsewhere.test', owners: [] },
  { email: 'anybody@account.test', owners: [1] },
  { email: 'known@account.test', owners: [1, 0] },
  { email: 'known@person.test', owners: [2] },
  { email: 'anybody@company.test', owners: [3] },
  { email: 'known@company.test', owners: [0, 3] },
]
const teams = [
  [1, 3],
  [0, 2, 3],
]
/** The last agent's day has a gap. */
const gap = [
  [0, 6],
  [12, 24],
] as const

/** Four agents, two teams, an account, and records with owners. */
export async function aModelWorld(world: RoutingWorld): Promise<{ model: Model; real: Real }> {
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
  await createAccount(services, admin.id, { domain: 'account.test', company: null, agentId: at(1).id })
  for (const [email, owner] of [
    ['known@account.test', 0],
    ['known@person.test', 2],
    ['known@company.test', 0],
  ] as const)
    await world.pool.query(
      `insert into people (id, email, owner_email, updated_at) values (gen_random_uuid(), $1, $2, $3)`,
      [email, at(owner).email, world.clock.now()],
    )
  await world.pool.query(
    `insert into companies_mirror (connector, external_id, domain, owner_id, owner_email, read_at)
     values ('salesforce', 'C1', 'company.test', 'U1', $1, $2)`,
    [at(3).email, world.clock.now()],
  )
  const made = []
  for (const members of teams)
    made.push(
      await createTeam(services, admin.id, {
        name: `Team ${members.join()}`,
        agentIds: members.map((place) => at(place).id),
      }),
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
    teams: teams.map((members) => ({ members, last: -1 })),
  }
  return { model, real: { world, agents, teamIds: made.map(({ id }) => id) } }
}
