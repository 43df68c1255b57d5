import { randomUUID } from 'node:crypto'
import { beforeAll, expect } from 'vitest'
import type { Site } from '#core/contracts/sites.ts'
import type { Team } from '#core/contracts/teams.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  dana = await foyer.agent({ name: 'Dana', online: false })
  marco = await foyer.agent({ name: 'Marco', online: false })
})

const create = (name: string, agentIds: string[] = []) => admin.http.post<Team>('/teams', { name, agentIds })
const list = async () => (await dana.http.get<{ teams: Team[] }>('/teams')).teams
const site = async () => (await admin.http.get<{ sites: Site[] }>('/sites')).sites[0] as Site
const saveRoute = async (route: unknown) => {
  const { id, name, allowedOrigins, settings } = await site()
  return admin.http.put<Site>(`/sites/${id}`, { name, allowedOrigins, settings, route })
}

test('a team is made, renamed, given other members, and deleted', async () => {
  const team = await create('  Sales ', [marco.id, dana.id, dana.id])
  expect(team).toMatchObject({
    name: 'Sales',
    members: [
      { id: dana.id, name: 'Dana', active: true },
      { id: marco.id, name: 'Marco', active: true },
    ],
    sites: [],
  })
  const changed = await admin.http.put<Team>(`/teams/${team.id}`, { name: 'EMEA', agentIds: [marco.id] })
  expect(changed).toMatchObject({ id: team.id, name: 'EMEA', members: [{ id: marco.id }] })
  expect(await list()).toEqual([changed])
  // its own name is not another’s
  await admin.http.put(`/teams/${team.id}`, { name: 'emea', agentIds: [] })
  const response = await admin.http.raw('DELETE', `/teams/${team.id}`)
  expect(response.status).toBe(204)
  expect(await list()).toEqual([])
  for (const call of [
    () => admin.http.put(`/teams/${team.id}`, { name: 'EMEA', agentIds: [] }),
    () => admin.http.call('DELETE', `/teams/${team.id}`),
  ])
    await expect(call()).rejects.toMatchObject({ status: 404 })
  const { rows } = await foyer.pool.query(`select action from audit_log where object_id = $1 order by id`, [
    team.id,
  ])
  expect(rows.map(({ action }) => action)).toEqual([
    'team.created',
    'team.changed',
    'team.changed',
    'team.deleted',
  ])
})

test('names are taken whatever their case, and only agents there are may be members', async () => {
  const team = await create('Berlin')
  await expect(create('BERLIN')).rejects.toMatchObject({ status: 409, code: 'name_taken' })
  const other = await create('Rome')
  await expect(admin.http.put(`/teams/${other.id}`, { name: 'berlin', agentIds: [] })).rejects.toMatchObject({
    status: 409,
    problem: { errors: [{ field: 'name' }] },
  })
  await expect(create('Paris', [randomUUID()])).rejects.toMatchObject({
    status: 422,
    problem: { errors: [{ field: 'agentIds' }] },
  })
  for (const [body, field] of [
    [{ name: ' ', agentIds: [] }, 'name'],
    [{ name: 'x'.repeat(101), agentIds: [] }, 'name'],
    [{ name: 'Paris', agentIds: ['me'] }, 'agentIds.0'],
    [{ name: 'Par\0is', agentIds: [] }, 'name'],
  ] as const)
    await expect(admin.http.post('/teams', body)).rejects.toMatchObject({
      status: 422,
      problem: { errors: [{ field }] },
    })
  expect((await list()).map(({ name }) => name)).toEqual(['Berlin', 'Rome'])
  for (const { id } of [team, other]) await admin.http.raw('DELETE', `/teams/${id}`)
})

test('agents see the teams and change none', async () => {
  await expect(dana.http.post('/teams', { name: 'Mine', agentIds: [] })).rejects.toMatchObject({
    status: 403,
  })
  for (const method of ['PUT', 'DELETE'])
    await expect(dana.http.call(method, `/teams/${randomUUID()}`, {})).rejects.toMatchObject({ status: 403 })
  expect(await list()).toEqual([])
})

test('a site’s requests go to an agent, a team, by rules, or to all in turn', async () => {
  expect((await site()).route).toEqual({ by: 'round_robin' })
  const team = await create('Sales', [dana.id])
  for (const route of [
    { by: 'agent', agentId: dana.id },
    { by: 'team', teamId: team.id },
    { by: 'rules' },
    { by: 'round_robin' },
    { by: 'team', teamId: team.id },
  ] as const)
    expect((await saveRoute(route)).route).toEqual(route)
  // left out it stays
  expect((await saveRoute(undefined)).route).toEqual({ by: 'team', teamId: team.id })
  expect((await list())[0]?.sites).toEqual(['Main site'])
  for (const [route, field] of [
    [{ by: 'team', teamId: randomUUID() }, 'route.teamId'],
    [{ by: 'agent', agentId: randomUUID() }, 'route.agentId'],
    [{ by: 'agent' }, 'route.agentId'],
    [{ by: 'chance' }, 'route.by'],
  ] as const)
    await expect(saveRoute(route)).rejects.toMatchObject({ status: 422, problem: { errors: [{ field }] } })
  await admin.http.raw('DELETE', `/teams/${team.id}`)
  expect((await site()).route).toEqual({ by: 'round_robin' })
  // visitors are told nothing of it
  expect(JSON.stringify((await foyer.visitor()).session)).not.toContain('round_robin')
})
