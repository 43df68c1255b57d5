import fc from 'fast-check'
import { createAccount, deleteAccount, listAccounts, saveAccount } from '#core/features/accounts/service.ts'
import { createRule, deleteRule, orderRules, saveRule } from '#core/features/routing-rules/service.ts'
import { createTeam, deleteTeam, saveTeam } from '#core/features/teams/service.ts'
import type { Model, ModelRoute, OwnerOf, Real } from './model.ts'
import { type ModelRule, type ModelTarget, type NewRule, someRule } from './rules-model.ts'
import { pick, step } from './steps.ts'

/** What admins change of whom requests go to, while some of them wait. */

/** More would leave the later ones nothing to decide. */
const mostRules = 4

export async function addRule(
  model: Model,
  real: Real,
  { conditions, target }: NewRule,
  place: number,
): Promise<void> {
  if (model.rules.length >= mostRules || !isThere(model, target)) return
  const at = place % (model.rules.length + 1)
  const rule: ModelRule = {
    id: '',
    name: `Rule ${real.made++}`,
    enabled: true,
    conditions,
    target,
    last: -1,
  }
  const body = { ...bodyOf(real, rule), place: at + 1 }
  rule.id = (await createRule(real.world.services, real.admin.id, body)).id
  model.rules.splice(at, 0, rule)
}

const isThere = ({ teams }: Model, target: ModelTarget) =>
  'agents' in target ? target.agents.length > 0 : Boolean(teams[target.team])

const bodyOf = ({ agents, teamIds }: Real, { name, enabled, conditions, target }: ModelRule) => ({
  name,
  enabled,
  conditions,
  target:
    'agents' in target
      ? { type: 'agents' as const, agentIds: target.agents.map((place) => agents[place]?.id ?? '') }
      : { type: 'team' as const, teamId: teamIds[target.team] ?? '' },
})

const makeRule = (rule: NewRule, place: number) =>
  step(`a rule at ${place}: ${JSON.stringify(rule)}`, (model, real) => addRule(model, real, rule, place))

/** It keeps whose turn it is. */
const changeRule = (n: number, to: NewRule) =>
  step(`rule ${n} becomes ${JSON.stringify(to)}`, async (model, real) => {
    const rule = pick(model.rules, n)
    if (!rule || !isThere(model, to.target)) return
    Object.assign(rule, to)
    await saveRule(real.world.services, real.admin.id, rule.id, bodyOf(real, rule))
  })

const switchRule = (n: number) =>
  step(`rule ${n} is switched off, or on again`, async (model, real) => {
    const rule = pick(model.rules, n)
    // one whose team is gone has to be given another target with it
    if (!rule || !isThere(model, rule.target)) return
    rule.enabled = !rule.enabled
    await saveRule(real.world.services, real.admin.id, rule.id, bodyOf(real, rule))
  })

const removeRule = (n: number) =>
  step(`rule ${n} is deleted`, async (model, { world, admin }) => {
    const rule = pick(model.rules, n)
    if (!rule) return
    model.rules.splice(model.rules.indexOf(rule), 1)
    await deleteRule(world.services, admin.id, rule.id)
  })

const moveRule = (n: number) =>
  step(`rule ${n} comes first`, async (model, { world, admin }) => {
    const rule = pick(model.rules, n)
    if (!rule) return
    model.rules = [rule, ...model.rules.filter((one) => one !== rule)]
    const ids = model.rules.map(({ id }) => id)
    await orderRules(world.services, admin.id, ids)
  })

/** @param members null: the team is deleted; one that is not there is made */
const changeTeam = (n: number, members: number[] | null) =>
  step(`team ${n} is ${members ? `of ${members}` : 'deleted'}`, async (model, real) => {
    const { world, admin, agents, teamIds } = real
    const team = model.teams[n]
    const id = teamIds[n] ?? ''
    if (!members) {
      if (!team) return
      model.teams[n] = null
      if (model.route.by === 'team' && model.route.team === n) model.route = { by: 'round_robin' }
      return deleteTeam(world.services, admin.id, id)
    }
    const agentIds = members.map((place) => agents[place]?.id ?? '')
    if (team) {
      team.members = members
      return saveTeam(world.services, admin.id, id, { name: team.name, agentIds })
    }
    // another one, which the rules that led to the old one do not know
    const name = `Team ${real.made++}`
    teamIds[n] = (await createTeam(world.services, admin.id, { name, agentIds })).id
    model.teams[n] = { name, members, last: -1 }
    for (const rule of model.rules)
      if ('team' in rule.target && rule.target.team === n) rule.target = { agents: [] }
  })

/** @param agent null: nobody any more */
export async function setOwner(
  model: Model,
  { world, admin, agents }: Real,
  of: OwnerOf,
  agent: number | null,
): Promise<void> {
  const owner = agent === null ? null : agents[agent]
  model.owners[of] = agent
  if (of === 'account') {
    const [account] = (await listAccounts(world.services.db, {})).accounts
    const to = { domain: 'account.test', company: null, agentId: owner?.id ?? '' }
    if (account && owner) await saveAccount(world.services, admin.id, account.id, to)
    else if (account) await deleteAccount(world.services, admin.id, account.id)
    else if (owner) await createAccount(world.services, admin.id, to)
    return
  }
  const email = owner?.email ?? null
  if (of === 'company')
    await world.pool.query(
      `update companies_mirror set owner_email = $1, owner_id = case when $1::text is not null then 'U1' end`,
      [email],
    )
  else await world.pool.query('update people set owner_email = $1 where email = $2', [email, of])
}

const changeOwner = (of: OwnerOf, agent: number | null) =>
  step(`${agent === null ? 'nobody' : `agent ${agent}`} looks after ${of}`, (model, real) =>
    setOwner(model, real, of, agent),
  )

export async function setRoute(
  model: Model,
  { world, agents, teamIds }: Real,
  to: ModelRoute,
): Promise<void> {
  if (to.by === 'team' && !model.teams[to.team]) return
  model.route = to
  await world.pool.query('update sites set route = $1, route_agent_id = $2, route_team_id = $3', [
    to.by,
    to.by === 'agent' ? agents[to.agent]?.id : null,
    to.by === 'team' ? teamIds[to.team] : null,
  ])
}

const changeRoute = (to: ModelRoute) =>
  step(`the site’s route is ${JSON.stringify(to)}`, (model, real) => setRoute(model, real, to))

const some = fc.nat({ max: 9 })
const someAgent = fc.nat({ max: 3 })

export const someRoute = fc.oneof(
  { weight: 3, arbitrary: fc.constant<ModelRoute>({ by: 'rules' }) },
  fc.constant<ModelRoute>({ by: 'round_robin' }),
  someAgent.map((agent): ModelRoute => ({ by: 'agent', agent })),
  fc.nat({ max: 1 }).map((team): ModelRoute => ({ by: 'team', team })),
)

export const routeSteps = someRoute.map(changeRoute)

export const ruleSteps = fc.oneof(
  fc.tuple(someRule, some).map(([rule, place]) => makeRule(rule, place)),
  fc.tuple(some, someRule).map(([n, rule]) => changeRule(n, rule)),
  some.map(switchRule),
  some.map(removeRule),
  some.map(moveRule),
)

export const teamSteps = fc
  .tuple(fc.nat({ max: 1 }), fc.option(fc.subarray([0, 1, 2, 3]), { freq: 3 }))
  .map(([team, members]) => changeTeam(team, members))

export const ownerSteps = fc
  .tuple(
    fc.constantFrom<OwnerOf>('account', 'known@person.test', 'known@company.test', 'company'),
    fc.option(someAgent, { freq: 3 }),
  )
  .map(([of, agent]) => changeOwner(of, agent))
