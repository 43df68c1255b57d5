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
  foyer = await startFoyer({ workers: false })
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

test('whoever types an address or a company is not told whose account it is until they are booked', async () => {
  const pages: object[] = []
  for (const fields of [
    { email: `${randomUUID()}@northwind.test` },
    { company: 'Northwind' },
    { email: `${randomUUID()}@nobody.test` },
    { company: 'Nobody and Sons' },
  ]) {
    const browser = await Browser.open(foyer)
    await gives(browser.session.visitorId, fields)
    const { guest, page } = await opens(browser)
    pages.push(without(page))
    const told = JSON.stringify([page, await browser.http.get('/widget/conversations')])
    expect(told).not.toMatch(/Olga|Stan|Ginza|Karl|Tokyo|Oslo/)
    for (const { id } of [owner, standIn]) expect(told).not.toContain(id)
    // nor by what the server says of a time that cannot be had
    const { slots } = await guest.slots()
    const refused = await guest.raw(new Date(0).toISOString())
    expect(await refused.text()).not.toMatch(/Olga|Stan/)

    const isTheirs = JSON.stringify(fields).toLowerCase().includes('northwind')
    const meeting = await guest.books(slots.at(-1)?.start, { email: `${randomUUID()}@booked.test` })
    expect(meeting.agent.name).toBe(isTheirs ? 'Olga Owner' : 'Stan Standin')
  }
  for (const page of pages) expect(page).toEqual(pages[0])
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
  expect((await opens(elsewhere)).page.agent?.name).toBe('Stan Standin')
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
