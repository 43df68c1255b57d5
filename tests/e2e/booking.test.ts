import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
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
