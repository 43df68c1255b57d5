import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { CalendarList } from '#core/contracts/meetings.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type MailServer, startMailServer } from '#tests/workers/support/mail-server.ts'
import {
  agentWithGoogle,
  connectGoogle,
  deliverCallsOf,
  enterApp,
  foyerWithGoogle,
  type Google,
  mirrorOf,
  myCalendar,
} from './a-calendar.ts'

let world: Awaited<ReturnType<typeof foyerWithGoogle>>
let foyer: TestFoyer
let google: Google
let mails: MailServer

beforeAll(async () => {
  mails = await startMailServer()
  world = await foyerWithGoogle({ config: { smtpUrl: mails.url } })
  ;({ foyer, google } = world)
  await enterApp(world.admin)
})
afterAll(async () => {
  await foyer.close()
  await world.close()
  await mails.close()
})

const minute = 60_000
const inHours = (hours: number) => new Date(foyer.clock.now().getTime() + hours * 60 * minute)
const timeOf = (from: Date, until: Date) => ({
  start: { dateTime: from.toISOString() },
  end: { dateTime: until.toISOString() },
})

const deliverCalls = () => deliverCallsOf(world)

test('what is in the calendar is in the mirror, with what the provider calls for a moment later', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.channels.takeCalls()
  const [from, until] = [inHours(30), inHours(31)]
  const { id } = google.store.addEvent(calendarId, timeOf(from, until))
  google.store.addEvent(calendarId, { ...timeOf(from, until), transparency: 'transparent' })
  expect(await deliverCalls()).toEqual([204, 204])
  const busy = await waitFor('the event is known', async () => {
    const rows = await mirrorOf(foyer, agent)
    return rows.length > 0 && rows
  })
  expect(busy).toEqual([{ eventId: id, start: from, end: until }])
  google.store.changeEvent(calendarId, id, { status: 'cancelled' })
  await deliverCalls()
  await waitFor('it is free again', async () => (await mirrorOf(foyer, agent)).length === 0)
})

test('without a call it is found by looking every few minutes', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.store.addEvent(calendarId, timeOf(inHours(30), inHours(31)))
  google.channels.takeCalls()
  foyer.advance(6 * minute)
  await waitFor('the event is known', async () => (await mirrorOf(foyer, agent)).length === 1)
})

test('a calendar that answers late holds up nobody else’s', async () => {
  const [late, prompt] = [await agentWithGoogle(world), await agentWithGoogle(world)]
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  onTestFinished(() => answer.resolve())
  google.faults.plan((_, path) => path.includes(encodeURIComponent(late.calendarId)), {
    answersAfter: () => {
      asked.resolve()
      return answer.promise
    },
  })
  google.channels.takeCalls()
  google.store.addEvent(late.calendarId, timeOf(inHours(30), inHours(31)))
  await deliverCalls()
  await asked.promise
  google.store.addEvent(prompt.calendarId, timeOf(inHours(30), inHours(31)))
  await deliverCalls()
  await waitFor('the prompt one is read', async () => (await mirrorOf(foyer, prompt.agent)).length === 1)
  // it is still waited for
  const { rows } = await foyer.pool.query(
    'select distinct failures, lease_until is not null as "isRead" from calendar_feeds where agent_id = $1',
    [late.agent.id],
  )
  expect(rows).toEqual([{ failures: 0, isRead: true }])
})

test('busy time of the other calendars that were chosen counts too', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.store.addEvent(`team-of-${calendarId}`, timeOf(inHours(30), inHours(31)))
  await agent.http.put('/me/calendar', { calendarId, busyCalendarIds: [`team-of-${calendarId}`] })
  await waitFor('it is known', async () => (await mirrorOf(foyer, agent)).length === 1)
})

test('a feed that does not go back far enough is begun anew, and nothing is missed', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.store.addEvent(calendarId, timeOf(inHours(30), inHours(31)))
  google.store.forgetChanges()
  google.channels.takeCalls()
  foyer.advance(6 * minute)
  await waitFor('the event is known', async () => (await mirrorOf(foyer, agent)).length === 1)
  expect((await myCalendar(agent)).calendar?.state).toBe('ok')
})

test('a channel is opened anew before it ends', async () => {
  const { agent } = await agentWithGoogle(world)
  const channel = async () => {
    const { rows } = await foyer.pool.query(
      'select channel_id as id from calendar_feeds where agent_id = $1',
      [agent.id],
    )
    return rows[0]?.id
  }
  const first = await channel()
  expect(first).toEqual(expect.any(String))
  foyer.advance(6.5 * 24 * 60 * minute)
  await waitFor('another channel', async () => (await channel()) !== first)
})

test('a call with another channel, token or resource is none', async () => {
  await agentWithGoogle(world)
  const [call] = google.channels.takeCalls().slice(-1)
  const { pathname } = new URL(call?.address ?? '')
  const send = async (headers: Record<string, string>) => {
    const answer = await fetch(foyer.origin + pathname, {
      method: 'POST',
      headers: { ...headers, connection: 'close' },
    })
    await answer.text()
    return answer.status
  }
  expect(await send({ ...call?.headers })).toBe(204)
  expect(await send({})).toBe(404)
  for (const name of ['x-goog-channel-id', 'x-goog-channel-token', 'x-goog-resource-id'])
    expect([name, await send({ ...call?.headers, [name]: 'guessed' })]).toEqual([name, 404])
})

test('a grant that was taken back is noticed, shown and mailed once, until it is connected again', async () => {
  const { agent } = await agentWithGoogle(world)
  const lettersTo = () => mails.received.filter(({ to }) => to.includes(agent.me.email))
  google.oauth.revokeFrom(agent.me.email)
  foyer.advance(70 * minute)
  const broken = await waitFor('it is broken', async () => {
    const { calendar } = await myCalendar(agent)
    return calendar?.state === 'broken' && calendar
  })
  expect(broken.stateText).toContain('Connect again')
  const letter = await waitFor('a letter', () => lettersTo()[0])
  expect(letter.raw).toContain('/inbox/settings/my-calendar')
  expect((await agent.http.post<{ ok: boolean }>('/me/calendar/test')).ok).toBe(false)
  foyer.advance(70 * minute)
  await connectGoogle(foyer, agent)
  await waitFor('it is well', async () => (await myCalendar(agent)).calendar?.state === 'ok')
  expect(lettersTo()).toHaveLength(1)
})

test('a calendar that was deleted takes the agent out of booking, and another one brings the agent back', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  await agent.http.put('/me/calendar', { calendarId: `team-of-${calendarId}` })
  google.store.calendars.delete(`team-of-${calendarId}`)
  foyer.advance(11 * minute)
  const broken = await waitFor('it is broken', async () => {
    const { calendar } = await myCalendar(agent)
    return calendar?.state === 'broken' && calendar
  })
  expect(broken.stateText).toBe('Google has no such calendar or event any more, or hides it from us.')
  await agent.http.put('/me/calendar', { calendarId })
  expect((await myCalendar(agent)).calendar).toMatchObject({ state: 'ok', calendarId })
})

test('a provider that is down for long is told of where the calendar stands, and nobody can book meanwhile', async () => {
  const { agent } = await agentWithGoogle(world)
  google.faults.plan((_, path) => path.startsWith('/calendar/'), 'down', 1_000)
  onTestFinished(() => google.faults.clear())
  foyer.advance(29 * minute)
  expect((await myCalendar(agent)).calendar).toMatchObject({ state: 'ok', late: false })
  foyer.advance(2 * minute)
  await waitFor('it is late, and why', async () => {
    const { calendar } = await myCalendar(agent)
    return calendar?.late && calendar.stateText.includes('503')
  })
  const { calendars } = await agent.http.get<CalendarList>('/calendars')
  expect(calendars[0]).toMatchObject({ own: true, state: 'broken', nextFree: null })
  // there is nothing that its agent could do
  expect(mails.received.filter(({ to }) => to.includes(agent.me.email))).toEqual([])
  google.faults.clear()
  await waitFor('it is read again', async () => {
    foyer.advance(11 * minute)
    return !(await myCalendar(agent)).calendar?.late
  })
})

test('a provider that is down for a moment breaks nothing', async () => {
  const { agent, calendarId } = await agentWithGoogle(world)
  google.store.addEvent(calendarId, timeOf(inHours(30), inHours(31)))
  google.faults.plan((_, path) => path.startsWith('/calendar/'), 'down', 2)
  google.channels.takeCalls()
  for (let round = 0; round < 3; round++) foyer.advance(6 * minute)
  await waitFor('the event is known', async () => {
    foyer.advance(6 * minute)
    return (await mirrorOf(foyer, agent)).length === 1
  })
  expect((await myCalendar(agent)).calendar?.state).toBe('ok')
})
