import { afterAll, beforeAll, expect, test } from 'vitest'
import { caldav } from '#connectors/caldav/index.ts'
import type { CalendarVendor } from '#connectors/sdk/conformance/vendor.ts'
import type { CalendarChoices, ConnectCalendarAnswer, MyCalendar } from '#core/contracts/calendars.ts'
import { aCaldavVendor } from '#tests/connectors/caldav/a-vendor.ts'
import { startRadicale } from '#tests/connectors/caldav/radicale.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { mirrorOf, myCalendar } from './a-calendar.ts'

let foyer: TestFoyer
let vendor: CalendarVendor

beforeAll(async () => {
  vendor = await aCaldavVendor(await startRadicale())
  foyer = await startFoyer({ connectors: [caldav], config: { standIns: { caldav: vendor.origin } } })
})
afterAll(async () => {
  await foyer.close()
  await vendor.close()
})

const typed = (more: object = {}) => ({
  connector: 'caldav',
  settings: { address: `${vendor.origin}/` },
  userName: vendor.client.id,
  password: vendor.client.secret,
  ...more,
})

test('an agent connects by name and password, chooses a calendar, and its busy time is known', async () => {
  const agent = await foyer.agent({ online: false })
  expect((await myCalendar(agent)).connectors).toMatchObject([
    { id: 'caldav', kind: 'password', ready: true },
  ])
  const { url, mine } = await agent.http.post<ConnectCalendarAnswer>('/me/calendar/connect', typed())
  // two calendars, and which is meant only the agent knows
  expect({ url, state: mine.calendar?.state }).toEqual({ url: null, state: 'choosing' })
  const { calendars } = await agent.http.get<CalendarChoices>('/me/calendar/choices')
  const main = calendars.find(({ name }) => name === 'Calendar main')
  const start = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 30 * 3_600_000)
  const end = new Date(start.getTime() + 3_600_000)
  await vendor.addEvent(vendor.calendars.main, { time: { start, end } })
  const chosen = await agent.http.put<MyCalendar>('/me/calendar', { calendarId: main?.id })
  expect(chosen.calendar?.state).toBe('ok')
  const busy = await waitFor('the event is known', async () => {
    const rows = await mirrorOf(foyer, agent)
    return rows.length > 0 && rows
  })
  expect(busy).toMatchObject([{ start, end }])
  const { rows } = await foyer.pool.query('select jsonb_agg(to_jsonb(c)) as all from connections c')
  expect(JSON.stringify(rows)).not.toContain(vendor.client.secret)
})

test('what the server does not take is refused with its reason, and nothing is kept', async () => {
  const agent = await foyer.agent({ online: false })
  const connect = async (body: object) => {
    const answer = await agent.http.raw('POST', '/me/calendar/connect', body)
    return { status: answer.status, ...((await answer.json()) as { code: string; detail: string }) }
  }
  expect(await connect(typed({ password: 'guessed' }))).toMatchObject({
    status: 409,
    code: 'calendar_refused',
    detail: expect.stringContaining('does not take this name and password'),
  })
  expect(await connect(typed({ password: undefined }))).toMatchObject({ status: 422 })
  expect(await connect(typed({ userName: undefined }))).toMatchObject({ status: 422 })
  expect((await myCalendar(agent)).calendar).toBeNull()
})

test('no address in our own network is called', async () => {
  const agent = await foyer.agent({ online: false })
  for (const address of [
    'https://169.254.169.254/',
    'https://localhost/dav',
    'http://calendar.example.com/',
  ]) {
    const answer = await agent.http.raw('POST', '/me/calendar/connect', typed({ settings: { address } }))
    const { errors } = (await answer.json()) as { errors: { field: string }[] }
    expect([address, answer.status, errors[0]?.field]).toEqual([address, 422, 'settings.address'])
  }
})
