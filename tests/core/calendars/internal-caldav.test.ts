import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { request as forward } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CalendarVendor } from '#connectors/sdk/conformance/vendor.ts'
import type { CalendarChoices, ConnectCalendarAnswer, MyCalendar } from '#core/contracts/calendars.ts'
import { createPool } from '#core/db/pool.ts'
import { aCaldavVendor } from '#tests/connectors/caldav/a-vendor.ts'
import { startRadicale } from '#tests/connectors/caldav/radicale.ts'
import { everyDay, Guest, setMeetingSettings } from '#tests/core/meetings/a-booking.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { certificateFor } from '#tests/support/certificate.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { myCalendar } from './a-calendar.ts'

/** A Radicale in our own network, behind TLS with a certificate of our own authority, and Foyer as an operator starts it. */

const address = '127.0.0.1'
let database: ScratchDatabase
let pool: Pool
let vendor: CalendarVendor
let tls: Server
let origin: string
let environment: NodeJS.ProcessEnv

beforeAll(async () => {
  const folder = await folderForFile('internal-caldav')
  vendor = await aCaldavVendor(await startRadicale())
  const { certificate, key } = certificateFor(address)
  const authority = path.join(folder, 'authority.pem')
  await writeFile(authority, certificate)
  tls = createServer({ cert: certificate, key }, (request, response) => {
    const { method, headers } = request
    const onwards = forward(new URL(request.url ?? '/', vendor.origin), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onwards)
  })
  await new Promise<void>((resolve) => tls.listen(0, address, resolve))
  origin = `https://${address}:${(tls.address() as AddressInfo).port}`
  database = await scratchDatabase()
  pool = createPool(database.url, 2, 'internal calendar test')
  await anOrganisation(pool, new Date())
  environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: folder,
    NODE_EXTRA_CA_CERTS: authority,
  }
}, within(60_000))

afterAll(async () => {
  tls.closeAllConnections()
  await new Promise((resolve) => tls.close(resolve))
  await vendor.close()
  await pool.end()
  await database.drop()
})

async function started(env: NodeJS.ProcessEnv): Promise<{ foyer: ServerProcess; agent: AgentActor }> {
  const foyer = await startFoyerProcess('start', { ...environment, ...env })
  const { email, password } = await anAgent(pool, new Date())
  return { foyer, agent: await AgentActor.signIn(foyer.origin, email, password, { online: false }) }
}

const typed = (at: string) => ({
  connector: 'caldav',
  settings: { address: at },
  userName: vendor.client.id,
  password: vendor.client.secret,
})

test('where the operator has named its host, a CalDAV server inside is connected and booked in', {
  timeout: within(120_000),
}, async () => {
  const { foyer, agent } = await started({ FOYER_ALLOWED_INTERNAL_HOSTS: `calendar.intern.test, ${address}` })
  try {
    // only that one: others in the network are as strange as before
    for (const at of ['https://localhost/dav', 'https://10.0.3.7/', `http://${address}/`]) {
      const refused = await agent.http.raw('POST', '/me/calendar/connect', typed(at))
      expect([at, refused.status]).toEqual([at, 422])
    }
    const { mine } = await agent.http.post<ConnectCalendarAnswer>('/me/calendar/connect', typed(`${origin}/`))
    expect(mine.calendar?.state).toBe('choosing')
    const { calendars } = await agent.http.get<CalendarChoices>('/me/calendar/choices')
    const main = calendars.find(({ name }) => name === 'Calendar main')
    await agent.http.put<MyCalendar>('/me/calendar', { calendarId: main?.id })
    await waitFor('the calendar is read', async () => (await myCalendar(agent)).calendar?.busyReadAt)

    await setMeetingSettings(agent, { blocks: everyDay('00:00', '24:00'), title: 'Inside with {{name}}' })
    const token = randomUUID()
    await pool.query(
      'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
      [randomUUID(), token, agent.id],
    )
    const guest = new Guest(foyer.origin, token)
    const { slots } = await guest.slots()
    const meeting = await guest.books(slots[3]?.start)
    expect(meeting).toMatchObject({ state: 'booked', start: slots[3]?.start })
    const [id = ''] = await vendor.eventIds(vendor.calendars.main)
    expect([id, await vendor.titleOf(vendor.calendars.main, id)]).toEqual([
      meeting.id.replaceAll('-', ''),
      'Inside with Sofia Ricci',
    ])
  } finally {
    await foyer.stop()
  }
})

test('without being named it is refused, in words', { timeout: within(60_000) }, async () => {
  const { foyer, agent } = await started({})
  try {
    const refused = await agent.http.raw('POST', '/me/calendar/connect', typed(`${origin}/`))
    expect([refused.status, await refused.json()]).toMatchObject([
      422,
      { errors: [{ field: 'settings.address', message: expect.stringContaining('own network') }] },
    ])
    expect((await myCalendar(agent)).calendar).toBeNull()
  } finally {
    await foyer.stop()
  }
})
