import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { BookingTarget } from '#core/contracts/meetings.ts'
import type { Site } from '#core/contracts/sites.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { MemoryCalendar } from '#tests/support/memory-calendar.ts'
import { setMeetingSettings } from './a-booking.ts'

const siteOf = async (foyer: TestFoyer, { http }: AgentActor): Promise<Site> => {
  const { sites } = await http.get<{ sites: Site[] }>('/sites')
  const site = sites.find(({ id }) => id === foyer.site.id)
  if (!site) throw new Error('There is no site')
  return site
}

/** An admin saves whom a site's visitors book with. */
async function saves(foyer: TestFoyer, admin: AgentActor, booking: BookingTarget | null, more: object = {}) {
  const { name, allowedOrigins, settings } = await siteOf(foyer, admin)
  const answer = await admin.http.raw('PUT', `/sites/${foyer.site.id}`, {
    name,
    allowedOrigins,
    settings: { ...settings, booking, ...more },
  })
  const { errors = [] } = (await answer.json()) as { errors?: { field: string; message: string }[] }
  return { status: answer.status, ...errors[0] }
}

const aTeam = ({ http }: AgentActor, agentIds: string[]) =>
  http.post<{ id: string }>('/teams', { name: `Sales ${randomUUID().slice(0, 6)}`, agentIds })

test('a site leads to an agent, a team with somebody in it, or the owner', async ({ foyer }) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const agent = await foyer.agent({ online: false })
  const team = await aTeam(admin, [agent.id])
  for (const target of [
    { by: 'agent', agentId: agent.id },
    { by: 'team', teamId: team.id },
    { by: 'owner', agentId: agent.id },
    { by: 'owner', teamId: team.id },
    { by: 'owner' },
    null,
  ] as const)
    expect(await saves(foyer, admin, target)).toEqual({ status: 200 })
})

test('who is not there, has left, or is an empty team is refused in words, at its field', async ({
  foyer,
}) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const gone = await foyer.agent({ online: false, name: 'Gustav Gone' })
  await foyer.pool.query('update agents set active = false where id = $1', [gone.id])
  const empty = await aTeam(admin, [])
  const left = await aTeam(admin, [gone.id])
  const nobody = randomUUID()
  const agentId = 'settings.booking.agentId'
  const teamId = 'settings.booking.teamId'
  for (const [target, field, message] of [
    [{ by: 'agent', agentId: nobody }, agentId, 'There is no such agent any more.'],
    [{ by: 'agent', agentId: gone.id }, agentId, 'Gustav Gone does not work here any more.'],
    [{ by: 'owner', agentId: gone.id }, agentId, 'Gustav Gone does not work here any more.'],
    [{ by: 'team', teamId: nobody }, teamId, 'There is no such team any more.'],
    [{ by: 'team', teamId: empty.id }, teamId, 'Nobody is in Sales'],
    [{ by: 'team', teamId: left.id }, teamId, 'Nobody is in Sales'],
    [{ by: 'owner', teamId: empty.id }, teamId, 'Nobody is in Sales'],
  ] as const) {
    const refused = await saves(foyer, admin, target)
    expect([refused.status, refused.field]).toEqual([422, field])
    expect(refused.message).toContain(message)
  }
})

test('a team whose calendars are all broken is refused with the reason, until one can be booked', async ({
  foyer,
}) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const [one, two] = [await foyer.agent({ online: false }), await foyer.agent({ online: false })]
  for (const { id } of [one, two]) await new MemoryCalendar().connect(foyer, id)
  await foyer.pool.query(
    `update calendars set state = 'broken', broken_because = 'Google does not know us any more.' where agent_id = any ($1)`,
    [[one.id, two.id]],
  )
  const team = await aTeam(admin, [one.id, two.id])
  const refused = await saves(foyer, admin, { by: 'team', teamId: team.id })
  expect(refused).toMatchObject({ status: 422, field: 'settings.booking.teamId' })
  expect(refused.message).toContain('Google does not know us any more.')
  await foyer.pool.query(`update calendars set state = 'ok', broken_because = null where agent_id = $1`, [
    two.id,
  ])
  expect(await saves(foyer, admin, { by: 'team', teamId: team.id })).toEqual({ status: 200 })
})

test('whoever leaves after they were named keeps nothing else from being saved', async ({ foyer }) => {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const agent = await foyer.agent({ online: false })
  await setMeetingSettings(agent, {})
  const target = { by: 'agent', agentId: agent.id } as const
  expect(await saves(foyer, admin, target)).toEqual({ status: 200 })
  await foyer.pool.query('update agents set active = false where id = $1', [agent.id])
  expect(await saves(foyer, admin, target, { launcherLabel: 'Talk to us' })).toEqual({ status: 200 })
  expect((await siteOf(foyer, admin)).settings.launcherLabel).toBe('Talk to us')
})
