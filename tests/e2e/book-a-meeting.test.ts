import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { BookingTarget } from '#core/contracts/meetings.ts'
import { BookingCardScreen } from '../support/booking-card.ts'
import { screenshot } from '../support/browser.ts'
import { canBeMet } from '../support/can-be-met.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { type Stage, setStage } from '../support/stage.ts'

// *Book a meeting* in the widget: with nobody asked for it, as the site's settings say
let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

const siteBooks = (booking: BookingTarget | null, more: object = {}) =>
  stage.foyer.pool.query('update sites set settings = settings || $2 where id = $1', [
    stage.foyer.site.id,
    JSON.stringify({ booking, ...more }),
  ])

const meetingsOf = async (agentId: string) => {
  const { rows } = await stage.foyer.pool.query<{
    state: string
    email: string
    conversationId: string | null
  }>('select state, email, conversation_id as "conversationId" from meetings where agent_id = $1', [agentId])
  return rows
}

const wideAwake = async (name: string) => {
  const agent = await stage.agentOffStage({ name, email: `${randomUUID()}@foyer.test` })
  await canBeMet(stage.foyer.pool, agent.id)
  return agent
}

test('a visitor books with the site’s agent before saying a word', async () => {
  const agent = await wideAwake('Dana Weber')
  await siteBooks(
    { by: 'agent', agentId: agent.id },
    { privacy: { notice: 'We keep it.', url: 'https://shop.test/privacy', tick: true } },
  )
  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.button('Chat with us').waitFor()
  const { page } = visitor
  const frame = page.frames().find((one) => one.url().includes('/widget/'))
  if (!frame) throw new Error('The widget has no frame')
  await axeFindsNothing(page, 'first screen', frame)
  await screenshot(page, 'widget-greeting-booking')
  await visitor.button('Book a meeting').click()
  const card = new BookingCardScreen(visitor.frame)
  await card.slots.first().waitFor()
  await axeFindsNothing(page, 'times', frame)
  await card.slots.first().click()
  await card.button('Confirm').click()
  await card.says('A name is needed.')
  await axeFindsNothing(page, 'who comes', frame)
  await card.field('Name').fill('Sofia Ricci')
  await card.field('Email').fill('sofia.ricci@northwind.test')
  await card.button('Confirm').click()
  // nothing said before: what the site wants accepted is asked here
  await card.says('Please tick this first.')
  expect(await meetingsOf(agent.id)).toEqual([])
  await screenshot(page, 'widget-booking-tick')
  await card.card.getByRole('checkbox', { name: 'I have read the privacy notice' }).check()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  await screenshot(page, 'widget-booking-booked')
  expect(await meetingsOf(agent.id)).toMatchObject([
    { state: 'booked', email: 'sofia.ricci@northwind.test', conversationId: null },
  ])

  // what was booked is found again, also on another page, and can be changed there
  await visitor.button('Back').click()
  await visitor.button('Chat with us').waitFor()
  await page.goto(stage.host.otherUrl)
  await visitor.open()
  await visitor.button('Book a meeting').click()
  await card.says(/^Booked: /)
  await card.button('Cancel').click()
  await card.button('Cancel the meeting').click()
  await card.says(/^Cancelled: /)
  expect(await meetingsOf(agent.id)).toMatchObject([{ state: 'cancelled' }])
  // and the next time begins anew
  await visitor.button('Back').click()
  await visitor.button('Book a meeting').click()
  await card.slots.first().waitFor()
  await siteBooks(null, { privacy: { notice: '', url: null, tick: false } })
})

test('with nobody here a visitor books with whoever of the team has the fewest meetings ahead', async () => {
  const [busy, idle] = await Promise.all([
    stage.hire({ name: 'Busy Berg', schedule: never }),
    stage.hire({ name: 'Idle Ives', schedule: never }),
  ])
  const teamId = randomUUID()
  const { pool } = stage.foyer
  await pool.query('insert into teams (id, name, created_at) values ($1, $2, now())', [
    teamId,
    `Showroom ${teamId.slice(0, 4)}`,
  ])
  for (const { id } of [busy, idle]) {
    await canBeMet(pool, id)
    await pool.query('insert into team_members (team_id, agent_id) values ($1, $2)', [teamId, id])
  }
  await siteBooks({ by: 'team', teamId })

  const first = await stage.visitor()
  await first.open()
  await first.says('Nobody is here right now')
  await screenshot(first.page, 'widget-closed-booking')
  await first.frame.getByRole('button', { name: /^Book a meeting/ }).click()
  const cards = new BookingCardScreen(first.frame)
  await cards.says('Meet somebody of Showroom')
  await cards.books({ name: 'Nadia Haddad', email: 'nadia@contoso.test' })
  await cards.says(/^Booked: /)
  const [winner, other] = (await meetingsOf(busy.id)).length > 0 ? [busy, idle] : [idle, busy]

  const second = await stage.visitor()
  await second.open()
  await second.frame.getByRole('button', { name: /^Book a meeting/ }).click()
  const card = new BookingCardScreen(second.frame)
  await card.books({ slot: 3, name: 'Tom Becker', email: 'tom.becker@contoso.test' })
  await card.says(`with ${other.name}`)
  expect([(await meetingsOf(winner.id)).length, (await meetingsOf(other.id)).length]).toEqual([1, 1])
})

test('who waits long books with the account’s owner, and keeps the place', async () => {
  const [agent, owner] = await Promise.all([
    wideAwake('Marco Bianchi'),
    stage.hire({ name: 'Olga Owner', schedule: never }),
  ])
  await canBeMet(stage.foyer.pool, owner.id)
  await stage.foyer.pool.query(
    'insert into accounts (id, company, domain, agent_id, updated_at) values ($1, $2, $3, $4, now())',
    [randomUUID(), 'Northwind', 'northwind.test', owner.id],
  )
  await siteBooks({ by: 'owner', agentId: agent.id })
  const visitor = await stage.visitor()
  await visitor.asks()
  await agent.offered()
  expect(await visitor.button('Book a meeting').count()).toBe(0)
  stage.foyer.clock.advance(21_000)
  await visitor.page.reload()
  await visitor.button('Book a meeting').waitFor()
  await visitor.button('Cancel').waitFor()
  await screenshot(visitor.page, 'widget-waiting-booking')
  await visitor.button('Leave a message').click()
  await visitor.button('Back').click()
  await visitor.button('Book a meeting').click()
  await visitor.says('Finding someone for you')
  const card = new BookingCardScreen(visitor.frame)
  await card.slots.first().click()
  expect(await card.field('Email').inputValue()).toBe('sofia.ricci@northwind.test')
  await screenshot(visitor.page, 'widget-waiting-book')

  // somebody comes while the visitor chooses: told, not torn away
  const { id } = await agent.accepts()
  await visitor.says('Marco Bianchi joined')
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  await card.says('with Olga Owner')
  await visitor.button('Go to the chat').click()
  await visitor.message.waitFor()
  expect(await meetingsOf(owner.id)).toMatchObject([{ state: 'booked', conversationId: id }])
  await visitor.say('I have booked for Thursday.')
  await agent.hears(id, 'I have booked for Thursday.')
})

test('whom nobody answers books a meeting from there', async () => {
  const agent = await wideAwake('Dana Weber')
  await siteBooks({ by: 'agent', agentId: agent.id })
  const visitor = await stage.visitor()
  await visitor.asks({ email: 'nobody.answers@contoso.test' })
  await agent.declines()
  await visitor.says('Nobody is free right now.')
  await screenshot(visitor.page, 'widget-fallback-booking')
  await visitor.button('Book a meeting').click()
  const card = new BookingCardScreen(visitor.frame)
  await card.books()
  await card.says(/^Booked: /)
  await visitor.button('Back').click()
  await visitor.button('Leave a message').waitFor()
})

test('an admin says whom visitors book with, and the widget follows', async () => {
  await siteBooks(null)
  const admin = await stage.agent({
    name: 'Ada Admin',
    profile: 'admin',
    email: `${randomUUID()}@foyer.test`,
    at: 'settings/sites',
  })
  await canBeMet(stage.foyer.pool, admin.row.id)
  const booking = admin.page.getByRole('region', { name: 'Booking' })
  const by = booking.getByRole('combobox', { name: 'Visitors book with' })
  expect(await by.inputValue()).toBe('off')
  await by.selectOption('One agent')
  await booking.getByRole('combobox', { name: 'Agent', exact: true }).selectOption('Ada Admin')
  await admin.button('Save').click()
  await admin.page.getByText('Saved').waitFor()
  await axeFindsNothing(admin.page, 'site settings')
  await screenshot(admin.page, 'settings-site-booking')

  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.button('Book a meeting').click()
  await visitor.says('Meet Ada Admin')

  await by.selectOption('The account owner')
  await booking.getByRole('combobox', { name: 'Whoever has no owner books with' }).selectOption({ index: 0 })
  await admin.button('Save').click()
  await admin.page.getByText('Saved').waitFor()
  await visitor.page.reload()
  await visitor.open()
  await visitor.button('Book a meeting').click()
  await visitor.says('Nothing can be booked here at the moment.')

  await by.selectOption('Nobody: not offered')
  await admin.button('Save').click()
  await admin.page.getByText('Saved').waitFor()
  await visitor.page.reload()
  await visitor.open()
  await visitor.button('Chat with us').waitFor()
  expect(await visitor.button('Book a meeting').count()).toBe(0)
})
