import { beforeAll, beforeEach, expect, test } from 'vitest'
import { setCrmUser } from '#core/features/accounts/crm-users.ts'
import { createAccount } from '#core/features/accounts/service.ts'
import { setAvailability } from '#core/features/availability/service.ts'
import { expire } from '#core/features/routing/offers.ts'
import { planRoute } from '#core/features/routing/plan.ts'
import { imagineRequest } from '#core/features/routing/request.ts'
import { readRouting } from '#core/features/routing/trace.ts'
import { createRule, deleteRule } from '#core/features/routing-rules/service.ts'
import { createTeam, deleteTeam } from '#core/features/teams/service.ts'
import { type AnAgent, anAgent, never } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** Whom a request is put to first, and who comes then. */

const cap = 3
let world: RoutingWorld
let agents: AnAgent[]
let admin: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: cap, offerTries: 2 })
})
beforeEach(async () => {
  await world.clear()
  world.clock.set(new Date('2026-03-03T10:00:00Z'))
  agents = await world.agents(4)
  admin = await anAgent(world.pool, world.clock.now(), { profile: 'admin' })
})

const agent = (place: number): AnAgent => {
  const found = agents[place]
  if (!found) throw new Error(`There is no agent ${place}`)
  return found
}
const named = (id: string | null | undefined) => agents.findIndex((one) => one.id === id)
/** The places of those who were asked, in order. */
const asked = async (id: string) => (await world.offers(id)).map(({ agentId }) => named(agentId))
const declines = async (id: string) => {
  const offer = await world.pendingOffer(id)
  await world.declines(agent(named(offer?.agentId)), offer?.id ?? '')
}
const asksAs = async (email: string, options: { company?: string } = {}) =>
  (await world.asks({ email, ...options })).id
const isAway = (place: number) => setAvailability(world.services, agent(place).id, { status: 'unavailable' })
const account = (domain: string, place: number, company: string | null = null) =>
  createAccount(world.services, admin.id, { domain, company, agentId: agent(place).id })
const team = (...places: number[]) =>
  createTeam(world.services, admin.id, {
    name: `Team ${places.join()}`,
    agentIds: places.map((place) => agent(place).id),
  })
const routeTo = (route: string, { agentId = null as string | null, teamId = null as string | null } = {}) =>
  world.pool.query('update sites set route = $1, route_agent_id = $2, route_team_id = $3', [
    route,
    agentId,
    teamId,
  ])
const lastOffered = async () =>
  (await world.pool.query('select last_offered_position as at from organisation')).rows[0].at
/** The trace in short: "stage agent reason" or "stage agent asked". */
const trace = async (id: string) =>
  (await readRouting(world.services.db, id)).steps.map(
    ({ stage, agent, owner, reason, offer, others }) =>
      `${stage} ${agent ? named(agent.id) : (owner?.name ?? Object.entries(others ?? {}).join())} ${reason ?? offer?.state ?? '-'}`,
  )

test('the agent of the last chat is asked first, however many requests were missed since', async () => {
  const first = await world.asks()
  const offer = await world.pendingOffer(first.id)
  await world.accepts(agent(0), offer?.id ?? '')
  await world.agentEnds(agent(0), first.id)
  const missed = await world.asks({ visitorId: first.visitorId })
  await world.visitorEnds(first.visitorId, missed.id)
  const position = await lastOffered()
  const again = await world.asks({ visitorId: first.visitorId })
  expect(await asked(again.id)).toEqual([0])
  expect(await trace(again.id)).toEqual(['previous_agent 0 pending'])
  // asking out of turn moves nothing
  expect(await lastOffered()).toBe(position)
})

test('the account list decides by domain, by the domains above it, and by the company’s name', async () => {
  await account('northwind.test', 2, 'Northwind')
  await account('milan.northwind.test', 3)
  expect(await asked(await asksAs('sofia@northwind.test'))).toEqual([2])
  expect(await asked(await asksAs('ugo@shop.northwind.test'))).toEqual([2])
  expect(await asked(await asksAs('lia@milan.northwind.test'))).toEqual([3])
  expect(await asked(await asksAs('lia@eu.milan.northwind.test'))).toEqual([3])
  expect(await trace((await world.asks({ company: 'NORTHWIND' })).id)).toEqual(['account 2 pending'])
  // an ending that only looks alike is another company
  expect(await asked(await asksAs('x@notnorthwind.test'))).toEqual([0])
})

test('free mail names no account, whatever the list holds', async () => {
  await world.pool.query(
    `insert into accounts (id, domain, agent_id, updated_at) values (gen_random_uuid(), 'gmail.com', $1, now())`,
    [agent(3).id],
  )
  const id = await asksAs('somebody@gmail.com')
  expect(await asked(id)).toEqual([0])
  expect(await trace(id)).toEqual(['account gmail.com free_mail', 'round_robin 0 pending'])
})

test('an owner in the directory is asked, and the list comes before them', async () => {
  await world.pool.query(
    `insert into people (id, email, name, owner_email, updated_at)
     values (gen_random_uuid(), 'sofia@northwind.test', 'Sofia Ricci', upper($1), now())`,
    [agent(1).email],
  )
  expect(await trace(await asksAs('sofia@northwind.test'))).toEqual(['person_owner 1 pending'])
  await account('northwind.test', 2)
  const id = await asksAs('sofia@northwind.test')
  await declines(id)
  await declines(id)
  expect(await trace(id)).toEqual(['account 2 declined', 'person_owner 1 declined', 'round_robin 0 pending'])
})

const mirror = (email: string, owner: Record<string, unknown>, companyId: string | null = null) =>
  world.pool.query(
    `insert into people_mirror (connector, external_id, email, owner_id, owner_email, owner_active, owner_is_queue, company_id, read_at)
     values ('salesforce', gen_random_uuid()::text, $1, $2, $3, $4, $5, $6, now())`,
    [email, owner.id ?? null, owner.email ?? null, owner.active ?? true, owner.queue ?? false, companyId],
  )
const mirrorCompany = (id: string, domain: string | null, owner: Record<string, unknown>) =>
  world.pool.query(
    `insert into companies_mirror (connector, external_id, domain, owner_id, owner_email, owner_active, owner_is_queue, read_at)
     values ('salesforce', $1, $2, $3, $4, $5, $6, now())`,
    [id, domain, owner.id ?? null, owner.email ?? null, owner.active ?? true, owner.queue ?? false],
  )

test('queues, inactive users and strangers own nothing; then the company’s owner is asked', async () => {
  for (const [email, owner] of [
    ['a@northwind.test', { id: 'Q1', email: agent(1).email, queue: true }],
    ['b@northwind.test', { id: 'U1', email: agent(1).email, active: false }],
    ['c@northwind.test', { id: 'U2', email: 'nobody@elsewhere.test' }],
  ] as const)
    await mirror(email, owner, 'C1')
  await mirrorCompany('C1', null, { id: 'U3', email: agent(3).email })
  for (const [email, passed] of [
    ['a', `${agent(1).email} queue`],
    ['b', `${agent(1).email} inactive_user`],
    ['c', 'nobody@elsewhere.test no_agent'],
  ])
    expect(await trace(await asksAs(`${email}@northwind.test`))).toEqual([
      `person_owner ${passed}`,
      'company_owner 3 pending',
    ])
  const { steps } = await readRouting(world.services.db, await asksAs('c@northwind.test'))
  expect(steps[0]).toMatchObject({
    agent: null,
    others: null,
    owner: { name: 'nobody@elsewhere.test', connector: 'salesforce' },
  })
})

test('an owner who is no agent is named once a round, and only where routing came by', async () => {
  await mirror('a@northwind.test', { id: 'Q1', queue: true })
  await world.pool.query(
    `insert into people (id, email, owner_email, updated_at) values (gen_random_uuid(), 'a@northwind.test', $1, now())`,
    [agent(1).email],
  )
  const id = await asksAs('a@northwind.test')
  await declines(id)
  expect(await trace(id)).toEqual([
    'person_owner Q1 queue',
    'person_owner 1 declined',
    'round_robin 0 pending',
  ])
  // the account's owner was asked first: nobody looked any further
  await account('northwind.test', 2)
  expect(await trace(await asksAs('a@northwind.test'))).toEqual(['account 2 pending'])
  // nor at a stranger in the directory behind a CRM's owner
  await mirror('b@northwind.test', { id: 'U1', email: agent(3).email })
  await world.pool.query(
    `insert into people (id, email, owner_email, updated_at) values (gen_random_uuid(), 'b@northwind.test', 'x@y.test', now())`,
  )
  await isAway(2)
  expect(await trace(await asksAs('b@northwind.test'))).toEqual([
    'account 2 unavailable',
    'person_owner 3 pending',
  ])
})

test('a plan names owners who are nobody to ask, where routing would come by them', async () => {
  await mirror('a@northwind.test', { id: 'Q1', queue: true })
  await world.pool.query(
    `insert into people (id, email, owner_email, updated_at) values (gen_random_uuid(), 'a@northwind.test', $1, now())`,
    [agent(1).email],
  )
  const { visitorId } = await world.asks({ email: 'a@northwind.test' })
  const request = await imagineRequest(world.services.db, { siteId: world.siteId, visitorId })
  if (!request) throw new Error('There is no such site')
  const plan = await planRoute(world.services.db, world.clock.now(), request, { cap })
  expect(plan.slice(0, 3)).toMatchObject([
    { stage: 'person_owner', agent: null, owner: { name: 'Q1', connector: 'salesforce' }, reason: 'queue' },
    { stage: 'person_owner', agent: { id: agent(1).id }, owner: null, reason: null },
    { stage: 'round_robin', owner: null },
  ])
})

test('a company is found by its domain too, but not by one of everybody’s', async () => {
  await mirrorCompany('C1', 'contoso.test', { id: 'U3', email: agent(3).email })
  await mirrorCompany('C2', 'gmail.com', { id: 'U3', email: agent(3).email })
  expect(await asked(await asksAs('tom@mail.contoso.test'))).toEqual([3])
  expect(await asked(await asksAs('tom@gmail.com'))).toEqual([0])
})

test('an admin says which agent a CRM’s user is, or that it is nobody', async () => {
  await mirror('a@northwind.test', { id: 'U1', email: agent(1).email })
  const set = (agentId: string | null) =>
    setCrmUser(world.services, admin.id, {
      connector: 'salesforce',
      user: 'U1',
      agent: { by: 'hand', agentId },
    })
  await set(agent(2).id)
  expect(await asked(await asksAs('a@northwind.test'))).toEqual([2])
  await set(null)
  expect(await trace(await asksAs('a@northwind.test'))).toEqual([
    `person_owner ${agent(1).email} set_to_nobody`,
    'round_robin 0 pending',
  ])
  await setCrmUser(world.services, admin.id, { connector: 'salesforce', user: 'U1', agent: { by: 'email' } })
  expect(await asked(await asksAs('a@northwind.test'))).toEqual([1])
})

test('a CRM’s owner comes before the directory’s', async () => {
  await world.pool.query(
    `insert into people (id, email, owner_email, updated_at) values (gen_random_uuid(), 'a@northwind.test', $1, now())`,
    [agent(1).email],
  )
  await mirror('a@northwind.test', { id: 'U1', email: agent(2).email })
  expect(await asked(await asksAs('a@northwind.test'))).toEqual([2])
})

test('a site’s given agent comes first, and everybody else after them', async () => {
  await routeTo('agent', { agentId: agent(2).id })
  const { id } = await world.asks()
  await declines(id)
  await declines(id)
  expect(await asked(id)).toEqual([2, 0, 1])
  await world.deactivates(agent(2))
  expect(await trace((await world.asks()).id)).toEqual(['agent 2 inactive', 'round_robin 3 pending'])
})

test('a team takes turns among itself, keeps its place through a restart, and does not move the others’', async () => {
  const { id: teamId } = await team(1, 3)
  await routeTo('team', { teamId })
  const position = await lastOffered()
  expect(await asked((await world.asks()).id)).toEqual([1])
  await world.restart()
  expect(await asked((await world.asks()).id)).toEqual([3])
  expect(await asked((await world.asks()).id)).toEqual([1])
  expect(await lastOffered()).toBe(position)
  // nobody of the team left: everybody in turn
  const { id } = await world.asks()
  await declines(id)
  await declines(id)
  await declines(id)
  expect(await asked(id)).toEqual([3, 1, 0, 2])
})

test('caps and availability hold within a team, and the trace says why somebody was passed over', async () => {
  const { id: teamId } = await team(0, 1, 2)
  await routeTo('team', { teamId })
  await isAway(0)
  await world.drop(agent(1).id)
  world.clock.advance(31_000)
  for (let n = 0; n < cap; n++) expect(await asked((await world.asks()).id)).toEqual([2])
  const { id } = await world.asks()
  expect(await trace(id)).toEqual([
    'team 0 unavailable',
    'team 1 unreachable',
    'team 2 full',
    'round_robin 3 pending',
  ])
  const { steps } = await readRouting(world.services.db, id)
  expect(steps[0]).toMatchObject({ label: 'Team 0,1,2', until: '2026-03-04T00:00:00.000Z' })
  expect(steps[2]).toMatchObject({ load: cap, cap })
  expect(steps[3]?.offer).toMatchObject({ state: 'pending', closedAt: null })
})

test('a rule’s agents take turns too, and one that leads to nobody free is passed', async () => {
  await routeTo('rules')
  const { id: ruleId } = await createRule(world.services, admin.id, {
    name: 'Partners',
    enabled: true,
    conditions: {
      type: 'group',
      match: 'all',
      conditions: [{ type: 'condition', fact: 'visitor.company', operator: 'is', value: 'Contoso' }],
    },
    target: { type: 'agents', agentIds: [agent(3).id, agent(1).id] },
  })
  const contoso = async () => (await world.asks({ company: 'Contoso' })).id
  expect(await asked(await contoso())).toEqual([1])
  expect(await asked(await contoso())).toEqual([3])
  expect(await asked(await contoso())).toEqual([1])
  expect(await trace((await world.asks({ company: 'Other' })).id)).toEqual(['round_robin 0 pending'])
  // what those two are offered goes on to others, which moves the turns
  await isAway(1)
  await isAway(3)
  const steps = await trace(await contoso())
  expect(steps.slice(0, 2).sort()).toEqual(['rule 1 unavailable', 'rule 3 unavailable'])
  expect(steps.at(-1)).toMatch(/^round_robin [02] pending$/)
  const turns = () => world.pool.query('select from round_robins where of_id = $1', [ruleId])
  expect((await turns()).rowCount).toBe(1)
  await deleteRule(world.services, admin.id, ruleId)
  expect((await turns()).rowCount).toBe(0)
})

test('a deleted team leaves its sites to everybody', async () => {
  const { id: teamId } = await team(3)
  await routeTo('team', { teamId })
  await deleteTeam(world.services, admin.id, teamId)
  expect(await trace((await world.asks()).id)).toEqual(['round_robin 0 pending'])
})

test('two that run out are enough, whichever stage they came from; nobody is asked twice', async () => {
  await account('northwind.test', 2)
  const { id: teamId } = await team(2, 1)
  await routeTo('team', { teamId })
  const id = await asksAs('a@northwind.test')
  for (let n = 0; n < 2; n++) {
    world.clock.advance(100_001)
    await expire(world.services, (await world.pendingOffer(id))?.id ?? '')
  }
  expect(await asked(id)).toEqual([2, 1])
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'no_answer' })
  expect(await trace(id)).toEqual(['account 2 expired', 'team 1 expired'])
})

test('of those passed over in turn ten are named, with the reason and until when, and the others counted', async () => {
  for (const place of [0, 1, 2]) await isAway(place)
  await world.drop(agent(3).id)
  world.clock.advance(31_000)
  const more = await world.agents(9, { schedule: never })
  const { id } = await world.asks()
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  const { steps } = await readRouting(world.services.db, id)
  const midnight = '2026-03-04T00:00:00.000Z'
  expect(
    steps.map(({ stage, agent, reason, until, others }) => [stage, agent?.id, reason, until, others]),
  ).toEqual([
    ...agents.slice(0, 3).map((one) => ['round_robin', one.id, 'unavailable', midnight, null]),
    ['round_robin', agent(3).id, 'unreachable', null, null],
    // who has no inbox open
    ['round_robin', admin.id, 'unreachable', null, null],
    ...more.slice(0, 5).map((one) => ['round_robin', one.id, 'unavailable', null, null]),
    ['round_robin', undefined, null, null, { unavailable: 4 }],
  ])
})

test('a plan is what routing then does, and changes nothing', async () => {
  await account('northwind.test', 2)
  await isAway(2)
  const { id: teamId } = await team(1, 3)
  await routeTo('team', { teamId })
  const { visitorId } = await world.asks({ email: 'a@northwind.test' })
  const request = await imagineRequest(world.services.db, { siteId: world.siteId, visitorId })
  if (!request) throw new Error('There is no such site')
  const tables = ['offers', 'routing_steps', 'round_robins', 'outbox']
  const rows = async () =>
    Promise.all(tables.map(async (table) => (await world.pool.query(`select * from ${table}`)).rows))
  const before = await rows()
  const plan = await planRoute(world.services.db, world.clock.now(), request, { cap })
  expect(plan.map(({ stage, agent, reason }) => [stage, named(agent?.id ?? ''), reason])).toEqual([
    ['account', 2, 'unavailable'],
    ['team', 3, null],
    ['team', 1, null],
    ['round_robin', 0, null],
    ['round_robin', -1, 'unreachable'],
  ])
  expect(await rows()).toEqual(before)
  const { id } = await world.asks({ email: 'a@northwind.test' })
  await declines(id)
  await declines(id)
  expect(await asked(id)).toEqual([3, 1, 0])
})
