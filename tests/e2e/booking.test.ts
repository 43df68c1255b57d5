import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { BookingCardScreen } from '../support/booking-card.ts'
import { bookMany, fiveAhead } from '../support/booking-stage.ts'
import { screenshot } from '../support/browser.ts'
import { canBeMet } from '../support/can-be-met.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('a shared calendar becomes a meeting that is moved and cancelled', async () => {
  const [agent, visitor] = await Promise.all([
    stage.agent({ name: 'Dana Weber', email: `dana.${randomUUID()}@foyer.test` }),
    stage.visitor({ browser: { timezoneId: 'America/St_Johns' } }),
  ])
  await canBeMet(stage.foyer.pool, agent.row.id)
  await visitor.asks()
  await agent.accept()

  await agent.page.keyboard.press('Escape')
  await agent.page.keyboard.press('c')
  const dialog = agent.page.getByRole('dialog', { name: 'Share calendar' })
  const own = dialog.getByRole('radio', { name: /^Dana Weber/ })
  await own.waitFor()
  expect(await own.isChecked()).toBe(true)
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await agent.hears('Dana Weber’s calendar shared')

  // whoever is met from 9:00 to 17:00 in Rome is met at half past in St. John’s, and the card says where
  const card = visitor.frame.getByRole('group', { name: 'Book a meeting with Dana Weber' })
  const slots = card.getByRole('button', { name: /^\d{1,2}:[03]0/ })
  await slots.first().waitFor()
  await visitor.says(/^Times in St Johns \(GMT-[23]:30\)/)
  await slots.first().click()
  expect(await visitor.field('Name').inputValue()).toBe('Sofia Ricci')
  expect(await visitor.field('Email').inputValue()).toBe('sofia.ricci@northwind.test')
  await visitor.button('Confirm').click()
  await visitor.says(/^Booked: /)
  await agent.hears('with Dana Weber')
  await agent.log.getByText(/^Meeting booked: /).waitFor()

  await visitor.endsChat()
  await visitor.button('Reschedule').click()
  const moving = visitor.frame.getByRole('group', { name: 'Book a meeting with Dana Weber' })
  const others = moving.getByRole('button', { name: /^\d{1,2}:[03]0/ })
  await others.nth(1).click()
  await visitor.button('Confirm').click()
  await visitor.says(/^Booked: /)
  const { rows: moved } = await stage.foyer.pool.query('select state from meetings where agent_id = $1', [
    agent.row.id,
  ])
  expect(moved).toEqual([{ state: 'booked' }])

  await visitor.button('Cancel').click()
  await visitor.button('Cancel the meeting').click()
  await visitor.says(/^Cancelled: /)
  const { rows: cancelled } = await stage.foyer.pool.query(
    'select state, cancelled_by as by from meetings where agent_id = $1',
    [agent.row.id],
  )
  expect(cancelled).toEqual([{ state: 'cancelled', by: 'visitor' }])

  // the link opens the same card as a page, and what is booked there comes to the agent's list
  const { rows: shares } = await stage.foyer.pool.query<{ token: string }>(
    'select token from calendar_shares where agent_id = $1',
    [agent.row.id],
  )
  const { page } = await stage.person('guest', { timezoneId: 'Asia/Tokyo' })
  await page.goto(`${stage.foyer.origin}/book/${shares[0]?.token}`)
  await page.getByText(/^Times in Tokyo/).waitFor()
  await page
    .getByRole('button', { name: /^\d{1,2}:[03]0/ })
    .first()
    .click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Tom Becker')
  await page.getByRole('textbox', { name: 'Email' }).fill('tom.becker@contoso.test')
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByText(/^Booked: /).waitFor()
  await agent.page.getByRole('link', { name: 'Meetings' }).click()
  const row = agent.page.getByRole('row', { name: /Tom Becker/ })
  await row.getByText('Booked').waitFor()
  await agent.button('Cancel the meeting with Tom Becker').click()
  await agent.button('Cancel meeting').click()
  await row.getByText('Cancelled').waitFor()
})

test('in a chat it is in view that a time was taken, and that five meetings are ahead', async () => {
  const [agent, visitor] = await Promise.all([
    stage.agentOffStage({ name: 'Marco Bianchi', email: `marco.${randomUUID()}@foyer.test` }),
    stage.visitor(),
  ])
  await canBeMet(stage.foyer.pool, agent.id)
  const nadia = { name: 'Nadia Haddad', email: 'nadia@contoso.test' }
  await visitor.asks(nadia)
  const { id } = await agent.accepts()
  await agent.http.post(`/conversations/${id}/calendar-shares`, { agentId: agent.id })
  const card = new BookingCardScreen(visitor.frame)
  await card.slots.first().click()
  // by a link of another's: of what is booked by their own the card would tell
  const { pool, origin } = stage.foyer
  const token = randomUUID()
  await pool.query(
    'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
    [randomUUID(), token, agent.id],
  )
  /** Nothing is in front of it, and it is not scrolled away. */
  const isInView = async (text: string) => {
    const line = card.card.getByRole('alert').getByText(text)
    await line.waitFor()
    const seen = () =>
      line.evaluate((one) => {
        const { left, top, bottom } = one.getBoundingClientRect()
        return one.contains(document.elementFromPoint(left + 1, (top + bottom) / 2))
      })
    await expect.poll(seen).toBe(true)
  }
  await bookMany(origin, token, 1, nadia)
  await card.button('Confirm').click()
  await isInView('That time has just been taken. Here is what is free now.')
  await screenshot(visitor.page, 'widget-booking-taken')
  await bookMany(origin, token, 4, nadia)
  await card.days.nth(2).click()
  await card.books({ slot: 8 })
  await isInView(fiveAhead)
  await screenshot(visitor.page, 'widget-booking-five')
})
