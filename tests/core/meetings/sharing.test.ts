import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Meeting, MeetingPage } from '#core/contracts/meetings.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'
import { Guest, setMeetingSettings, share, sharedCalendar } from './a-booking.ts'

/** What agents do with calendars and meetings, and whose calendar the widget itself leads to. */

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('agents move and cancel their own, and whoever supervises meetings those of all', async ({ foyer }) => {
  const { host, guest } = await sharedCalendar(foyer)
  const other = await foyer.agent({ online: false })
  const admin = await foyer.agent({ online: false, profile: 'admin' })
  const { slots } = await guest.slots()
  const { id } = await guest.books(slots[0]?.start)
  const path = `/meetings/${id}`
  for (const call of [
    () => other.http.get(path),
    () => other.http.get(`${path}/slots`),
    () => other.http.post(`${path}/cancel`),
    () => other.http.post(`${path}/reschedule`, { start: slots[1]?.start }),
  ])
    await expect(call()).rejects.toMatchObject({ status: 404 })
  await expect(other.http.get('/meetings?scope=all')).rejects.toMatchObject({
    status: 403,
    code: 'forbidden',
  })
  await expect(host.http.get('/meetings?scope=theirs')).rejects.toMatchObject({ status: 422 })
  expect((await admin.http.get<MeetingPage>('/meetings?scope=all')).meetings.map((one) => one.id)).toContain(
    id,
  )
  // the chat goes on, and is its agent's alone
  expect(await admin.http.get<Meeting>(path)).toMatchObject({ conversationId: null, visitorId: null })
  expect(await host.http.get<Meeting>(path)).toMatchObject({ id })
  // an agent's own hours do not bind them
  const evening = `${slots[0]?.start.slice(0, 10)}T20:00:00.000Z`
  expect(await host.http.post<Meeting>(`${path}/reschedule`, { start: evening })).toMatchObject({
    start: evening,
  })
  await expect(host.http.post(`${path}/reschedule`, {})).rejects.toMatchObject({ status: 422 })
  expect(await admin.http.post<Meeting>(`${path}/cancel`)).toMatchObject({
    state: 'cancelled',
    cancelledBy: 'agent',
  })
})

test('calendars to share: one’s own first, each with its next free time, or why not', async ({ foyer }) => {
  const { host } = await sharedCalendar(foyer)
  const colleague = await foyer.agent({ name: 'Zoe Broken', online: false })
  await setMeetingSettings(colleague, { blocks: [{ weekday: 3, start: '10:00', end: '11:00' }] })
  await brokenCalendar(foyer.pool, colleague.id, foyer.clock.now())
  type List = {
    calendars: {
      agent: { id: string }
      own: boolean
      state: string
      reason: string | null
      nextFree: object | null
    }[]
  }
  const { calendars } = await host.http.get<List>('/calendars')
  expect(calendars[0]).toMatchObject({
    agent: { id: host.id },
    own: true,
    state: 'ok',
    reason: null,
    nextFree: { start: expect.any(String) },
  })
  const { calendars: found } = await host.http.get<List>('/calendars?query=zoe')
  expect(found).toMatchObject([
    {
      agent: { id: colleague.id },
      state: 'broken',
      reason: 'Google asks you to connect again.',
      nextFree: null,
    },
  ])
  await expect(host.http.get('/calendars?teamId=none')).rejects.toMatchObject({ status: 422 })
})

test('who takes no chats, and has nobody’s time for days, still has a next free time', async ({ foyer }) => {
  const { host } = await sharedCalendar(foyer)
  const away = await foyer.agent({ name: 'Yara Away', online: false })
  await away.switchTo('unavailable')
  const day = (ahead: number) =>
    new Date(foyer.clock.now().getTime() + ahead * 86_400_000).toISOString().slice(0, 10)
  const datesOff = Array.from({ length: 12 }, (_, ahead) => day(ahead))
  await setMeetingSettings(away, { datesOff })
  const { calendars } = await host.http.get<{ calendars: object[] }>('/calendars?query=yara')
  expect(calendars).toMatchObject([
    { agent: { id: away.id }, state: 'ok', reason: null, nextFree: { start: `${day(12)}T09:00:00.000Z` } },
  ])
})

test('a calendar is shared only in a chat of one’s own, and only one that works', async ({ foyer }) => {
  const { host, conversationId } = await sharedCalendar(foyer)
  const other = await foyer.agent({ online: false })
  await expect(share(other, conversationId)).rejects.toMatchObject({ status: 404 })
  await expect(share(host, conversationId, randomUUID())).rejects.toMatchObject({ status: 404 })
  await expect(
    host.http.post(`/conversations/${conversationId}/calendar-shares`, { agentId: 'me' }),
  ).rejects.toMatchObject({ status: 422 })
  await brokenCalendar(foyer.pool, other.id, foyer.clock.now())
  await expect(share(host, conversationId, other.id)).rejects.toMatchObject({
    status: 409,
    code: 'calendar_broken',
  })
  await host.ends(conversationId)
  await expect(share(host, conversationId)).rejects.toMatchObject({ status: 409, code: 'conversation_ended' })
})

test('the widget’s own booking goes to the agent, the team or the owner that the site names', async ({
  foyer,
}) => {
  const admin = await foyer.agent({ online: false, profile: 'admin' })
  const one = await foyer.agent({ online: false })
  const two = await foyer.agent({ online: false })
  for (const agent of [one, two]) await setMeetingSettings(agent, {})
  const team = await admin.http.post<{ id: string }>('/teams', {
    name: `Sales ${randomUUID()}`,
    agentIds: [one.id, two.id],
  })
  const visitor = await foyer.visitor()
  await expect(visitor.http.post('/widget/booking-links')).rejects.toMatchObject({
    status: 409,
    code: 'booking_not_offered',
  })
  const { sites } = await admin.http.get<{
    sites: { id: string; name: string; allowedOrigins: string[]; settings: object }[]
  }>('/sites')
  const [site] = sites
  const target = (booking: object | null) =>
    admin.http.put(`/sites/${site?.id}`, {
      name: site?.name,
      allowedOrigins: site?.allowedOrigins,
      settings: { ...site?.settings, booking },
    })

  await target({ by: 'team', teamId: team.id })
  const { token } = await visitor.http.post<{ token: string }>('/widget/booking-links')
  // unused, it is about the chat that has begun since
  const { id: conversationId } = await visitor.asks()
  expect(await visitor.http.post('/widget/booking-links')).toEqual({ token })
  const guest = new Guest(foyer.origin, token)
  const { slots } = await guest.slots()
  const hosts = []
  for (const slot of [slots[0], slots[0], slots[2]]) hosts.push((await guest.books(slot?.start)).agent.name)
  expect(new Set(hosts.slice(0, 2)).size).toBe(2)
  await expect(guest.books(slots[0]?.start)).rejects.toMatchObject({ code: 'slot_taken' })
  const { rows } = await foyer.pool.query<{ chat: string }>(
    'select distinct conversation_id as chat from meetings where visitor_id = $1',
    [visitor.id],
  )
  expect(rows).toEqual([{ chat: conversationId }])
  // what was booked by it is found by it while it is ahead, wherever the site leads to by then
  await target({ by: 'agent', agentId: one.id })
  expect(await visitor.http.post('/widget/booking-links')).toEqual({ token })
  await foyer.pool.query(
    `update meetings set state = 'cancelled', cancelled_at = now(), cancelled_by = 'visitor' where visitor_id = $1`,
    [visitor.id],
  )
  expect(await visitor.http.post('/widget/booking-links')).not.toEqual({ token })

  await admin.http.post('/accounts', { company: 'Northwind', domain: 'northwind.test', agentId: two.id })
  await target({ by: 'owner', agentId: one.id })
  const owned = await foyer.visitor({ fields: { email: 'sofia.ricci@northwind.test' } })
  await foyer.pool.query(`update visitors set email = 'sofia.ricci@northwind.test' where id = $1`, [owned.id])
  const link = await owned.http.post<{ token: string }>('/widget/booking-links')
  const owners = new Guest(foyer.origin, link.token)
  expect((await owners.books((await owners.slots()).slots[4]?.start)).agent.name).toBe(two.me.name)
  const unowned = await foyer.visitor()
  const fallback = await unowned.http.post<{ token: string }>('/widget/booking-links')
  expect(await new Guest(foyer.origin, fallback.token).page()).toMatchObject({ agent: { name: one.me.name } })
  await target(null)
})

// moves the clock, so it comes last
test('what is ahead of a visitor stands above the history, what was is in it', async ({ foyer }) => {
  const { host, visitor, guest, email } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const { id, end } = await guest.books(slots[0]?.start, { email })
  const upcoming = async () =>
    (await host.http.get<{ meetings: Meeting[] }>(`/visitors/${visitor.id}/meetings`)).meetings
  expect((await upcoming()).map((one) => one.id)).toEqual([id])
  const other = await foyer.agent({ online: false })
  await expect(other.http.get(`/visitors/${visitor.id}/meetings`)).rejects.toMatchObject({ status: 404 })
  foyer.clock.advance(Date.parse(end) - foyer.clock.now().getTime() + 1)
  await host.switchTo('schedule').catch(() => undefined)
  expect(await upcoming()).toEqual([])
  const { activities } = await host.http.get<{ activities: { id: string; kind: string }[] }>(
    `/visitors/${visitor.id}/activities?kind=meeting`,
  )
  expect(activities).toMatchObject([{ id: `meeting:${id}`, kind: 'meeting' }])
})

async function brokenCalendar(
  pool: { query(sql: string, values: unknown[]): Promise<unknown> },
  agentId: string,
  now: Date,
) {
  const connectionId = randomUUID()
  await pool.query(
    `insert into connections (id, connector, state, state_reason, precedence, created_at, changed_at, agent_id)
     values ($1, 'google-calendar', 'broken', 'Gone', 9, $2, $2, $3)`,
    [connectionId, now, agentId],
  )
  await pool.query(
    `insert into calendars (agent_id, connection_id, state, broken_because, broken_at, changed_at)
     values ($1, $2, 'broken', 'Google asks you to connect again.', $3, $3)`,
    [agentId, connectionId, now],
  )
}
