import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BookingPage } from '#core/contracts/meetings.ts'
import { Browser, identityOf } from '#tests/core/widget/signed.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { everyDay, Guest, setMeetingSettings } from './a-booking.ts'

/** A site that books with the account's owner, and visitors who type whose account they like. */
let foyer: TestFoyer
let owner: AgentActor
let standIn: AgentActor
beforeAll(async () => {
  foyer = await startFoyer({ workers: false, config: { smtpUrl: 'smtp://127.0.0.1:1' } })
  const admin = await foyer.agent({ online: false, profile: 'admin' })
  owner = await foyer.agent({ online: false, name: 'Olga Owner' })
  standIn = await foyer.agent({ online: false, name: 'Stan Standin' })
  await setMeetingSettings(owner, {
    timeZone: 'Asia/Tokyo',
    location: 'Ginza 1',
    video: true,
    blocks: everyDay('00:00', '24:00'),
  })
  await setMeetingSettings(standIn, { timeZone: 'Europe/Oslo', location: 'Karl Johans gate 1' })
  await admin.http.post('/accounts', { company: 'Northwind', domain: 'northwind.test', agentId: owner.id })
  const { sites } = await admin.http.get<{
    sites: { id: string; name: string; allowedOrigins: string[]; settings: object }[]
  }>('/sites')
  const [site] = sites
  await admin.http.put(`/sites/${site?.id}`, {
    name: site?.name,
    allowedOrigins: site?.allowedOrigins,
    settings: { ...site?.settings, booking: { by: 'owner', agentId: standIn.id } },
  })
})
afterAll(() => foyer.close())

const gives = (visitorId: string, fields: { email?: string; company?: string }) =>
  foyer.pool.query(
    'update visitors set email = coalesce($2, email), company = coalesce($3, company) where id = $1',
    [visitorId, fields.email, fields.company],
  )
const opens = async (browser: Browser) => {
  const { token } = await browser.http.post<{ token: string }>('/widget/booking-links')
  const guest = new Guest(foyer.origin, token)
  return { guest, page: await guest.page() }
}
const without = ({ prefill: _, ...page }: BookingPage) => page

test('whoever types an address is not told whose account it is until they are booked under it', async () => {
  const pages: object[] = []
  for (const domain of ['northwind.test', 'nobody.test']) {
    const browser = await Browser.open(foyer)
    const email = `${randomUUID()}@${domain}`
    await gives(browser.session.visitorId, { email })
    const { guest, page } = await opens(browser)
    pages.push(without(page))
    const told = JSON.stringify([page, await browser.http.get('/widget/conversations')])
    expect(told).not.toMatch(/Olga|Stan|Ginza|Karl|Tokyo|Oslo/)
    for (const { id } of [owner, standIn]) expect(told).not.toContain(id)
    // nor by what the server says of a time that cannot be had
    const { slots } = await guest.slots()
    const refused = await guest.raw(new Date(0).toISOString(), { email })
    expect(await refused.text()).not.toMatch(/Olga|Stan/)

    const meeting = await guest.books(slots.at(-1)?.start, { email })
    expect(meeting.agent.name).toBe(domain === 'northwind.test' ? 'Olga Owner' : 'Stan Standin')
  }
  expect(pages[1]).toEqual(pages[0])
})

test('a company’s name leads to nobody but whoever stands in for owners', async () => {
  for (const company of ['Northwind', 'Nobody and Sons']) {
    const browser = await Browser.open(foyer)
    await gives(browser.session.visitorId, { company })
    expect((await opens(browser)).page.agent?.name).toBe('Stan Standin')
  }
})

const at = (hour: number) =>
  `${new Date(foyer.clock.now().getTime() + 3 * 86_400_000).toISOString().slice(0, 10)}T${hour}:00:00.000Z`

test('whoever types an address and books under another one meets whom the other one leads to, and is mailed of nobody else', async () => {
  const browser = await Browser.open(foyer)
  await gives(browser.session.visitorId, { email: `${randomUUID()}@northwind.test` })
  const { guest, page } = await opens(browser)
  const wish = guest.wish(at(22), { email: `${randomUUID()}@elsewhere.test` })
  // the owner would be free then, whoever stands in is not
  expect((await guest.slots()).slots.map(({ start }) => start)).toContain(wish.start)
  const taken = await guest.http.raw('POST', guest.path, wish)
  const problem = await taken.json()
  expect(problem).toMatchObject({ status: 409, code: 'slot_taken' })
  expect(JSON.stringify(problem)).not.toMatch(/Olga|Stan/)
  // from then on the link says what can be had, and no more than before
  expect((await guest.slots()).slots.map(({ start }) => start)).not.toContain(wish.start)
  expect(await guest.page()).toEqual(page)
  const booked = await guest.books(at(11), { email: wish.email })
  expect(booked.agent.name).toBe('Stan Standin')
  const { rows } = await foyer.pool.query('select subject, text from mails where to_address = $1', [
    wish.email,
  ])
  expect(rows).toHaveLength(1)
  expect(JSON.stringify(rows)).not.toContain('Olga')
  // sent once more it is the same
  const elsewhere = await Browser.open(foyer)
  await gives(elsewhere.session.visitorId, { email: `${randomUUID()}@nobody.test` })
  const other = (await opens(elsewhere)).guest
  const theirs = other.wish(at(12), { email: `${randomUUID()}@northwind.test` })
  const answers = [await other.http.post(other.path, theirs), await other.http.post(other.path, theirs)]
  expect(answers[0]).toMatchObject({ agent: { name: 'Olga Owner' } })
  expect(answers[1]).toEqual(answers[0])
})

test('an address as an agent corrected it leads on when the typed one is booked under', async () => {
  const browser = await Browser.open(foyer)
  const typed = `${randomUUID()}@nortwind.test`
  await gives(browser.session.visitorId, { email: typed })
  await foyer.pool.query(
    `update visitors set corrections = jsonb_build_object('email', $2::text) where id = $1`,
    [browser.session.visitorId, `${randomUUID()}@northwind.test`],
  )
  const { guest } = await opens(browser)
  expect((await guest.books(at(13), { email: typed })).agent.name).toBe('Olga Owner')
})

test('each address that is typed has a link of its own, wherever it leads', async () => {
  const browser = await Browser.open(foyer)
  const paths: string[] = []
  for (const email of ['one@northwind.test', 'two@northwind.test', 'one@nobody.test', 'two@nobody.test']) {
    await gives(browser.session.visitorId, { email })
    const { guest } = await opens(browser)
    expect((await opens(browser)).guest.path).toBe(guest.path)
    paths.push(guest.path)
  }
  expect(new Set(paths).size).toBe(4)
})

test('a booking that failed does not say with whom it was', async () => {
  const browser = await Browser.open(foyer)
  const email = `${randomUUID()}@northwind.test`
  await gives(browser.session.visitorId, { email })
  const { guest } = await opens(browser)
  const failed = await guest.books(at(14), { email })
  expect((await guest.page()).meetings).toHaveLength(1)
  await foyer.pool.query(`update meetings set state = 'failed', failed_at = now() where id = $1`, [failed.id])
  expect((await guest.page()).meetings).toEqual([])
})

test('a link from before the address was typed does not begin to tell by it', async () => {
  const browser = await Browser.open(foyer)
  const before = await opens(browser)
  expect(before.page.agent?.name).toBe('Stan Standin')
  await gives(browser.session.visitorId, { email: `${randomUUID()}@nobody.test` })
  expect((await opens(browser)).page.agent).toBeNull()
})

test('whom the site’s signature names reads who looks after them, by what it says and not by what they type', async () => {
  const email = `${randomUUID()}@northwind.test`
  const known = await Browser.open(foyer, identityOf(foyer, randomUUID(), { email }))
  expect((await opens(known)).page).toMatchObject({
    agent: { id: owner.id, name: 'Olga Owner' },
    location: 'Ginza 1',
    timeZone: 'Asia/Tokyo',
  })
  const elsewhere = await Browser.open(foyer, identityOf(foyer, randomUUID(), { email: 'me@nobody.test' }))
  await gives(elsewhere.session.visitorId, { company: 'Northwind' })
  const { guest, page } = await opens(elsewhere)
  expect(page.agent?.name).toBe('Stan Standin')
  expect((await guest.books(at(15), { email })).agent.name).toBe('Stan Standin')
  // a signature without an address proves none
  const nameless = await Browser.open(foyer, identityOf(foyer, randomUUID()))
  await gives(nameless.session.visitorId, { email: `${randomUUID()}@northwind.test` })
  expect((await opens(nameless)).page.agent).toBeNull()
})

test('a guest does not read why somebody cannot be met', async () => {
  const host = await foyer.agent({ online: false, name: 'Gone Soon' })
  await setMeetingSettings(host, {})
  const token = randomUUID()
  await foyer.pool.query(
    'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
    [randomUUID(), token, host.id],
  )
  const guest = new Guest(foyer.origin, token)
  const { slots } = await guest.slots()
  const booked = await guest.books(slots[0]?.start)
  await foyer.pool.query('update agents set active = false where id = $1', [host.id])
  for (const answer of [
    await guest.raw(slots[2]?.start),
    await guest.http.raw('POST', `/meeting/${booked.token}/reschedule`, { start: slots[2]?.start }),
  ])
    expect(await answer.json()).toMatchObject({
      status: 409,
      code: 'not_bookable',
      detail: 'Nothing can be booked here at the moment.',
    })
})
