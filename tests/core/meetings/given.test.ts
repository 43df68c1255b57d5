import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { WidgetSession } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import type { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'
import { Guest, setMeetingSettings, sharedCalendar } from './a-booking.ts'

test.afterEach(async ({ foyer }) => {
  await retireEverybody(foyer)
  await siteHas(foyer, { privacy: { notice: '', url: null, tick: false } })
})

const siteHas = async ({ pool, site }: TestFoyer, settings: object) => {
  await pool.query('update sites set settings = settings || $2::jsonb where id = $1', [
    site.id,
    JSON.stringify(settings),
  ])
}

/** What *Book a meeting* leads to, for somebody who has not said a word. */
async function bookingLink(foyer: TestFoyer, visitor: VisitorActor): Promise<Guest> {
  const host = await foyer.agent({ online: false })
  await setMeetingSettings(host, {})
  await siteHas(foyer, { booking: { by: 'agent', agentId: host.id } })
  const { token } = await visitor.http.post<{ token: string }>('/widget/booking-links')
  return new Guest(foyer.origin, token, visitor)
}

const privacy = { notice: 'We keep it.', url: 'https://shop.test/privacy', tick: true }

test('where a site asks for the tick nothing is booked without it, and it is asked for once', async ({
  foyer,
}) => {
  await siteHas(foyer, { privacy })
  const guest = await bookingLink(foyer, await foyer.visitor())
  const { slots } = await guest.slots()
  expect((await guest.page()).consent).toEqual({ notice: 'We keep it.', url: privacy.url })
  for (const consent of [undefined, false]) {
    const refused = await guest.raw(slots[0]?.start, { consent })
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({
      code: 'invalid_input',
      detail: 'The privacy notice has to be accepted first.',
      errors: [{ field: 'consent' }],
    })
  }
  expect((await guest.slots()).slots[0]).toEqual(slots[0])
  const wish = guest.wish(slots[0]?.start, { consent: true })
  const booked = await guest.books(slots[0]?.start, wish)
  expect(booked.state).toBe('booked')
  expect((await guest.books(slots[0]?.start, wish)).id).toBe(booked.id)
  expect((await guest.page()).consent).toBeNull()
  expect((await guest.books(slots[1]?.start)).state).toBe('booked')
})

test('when a notice was accepted is kept with the meeting, and its words as they were, whatever the site says later', async ({
  foyer,
}) => {
  await siteHas(foyer, { privacy })
  const guest = await bookingLink(foyer, await foyer.visitor())
  const { slots } = await guest.slots()
  const before = foyer.clock.now()
  const first = await guest.books(slots[0]?.start, { consent: true })
  const after = foyer.clock.now()
  await siteHas(foyer, { privacy: { ...privacy, notice: 'We keep it for ever.' } })
  // not asked, so nothing was accepted
  const second = await guest.books(slots[1]?.start, { consent: true })
  const accepted = async ({ id }: GuestMeeting) => {
    const { rows } = await foyer.pool.query(
      'select notice_accepted_at as at, notice_text as text, notice_url as url from meetings where id = $1',
      [id],
    )
    return rows[0]
  }
  const { at, ...notice } = await accepted(first)
  expect(notice).toEqual({ text: 'We keep it.', url: privacy.url })
  expect(at >= before && at <= after).toBe(true)
  expect(await accepted(second)).toEqual({ at: null, text: null, url: null })
})

test('whoever has accepted it for a chat, or is asked for nothing, books without a tick', async ({
  foyer,
}) => {
  const { guest } = await sharedCalendar(foyer)
  await siteHas(foyer, { privacy })
  const { slots } = await guest.slots()
  expect((await guest.page()).consent).toBeNull()
  expect((await guest.books(slots[0]?.start)).state).toBe('booked')
  // a link that was made for no visitor of a site
  const host = await foyer.agent({ online: false })
  await setMeetingSettings(host, {})
  const token = randomUUID()
  await foyer.pool.query(
    'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
    [randomUUID(), token, host.id],
  )
  const stranger = new Guest(foyer.origin, token)
  expect((await stranger.books((await stranger.slots()).slots[0]?.start)).state).toBe('booked')
})

const knownOf = async (foyer: TestFoyer, { session }: VisitorActor) => {
  const again = await new HttpClient(foyer.origin).post<WidgetSession>('/widget/sessions', {
    siteKey: foyer.site.key,
    token: session.token,
  })
  return again.known
}

test('what a visitor says of themselves where they book is not asked again', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  const guest = await bookingLink(foyer, visitor)
  const { slots } = await guest.slots()
  await guest.books(slots[0]?.start, { name: 'Ada Example', email: 'Ada@Northwind.test' })
  const known = { name: 'Ada Example', email: 'ada@northwind.test' }
  expect(await knownOf(foyer, visitor)).toMatchObject(known)
  expect((await guest.page()).prefill).toEqual(known)
  const { rows } = await foyer.pool.query<{ given: object }>(
    'select given_at as given from visitors where id = $1',
    [visitor.id],
  )
  expect(Object.keys(rows[0]?.given ?? {}).sort()).toEqual(['email', 'name'])
})

test('said at a booking in a chat it replaces what was given before, and the agent sees it', async ({
  foyer,
}) => {
  const { host, visitor, token } = await sharedCalendar(foyer)
  const own = new Guest(foyer.origin, token, visitor)
  const { slots } = await own.slots()
  const email = `${randomUUID()}@northwind.test`
  await own.books(slots[0]?.start, { name: 'Sofia Bianchi', email })
  await waitFor('the panel shows it', async () => {
    const panel = await host.http.get<Visitor>(`/visitors/${visitor.id}`)
    return panel.email === email && panel.name === 'Sofia Bianchi'
  })
})

test('a signed address stays, and whoever else has the link says nothing of the visitor', async ({
  foyer,
}) => {
  const { visitor, token, guest, email } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  await guest.books(slots[0]?.start, { name: 'A Colleague', email: 'colleague@northwind.test' })
  const other = await foyer.visitor()
  await new Guest(foyer.origin, token, other).books(slots[1]?.start, { name: 'Somebody Else' })
  expect(await knownOf(foyer, visitor)).toMatchObject({ name: 'Sofia Ricci', email })
  expect(await knownOf(foyer, other)).toMatchObject({ name: null, email: null })

  await foyer.pool.query('update visitors set email_verified = true where id = $1', [visitor.id])
  const own = new Guest(foyer.origin, token, visitor)
  await own.books(slots[2]?.start, { name: 'Sofia B.', email: 'typed@northwind.test' })
  expect(await knownOf(foyer, visitor)).toMatchObject({ name: 'Sofia B.', email })
})
