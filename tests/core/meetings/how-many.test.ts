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

async function aTeamLink(agentIds: string[]): Promise<Guest> {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const team = await admin.http.post<{ id: string }>('/teams', { name: `Sales ${randomUUID()}`, agentIds })
  const token = randomUUID()
  await foyer.pool.query(
    'insert into calendar_shares (id, token, team_id, created_at) values ($1, $2, $3, now())',
    [randomUUID(), token, team.id],
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

test('who has five meetings with one of a team meets a colleague, until they have five with each', async () => {
  const [first, second] = [await aHost(), await aHost()]
  const email = anEmail()
  const others = await aLink(second)
  // the first has the fewer ahead all the time, so whoever comes is asked of them before
  for (let n = 0; n < 5; n++) {
    await (await aLink(first)).books(inHours(n), { email })
    await others.books(inHours(n), { email: anEmail() })
  }
  await (await aLink(second)).books(inHours(5), { email: anEmail() })
  for (let n = 0; n < 5; n++) {
    const { agent } = await (await aTeamLink([first.id, second.id])).books(inHours(10 + n), { email })
    expect(agent.id).toBe(second.id)
  }
  const full = await aTeamLink([first.id, second.id])
  expect(await statusAndCode(await full.raw(inHours(20), { email }))).toBe('409 too_many_meetings')
  await full.books(inHours(20), { email: anEmail() })
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
    detail: 'Many meetings were booked or moved with this e-mail address today. Try again tomorrow.',
  })
  foyer.clock.advance(24 * hour)
  await guest.books(inHours(1), { email })
})

const moves = async (token: string | null, hours: number) =>
  statusAndCode(
    await new HttpClient(foyer.origin).raw('POST', `/meeting/${token}/reschedule`, { start: inHours(hours) }),
  )

test('nor is it mailed more by moving what was booked, from whichever meeting, until the next day', async () => {
  const host = await aHost()
  const email = anEmail()
  const [one, two] = [
    await (await aLink(host)).books(inHours(1), { email }),
    await (await aLink(host)).books(inHours(50), { email }),
  ]
  for (let n = 0; n < 9; n++)
    expect([await moves(one.token, 2 + n), await moves(two.token, 51 + n)]).toEqual([200, 200])
  // sent once more it is where it is to be, and no move
  expect([await moves(one.token, 10), await moves(one.token, 11)]).toEqual([200, '429 rate_limited'])
  expect(await moves(two.token, 60)).toBe('429 rate_limited')
  expect(await statusAndCode(await (await aLink(host)).raw(inHours(30), { email }))).toBe('429 rate_limited')
  const meeting = await new HttpClient(foyer.origin).get<GuestMeeting>(`/meeting/${one.token}`)
  expect(meeting).toMatchObject({ start: one.start && inHours(10), movingTo: null })
  // the time it was not moved to is free
  await (await aLink(host)).books(inHours(11), { email: anEmail() })
  // their host moves it as often as they like, and it can be cancelled
  await host.http.post(`/meetings/${one.id}/reschedule`, { start: inHours(12) })
  await new HttpClient(foyer.origin).post(`/meeting/${two.token}/cancel`)
  foyer.clock.advance(24 * hour)
  const later = await (await aLink(host)).books(inHours(1), { email })
  expect(await moves(later.token, 2)).toBe(200)
})

test('one public address has twenty bookings and moves a day with an agent, also at once, and goes on with others', async () => {
  const [host, other] = [await aHost(), await aHost()]
  const headers = { 'x-forwarded-for': `203.0.113.${++places}` }
  const books = async (hours: number, link: Guest, from = headers) =>
    link.http.raw('POST', link.path, { ...link.wish(inHours(hours)), email: anEmail() }, from)
  const first = await books(0, await aLink(host))
  const { token } = (await first.json()) as GuestMeeting
  const links = await Promise.all(some(24, () => aLink(host)))
  const answers = await Promise.all(links.map(async (link, n) => statusAndCode(await books(1 + n, link))))
  expect(answers.filter((answer) => answer === 201)).toHaveLength(19)
  expect(answers.filter((answer) => answer === '429 rate_limited')).toHaveLength(5)
  const moved = await new HttpClient(foyer.origin).raw(
    'POST',
    `/meeting/${token}/reschedule`,
    { start: inHours(40) },
    headers,
  )
  expect(await moved.json()).toMatchObject({
    status: 429,
    detail: 'Many meetings were booked or moved from your network today. Try again tomorrow.',
  })
  // a colleague of a team, another network, and one's own network have theirs
  const team = await books(41, await aTeamLink([host.id, other.id]))
  expect(await team.json()).toMatchObject({ agent: { id: other.id } })
  expect((await books(42, await aLink(host), { 'x-forwarded-for': `203.0.113.${++places}` })).status).toBe(
    201,
  )
  expect((await books(43, await aLink(host), { 'x-forwarded-for': '10.0.0.1' })).status).toBe(201)
  const { rows } = await foyer.pool.query<{ kept: string }>(
    'select to_jsonb(t)::text as kept from booking_turns t',
  )
  expect(rows.filter(({ kept }) => /203\.0\.113|many\.test/.test(kept))).toEqual([])
  foyer.clock.advance(24 * hour)
  expect((await books(1, await aLink(host))).status).toBe(201)
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

test('what leads nowhere is no try, nor is a booking sent again', async () => {
  const host = await aHost()
  const headers = { 'x-forwarded-for': `203.0.113.${++places}` }
  const guest = await aLink(host)
  const nowhere = new Guest(foyer.origin, randomUUID())
  for (let n = 0; n < 70; n++) {
    const answer = await nowhere.http.raw('POST', nowhere.path, nowhere.wish(inHours(n)), headers)
    expect(await statusAndCode(answer)).toBe('404 not_found')
  }
  const wish = { ...guest.wish(inHours(1)), email: anEmail() }
  for (let n = 0; n < 70; n++)
    expect((await guest.http.raw('POST', guest.path, wish, headers)).status).toBe(201)
  const past = async () =>
    statusAndCode(
      await guest.http.raw('POST', guest.path, { ...guest.wish(inHours(-9_000)), email: anEmail() }, headers),
    )
  for (let n = 0; n < 59; n++) expect(await past()).toBe('409 slot_taken')
  expect(await past()).toBe('429 rate_limited')
  // and with all tries used up, what was booked is still told
  expect((await guest.http.raw('POST', guest.path, wish, headers)).status).toBe(201)
})
