import { onTestFinished } from 'vitest'
import { googleCalendar } from '#connectors/google-calendar/index.ts'
import { createGoogleStandIn } from '#connectors/google-calendar/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { ConnectCalendarAnswer, MyCalendar } from '#core/contracts/calendars.ts'
import type { Connection } from '#core/contracts/connections.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

export type Google = ReturnType<typeof createGoogleStandIn>

/** A Foyer whose Google is a stand-in, with the app entered by an admin. Its public address is one that Google calls. */
export async function foyerWithGoogle(options: Parameters<typeof startFoyer>[0] = {}) {
  let foyer: TestFoyer | undefined
  const google = createGoogleStandIn({ now: () => (foyer ? foyer.clock.now().getTime() : Date.now()) })
  const { origin, close } = await serveStandIn(google.handle)
  foyer = await startFoyer({
    connectors: [googleCalendar],
    ...options,
    config: {
      publicUrl: 'https://foyer.example.com',
      ...options.config,
      standIns: { 'google-calendar': origin, ...options.config?.standIns },
    },
  })
  const admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  return { foyer, google, admin, close }
}

export const enterApp = ({ http }: AgentActor): Promise<Connection> =>
  http.post('/connections', {
    connector: 'google-calendar',
    clientId: 'stand-in-app',
    clientSecret: 'stand-in-secret',
  })

export const myCalendar = ({ http }: AgentActor): Promise<MyCalendar> => http.get('/me/calendar')

/** As the agent does it in the browser. @returns where the page is told how it went */
export async function connectGoogle(foyer: Pick<TestFoyer, 'origin'>, { http }: AgentActor): Promise<URL> {
  const { url } = await http.post<ConnectCalendarAnswer>('/me/calendar/connect', {
    connector: 'google-calendar',
  })
  const agreed = await fetch(url ?? '', { redirect: 'manual', headers: { connection: 'close' } })
  const back = new URL(agreed.headers.get('location') ?? '')
  const headers = { cookie: http.cookie ?? '', connection: 'close' }
  const answer = await fetch(foyer.origin + back.pathname + back.search, { redirect: 'manual', headers })
  return new URL(answer.headers.get('location') ?? '', foyer.origin)
}

/** An agent with a calendar at Google, which Foyer has read. */
export async function agentWithGoogle(
  { foyer, google }: { foyer: TestFoyer; google: Google },
  { online = false } = {},
) {
  const agent = await foyer.agent({ online })
  const calendarId = agent.me.email
  google.store.addCalendar({ id: calendarId, owner: calendarId, summary: 'Dana', timeZone: 'Europe/Berlin' })
  google.store.addCalendar({ id: `team-of-${calendarId}`, owner: calendarId, summary: 'Team' })
  onTestFinished(() => google.store.calendars.clear())
  await connectGoogle(foyer, agent)
  await waitFor('the calendar is read', async () => (await myCalendar(agent)).calendar?.busyReadAt)
  return { agent, calendarId }
}

/** What the mirror has of an agent's busy time. */
export async function mirrorOf({ pool }: TestFoyer, { id }: AgentActor) {
  const { rows } = await pool.query<{ eventId: string; start: Date; end: Date }>(
    `select event_id as "eventId", start_at as start, end_at as "end" from calendar_busy where agent_id = $1 order by start_at`,
    [id],
  )
  return rows
}

/** As Google calls when something changes, to whichever address it was given. @returns what it is answered */
export async function deliverCallsOf({
  foyer,
  google,
}: {
  foyer: TestFoyer
  google: Google
}): Promise<number[]> {
  const statuses: number[] = []
  for (const { address, headers } of google.channels.takeCalls()) {
    const { pathname } = new URL(address)
    const answer = await fetch(foyer.origin + pathname, {
      method: 'POST',
      headers: { ...headers, connection: 'close' },
    })
    await answer.text()
    statuses.push(answer.status)
  }
  return statuses
}
