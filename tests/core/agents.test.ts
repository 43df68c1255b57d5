import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect } from 'vitest'
import type { Agent, Me } from '#core/contracts/agents.ts'
import type { Availability, Schedule } from '#core/contracts/availability.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  dana = await foyer.agent({ name: 'Dana Whitfield' })
})

const listed = async (id: string, by = admin) =>
  (await by.http.get<{ agents: Agent[] }>('/agents')).agents.find((agent) => agent.id === id)

const aNewAgent = (options: Partial<Record<'email' | 'name' | 'profile' | 'password', string>> = {}) => ({
  email: `${randomUUID()}@new.test`,
  name: 'New Colleague',
  profile: 'live_agent',
  password,
  ...options,
})

describe('agents', () => {
  test('are listed with how they can be had', async () => {
    expect(await listed(dana.id)).toMatchObject({
      name: 'Dana Whitfield',
      profile: 'live_agent',
      active: true,
      reachable: true,
      availability: { available: true, source: 'schedule' },
      liveChatSchedule: { timeZone: 'UTC' },
    })
    expect((await listed(admin.id, dana))?.reachable).toBe(false)
  })

  test('a new one works office hours in the organisation’s zone, and can sign in', async () => {
    const body = aNewAgent({ email: 'Aiko@New.test', name: ' Aiko Tanaka ' })
    const response = await admin.http.raw('POST', '/agents', body)
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({
      email: 'aiko@new.test',
      name: 'Aiko Tanaka',
      active: true,
      liveChatSchedule: {
        timeZone: 'Europe/Rome',
        blocks: [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: '09:00', end: '17:00' })),
        datesOff: [],
      },
    })
    await foyer.signIn({ email: 'aiko@new.test', password }, { online: false })
    await expect(admin.http.post('/agents', body)).rejects.toMatchObject({ status: 409, code: 'email_taken' })
  })

  test('bad fields are named', async () => {
    for (const [field, bad] of [
      ['email', 'no address'],
      ['name', '   '],
      ['profile', 'emperor'],
      ['password', 'short'],
    ] as const)
      await expect(admin.http.post('/agents', aNewAgent({ [field]: bad }))).rejects.toMatchObject({
        status: 422,
        problem: { errors: [{ field }] },
      })
  })

  test('only admins add and change them', async () => {
    await expect(dana.http.post('/agents', aNewAgent())).rejects.toMatchObject({ status: 403 })
    await expect(dana.http.patch(`/agents/${dana.id}`, { profile: 'admin' })).rejects.toMatchObject({
      status: 403,
    })
    await expect(admin.http.patch(`/agents/${randomUUID()}`, { name: 'Nobody' })).rejects.toMatchObject({
      status: 404,
    })
  })

  test('a deactivated one is out at once: session, open socket, offers', async () => {
    const leaving = await foyer.agent()
    await dana.switchTo('unavailable')
    const visitor = await foyer.visitor()
    const { id } = await visitor.asks()
    await leaving.offered(id)
    const changed = await admin.http.patch<Agent>(`/agents/${leaving.id}`, { active: false })
    expect(changed).toMatchObject({ active: false })
    await waitFor('the socket closes', () => leaving.socket.closed)
    await expect(leaving.http.get('/me')).rejects.toMatchObject({ status: 401 })
    await expect(foyer.signIn({ email: leaving.me.email, password }, { online: false })).rejects.toThrow(
      'belong together',
    )
    const { rows } = await foyer.pool.query(`select state from offers where agent_id = $1`, [leaving.id])
    expect(rows).toEqual([{ state: 'withdrawn' }])
    expect((await foyer.stateOf(id)).status).toBe('missed')
    await dana.switchTo('schedule')

    await admin.http.patch(`/agents/${leaving.id}`, { active: true })
    await foyer.signIn({ email: leaving.me.email, password }, { online: false })
  })

  test('a new password ends every session, and only it opens', async () => {
    const agent = await foyer.agent({ online: false })
    await admin.http.patch(`/agents/${agent.id}`, { password: 'another long password' })
    await expect(agent.http.get('/me')).rejects.toMatchObject({ status: 401 })
    await expect(foyer.signIn({ email: agent.me.email, password }, { online: false })).rejects.toThrow(
      'belong together',
    )
    await foyer.signIn({ email: agent.me.email, password: 'another long password' }, { online: false })
  })

  test('a new profile counts from the next request', async () => {
    const agent = await foyer.agent({ online: false })
    await admin.http.patch(`/agents/${agent.id}`, { profile: 'admin' })
    expect((await agent.http.get<Me>('/me')).permissions).toContain('agents.manage')
    await admin.http.patch(`/agents/${agent.id}`, { profile: 'live_agent' })
    await expect(agent.http.get('/sites')).rejects.toMatchObject({ status: 403 })
  })

  test('the last active admin stays, also when two remove each other at once', async () => {
    const own = await startFoyer({ workers: false })
    const [ada, bea] = [
      await own.agent({ profile: 'admin', online: false }),
      await own.agent({ profile: 'admin', online: false }),
    ]
    for (let round = 0; round < 25; round++) {
      await Promise.allSettled([
        ada.http.patch(`/agents/${bea.id}`, { profile: 'live_agent' }),
        bea.http.patch(`/agents/${ada.id}`, { profile: 'live_agent' }),
      ])
      const { rows } = await own.pool.query(`select id from agents where profile = 'admin' and active`)
      expect(rows).toHaveLength(1)
      await own.pool.query(`update agents set profile = 'admin'`)
    }
    await ada.http.patch(`/agents/${bea.id}`, { active: false })
    for (const change of [{ active: false }, { profile: 'live_agent' }])
      await expect(ada.http.patch(`/agents/${ada.id}`, change)).rejects.toMatchObject({
        status: 409,
        code: 'last_admin',
      })
    // what leaves her an admin is not refused
    await ada.http.patch(`/agents/${ada.id}`, { name: 'Ada Only', profile: 'admin', active: true })
    await own.close()
  })
})

describe('availability', () => {
  test('the switch answers with what holds, and until when', async () => {
    const agent = await foyer.agent()
    const until = new Date(foyer.clock.now().getTime() + 3_600_000)
    expect(await agent.switchTo('unavailable', until)).toMatchObject({
      available: false,
      source: 'override',
      until: until.toISOString(),
      reason: { code: 'set_by_you_until', ends: 'chosen_end' },
    })
    await waitFor('other tabs follow', () => !agent.availability.available)
    expect(await agent.switchTo('schedule')).toMatchObject({ available: true, source: 'schedule' })
    await expect(agent.http.put('/me/availability', { status: 'perhaps' })).rejects.toMatchObject({
      status: 422,
    })
    await expect(agent.switchTo('available', new Date(0))).rejects.toMatchObject({ status: 422 })
  })

  test('is computed for any instant, of oneself and of others', async () => {
    const agent = await foyer.agent({ online: false })
    await agent.http.put('/agents/me/live-chat-schedule', {
      timeZone: 'Asia/Tokyo',
      blocks: [{ weekday: 1, start: '09:00', end: '17:00' }],
      datesOff: [],
    } satisfies Schedule)
    const at = async (instant: string, by = agent, id = 'me') =>
      by.http.get<Availability>(`/agents/${id}/availability?at=${encodeURIComponent(instant)}`)
    // Monday 09:00 in Tokyo is midnight in UTC
    expect(await at('2026-06-01T00:00:00Z')).toMatchObject({
      available: true,
      until: '2026-06-01T08:00:00.000Z',
    })
    expect(await at('2026-06-01T16:59:59+09:00', dana, agent.id)).toMatchObject({ available: true })
    expect(await at('2026-06-01T08:00:00Z')).toMatchObject({
      available: false,
      until: '2026-06-08T00:00:00.000Z',
    })
    await expect(at('yesterday')).rejects.toMatchObject({ status: 422 })
    await expect(at('2026-06-01T00:00:00Z', dana, randomUUID())).rejects.toMatchObject({ status: 404 })
  })

  test('a schedule is refused where a block ends before it starts, and taken where blocks overlap', async () => {
    const agent = await foyer.agent({ online: false })
    const save = (blocks: object[], by = agent, id = 'me', timeZone: string | null = 'Europe/Berlin') =>
      by.http.put<Schedule>(`/agents/${id}/live-chat-schedule`, {
        timeZone,
        blocks,
        datesOff: ['2026-12-25'],
      })
    const overlapping = [
      { weekday: 1, start: '09:00', end: '17:00' },
      { weekday: 1, start: '12:00', end: '24:00' },
    ]
    expect(await save(overlapping)).toEqual({
      timeZone: 'Europe/Berlin',
      blocks: overlapping,
      datesOff: ['2026-12-25'],
    })
    for (const bad of [
      { weekday: 1, start: '17:00', end: '09:00' },
      { weekday: 1, start: '09:00', end: '09:00' },
      { weekday: 8, start: '09:00', end: '17:00' },
      { weekday: 1, start: '24:00', end: '24:00' },
      { weekday: 1, start: '9:00', end: '17:00' },
    ])
      await expect(save([bad])).rejects.toMatchObject({ status: 422 })
    await expect(save([], agent, 'me', 'Mars/Olympus')).rejects.toMatchObject({ status: 422 })
    expect((await listed(agent.id))?.liveChatSchedule.blocks).toEqual(overlapping)
    await expect(save([], agent, dana.id)).rejects.toMatchObject({ status: 403 })
    await expect(save([], admin, randomUUID())).rejects.toMatchObject({ status: 404 })
    expect(await save([], admin, agent.id)).toMatchObject({ blocks: [] })
    const { rows } = await foyer.pool.query(
      `select actor_id from audit_log where action = 'agent.schedule_changed' and object_id = $1`,
      [agent.id],
    )
    expect(rows).toEqual([{ actor_id: admin.id }])
  })

  test('the preview draws a schedule that nobody has', async () => {
    const request = {
      timeZone: 'Europe/Rome',
      blocks: [{ weekday: 1, start: '09:00', end: '17:00' }],
      override: { status: 'unavailable', setAt: '2026-06-01T08:00:00Z' },
      instants: ['2026-06-01T09:00:00Z', '2026-06-01T07:30:00Z'],
    }
    expect(await dana.http.post('/availability/preview', request)).toEqual({
      results: [
        {
          at: '2026-06-01T09:00:00.000Z',
          available: false,
          source: 'override',
          until: '2026-06-01T22:00:00.000Z',
        },
        {
          at: '2026-06-01T07:30:00.000Z',
          available: true,
          source: 'schedule',
          until: '2026-06-01T08:00:00.000Z',
        },
      ],
    })
    await expect(
      dana.http.post('/availability/preview', { ...request, instants: ['soon'] }),
    ).rejects.toMatchObject({ status: 422 })
    const response = await fetch(`${foyer.origin}/api/v1/availability/preview`, {
      method: 'POST',
      headers: { connection: 'close', 'content-type': 'application/json' },
      body: JSON.stringify(request),
    })
    expect(response.status).toBe(401)
  })
})
