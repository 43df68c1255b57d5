import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { everyDay, Guest, setMeetingSettings } from './a-booking.ts'

/** Nobody fills a calendar by themselves: how many meetings a person, a link and an address may have. Behind one proxy, so that guests
 *  come from anywhere. */
let foyer: TestFoyer
beforeAll(async () => {
  foyer = await startFoyer({ config: { trustedProxies: 1 }, workers: false })
})
afterAll(() => foyer.close())

const hour = 60 * 60_000
/** Another one each time: what was counted stays so. */
let places = 0

async function aHost(): Promise<AgentActor> {
  const host = await foyer.agent({ online: false })
  await setMeetingSettings(host, { blocks: everyDay('00:00', '24:00') })
  return host
}

async function aLink(host: AgentActor, visitorId: string | null = null): Promise<Guest> {
  const token = randomUUID()
  await foyer.pool.query(
    'insert into calendar_shares (id, token, agent_id, visitor_id, created_at) values ($1, $2, $3, $4, now())',
    [randomUUID(), token, host.id, visitorId],
  )
  return new Guest(foyer.origin, token)
}

const anEmail = () => `${randomUUID()}@many.test`
const statusAndCode = async (answer: Response) => {
  const { code } = (await answer.json()) as { code?: string }
  return code ? `${answer.status} ${code}` : answer.status
}
/** Whole hours after now that are free for whoever has nothing else. */
const inHours = (hours: number) =>
  new Date(Math.ceil(foyer.clock.now().getTime() / hour) * hour + hours * hour).toISOString()
const some = <T>(count: number, make: (place: number) => T) =>
  Array.from({ length: count }, (_, n) => make(n))
const fiveOf = (answers: unknown[]) => {
  expect(answers.filter((answer) => answer === 201)).toHaveLength(5)
  expect(answers.filter((answer) => answer === '409 too_many_meetings')).toHaveLength(answers.length - 5)
}

test('one person has five meetings with an agent ahead, by whatever links, also when all are asked for at once', async () => {
  const [host, other] = [await aHost(), await aHost()]
  const email = anEmail()
  const links = await Promise.all(some(12, () => aLink(host)))
  fiveOf(
    await Promise.all(
      links.map(async (guest, n) =>
        statusAndCode(await guest.raw(inHours(n), { email: n % 2 ? email : email.toUpperCase() })),
      ),
    ),
  )
  const refused = await (await aLink(host)).raw(inHours(20), { email })
  expect(await refused.json()).toMatchObject({
    status: 409,
    detail: '5 meetings are booked by this link or e-mail address already. Move or cancel one of them first.',
  })
  // with another agent, or as another person, it goes on; and here once there is room
  await (await aLink(other)).books(inHours(20), { email })
  await (await aLink(host)).books(inHours(20), { email: anEmail() })
  const { rows } = await foyer.pool.query<{ id: string }>(
    `select id from meetings where agent_id = $1 and email = $2 and state = 'booked' limit 1`,
    [host.id, email],
  )
  await host.http.post(`/meetings/${rows[0]?.id}/cancel`)
  await (await aLink(host)).books(inHours(21), { email })
})

test('one visitor has five ahead, under whatever addresses, and so has one link', async () => {
  const host = await aHost()
  const visitor = await foyer.visitor()
  const links = await Promise.all(some(9, () => aLink(host, visitor.id)))
  fiveOf(
    await Promise.all(
      links.map(async (guest, n) => statusAndCode(await guest.raw(inHours(n), { email: anEmail() }))),
    ),
  )
  const guest = await aLink(host)
  fiveOf(
    await Promise.all(
      some(9, async (n) => statusAndCode(await guest.raw(inHours(30 + n), { email: anEmail() }))),
    ),
  )
})

test('an address that is typed gets twenty bookings’ mails a day, whatever became of the meetings', async () => {
  const email = anEmail()
  for (let n = 0; n < 20; n++) {
    const host = await aHost()
    const { token } = await (await aLink(host)).books(inHours(1), { email })
    await new HttpClient(foyer.origin).post(`/meeting/${token}/cancel`)
  }
  const guest = await aLink(await aHost())
  const refused = await guest.raw(inHours(1), { email })
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(23 * 60 * 60)
  expect(await refused.json()).toMatchObject({
    code: 'rate_limited',
    detail: expect.stringContaining('today'),
  })
  foyer.clock.advance(24 * hour)
  await guest.books(inHours(1), { email })
})

test('one public address tries sixty bookings an hour, and others none the less', async () => {
  const host = await aHost()
  const from = async (address: string) => {
    const guest = await aLink(host)
    const body = { ...guest.wish(inHours(-24 * 365)), email: anEmail() }
    const headers = { 'x-forwarded-for': address }
    return statusAndCode(await guest.http.raw('POST', guest.path, body, headers))
  }
  const answers: unknown[] = []
  const address = `203.0.113.${++places}`
  for (let n = 0; n < 62; n++) answers.push(await from(address))
  expect(answers.slice(0, 60)).toEqual(some(60, () => '409 slot_taken'))
  expect(answers.slice(60)).toEqual(['429 rate_limited', '429 rate_limited'])
  expect(await from(`203.0.113.${++places}`)).toBe('409 slot_taken')
  // what stands for everybody is not counted
  for (let n = 0; n < 62; n++) expect(await from('10.0.0.1')).toBe('409 slot_taken')
})

test('one meeting is moved twenty times an hour', async () => {
  const { token } = await (await aLink(await aHost())).books(inHours(1), { email: anEmail() })
  const http = new HttpClient(foyer.origin)
  const moves = async (n: number) =>
    statusAndCode(await http.raw('POST', `/meeting/${token}/reschedule`, { start: inHours(2 + n) }))
  for (let n = 0; n < 20; n++) expect(await moves(n)).toBe(200)
  expect(await moves(20)).toBe('429 rate_limited')
  expect((await http.get<GuestMeeting>(`/meeting/${token}`)).start).toBe(inHours(21))
})
