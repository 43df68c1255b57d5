import { afterAll, beforeAll, expect, test } from 'vitest'
import type {
  CalendarChoices,
  ConnectCalendarAnswer,
  DisconnectCalendarAnswer,
  MyCalendar,
} from '#core/contracts/calendars.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import {
  agentWithGoogle,
  connectGoogle,
  enterApp,
  foyerWithGoogle,
  type Google,
  myCalendar,
} from './a-calendar.ts'

let world: Awaited<ReturnType<typeof foyerWithGoogle>>
let foyer: TestFoyer
let google: Google
let admin: AgentActor

beforeAll(async () => {
  world = await foyerWithGoogle()
  ;({ foyer, google, admin } = world)
})
afterAll(async () => {
  await foyer.close()
  await world.close()
})

const status = async (answer: Promise<Response>) => {
  const response = await answer
  const body = await response.text()
  return { status: response.status, code: body === '' ? null : JSON.parse(body).code }
}

test('before an admin has entered the app, nobody can connect', async () => {
  const agent = await foyer.agent({ online: false })
  expect(await myCalendar(agent)).toMatchObject({
    calendar: null,
    connectors: [{ id: 'google-calendar', kind: 'oauth2', video: 'Google Meet', ready: false, steps: [] }],
  })
  const asked = agent.http.raw('POST', '/me/calendar/connect', { connector: 'google-calendar' })
  expect(await status(asked)).toEqual({ status: 409, code: 'client_needed' })
  await enterApp(admin)
  expect((await myCalendar(agent)).connectors[0]?.ready).toBe(true)
})

test('the app itself is connected to nobody’s account', async () => {
  const [app] = (await admin.http.get<{ connections: { id: string; stateText: string }[] }>('/connections'))
    .connections
  expect(app?.stateText).toBe('The app is entered: agents can now connect their calendars under My calendar.')
  const asked = admin.http.raw('POST', `/connections/${app?.id}/authorize`)
  expect(await status(asked)).toEqual({ status: 409, code: 'agents_connect' })
})

test('an agent connects in the browser, and the primary calendar is chosen', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  expect((await myCalendar(agent)).calendar).toMatchObject({
    connector: { id: 'google-calendar', name: 'Google Calendar' },
    account: calendarId,
    state: 'ok',
    stateText: 'Connected.',
    calendarId,
    name: 'Dana',
    timeZone: 'Europe/Berlin',
    busyCalendarIds: [],
  })
})

test('the browser comes back to My calendar and is told how it went', async () => {
  const agent = await foyer.agent({ online: false })
  google.store.addCalendar({ id: agent.me.email, owner: agent.me.email })
  const to = await connectGoogle(foyer, agent)
  expect(to.pathname).toBe('/inbox/settings/my-calendar')
  expect(to.searchParams.get('result')).toBe('connected')
})

test('an agent’s calendar is not among what admins see, and is no business of other agents', async () => {
  const { agent } = await agentWithGoogle(world)
  const { calendar } = await myCalendar(agent)
  const id = calendar?.connectionId
  const { connections } = await admin.http.get<{ connections: { id: string }[] }>('/connections')
  expect(connections.map((one) => one.id)).not.toContain(id)
  for (const path of [`/connections/${id}`, `/connections/${id}/description`])
    expect(await status(admin.http.raw('GET', path))).toEqual({ status: 404, code: 'not_found' })
  for (const path of ['test', 'authorize', 'pause'])
    expect(await status(admin.http.raw('POST', `/connections/${id}/${path}`))).toEqual({
      status: 404,
      code: 'not_found',
    })
  expect((await myCalendar(await foyer.agent({ online: false }))).calendar).toBeNull()
})

test('nobody finishes what another agent began', async () => {
  const [dana, marco] = [await foyer.agent({ online: false }), await foyer.agent({ online: false })]
  const { url } = await dana.http.post<ConnectCalendarAnswer>('/me/calendar/connect', {
    connector: 'google-calendar',
  })
  const agreed = await fetch(url ?? '', { redirect: 'manual', headers: { connection: 'close' } })
  const back = new URL(agreed.headers.get('location') ?? '')
  const headers = { cookie: marco.http.cookie ?? '', connection: 'close' }
  const answer = await fetch(foyer.origin + back.pathname + back.search, { redirect: 'manual', headers })
  expect(answer.headers.get('location')).toBe('/inbox/settings/my-calendar?result=expired')
  expect((await myCalendar(marco)).calendar).toBeNull()
  // beside "Not connected yet", which the state stands for
  expect((await myCalendar(dana)).calendar).toMatchObject({
    state: 'connecting',
    stateText: 'Agree to it at Google Calendar.',
  })
})

test('an agent chooses among the account’s calendars, and only among those', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.store.addCalendar({ id: `holidays-${calendarId}`, owner: calendarId, accessRole: 'reader' })
  const { calendars } = await agent.http.get<CalendarChoices>('/me/calendar/choices')
  expect(calendars.map(({ id, mayWrite }) => [id, mayWrite])).toEqual([
    [calendarId, true],
    [`team-of-${calendarId}`, true],
    [`holidays-${calendarId}`, false],
  ])
  const chosen = await agent.http.put<MyCalendar>('/me/calendar', {
    calendarId: `team-of-${calendarId}`,
    busyCalendarIds: [calendarId, `holidays-${calendarId}`],
  })
  expect(chosen.calendar).toMatchObject({
    state: 'ok',
    name: 'Team',
    busyCalendarIds: [calendarId, `holidays-${calendarId}`],
  })
  const put = (body: object) => status(agent.http.raw('PUT', '/me/calendar', body))
  const refused = { status: 422, code: 'invalid_input' }
  expect(await put({ calendarId: 'somebody-else' })).toEqual(refused)
  expect(await put({ calendarId: `holidays-${calendarId}` })).toEqual(refused)
  expect(await put({ calendarId, busyCalendarIds: ['somebody-else'] })).toEqual(refused)
  expect(await put({ calendarId: '' })).toEqual(refused)
})

test('with nothing connected there is nothing to choose, test or disconnect', async () => {
  const { http } = await foyer.agent({ online: false })
  const refused = { status: 409, code: 'not_connected' }
  expect(await status(http.raw('GET', '/me/calendar/choices'))).toEqual(refused)
  expect(await status(http.raw('PUT', '/me/calendar', { calendarId: 'mine' }))).toEqual(refused)
  expect(await status(http.raw('POST', '/me/calendar/test'))).toEqual(refused)
  expect(await status(http.raw('POST', '/me/calendar/disconnect'))).toEqual(refused)
})

test('what is no calendar, or is asked for wrongly, is refused', async () => {
  const { http } = await foyer.agent({ online: false })
  for (const body of [{ connector: 'nothing' }, {}, { connector: 'google-calendar', agentId: 'x' }])
    expect(await status(http.raw('POST', '/me/calendar/connect', body))).toEqual({
      status: 422,
      code: 'invalid_input',
    })
})

test('disconnecting ends the grant at the provider, and it is Foyer’s own calendar again', async () => {
  const { agent } = await agentWithGoogle(world)
  expect(google.channels.count()).toBeGreaterThan(0)
  const { mine, revoked } = await agent.http.post<DisconnectCalendarAnswer>('/me/calendar/disconnect')
  expect({ calendar: mine.calendar, revoked }).toEqual({ calendar: null, revoked: true })
  expect(google.oauth.save().some(({ account }) => account === agent.me.email)).toBe(false)
  const { rows } = await foyer.pool.query(
    `select from calendars where agent_id = $1 union all select from calendar_busy where agent_id = $1`,
    [agent.id],
  )
  expect(rows).toEqual([])
  await connectGoogle(foyer, agent)
  expect((await myCalendar(agent)).calendar?.state).toBe('ok')
})

test('a calendar that works tells so when it is tested', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  expect(await agent.http.post('/me/calendar/test')).toEqual({
    ok: true,
    account: { id: calendarId, name: calendarId },
    failure: null,
  })
})
