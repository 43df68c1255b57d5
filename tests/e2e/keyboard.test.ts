import type { Locator, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { WidgetScreen } from '../support/widget-screen.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('agent and visitor do the whole job without a mouse', async () => {
  const { origin } = stage.foyer
  const { email, password } = await stage.hire({ name: 'Dana Weber' })
  const { page: desk } = await stage.person('Dana')
  const agent = new InboxScreen(desk, origin)
  await desk.goto(`${origin}/inbox`)
  await focused(desk.getByRole('textbox', { name: 'Email' }))
  await desk.keyboard.type(email)
  await desk.keyboard.press('Tab')
  await desk.keyboard.type(password)
  await desk.keyboard.press('Enter')
  await agent.ready()

  const { page } = await stage.person('visitor')
  const visitor = new WidgetScreen(page)
  await page.goto(stage.host.url)
  await tabTo(page, visitor.launcher)
  await page.keyboard.press('Enter')
  // the keyboard moves into the panel, and with each step to where it goes on
  await focused(visitor.dialog)
  await tabTo(page, visitor.button('Chat with us'))
  await page.keyboard.press('Enter')
  await focused(visitor.field('Name'))
  await page.keyboard.type('Sofia Ricci')
  await tabTo(page, visitor.button('Start chat'))
  await page.keyboard.press('Enter')
  // to the first field that needs something
  await focused(visitor.field('Email'))
  await page.keyboard.type('sofia.ricci@northwind.test')
  await page.keyboard.press('Tab')
  await focused(visitor.message)
  await page.keyboard.type('Do the racks come in blue?')
  await tabTo(page, visitor.button('Start chat'))
  await page.keyboard.press('Space')
  await focused(visitor.message)

  // the banner never takes the focus
  await agent.offers.waitFor()
  expect(await agent.offers.evaluate((banner) => banner.contains(document.activeElement))).toBe(false)
  await tabTo(desk, agent.offers.getByRole('button', { name: 'Accept' }))
  await desk.keyboard.press('Enter')
  await focused(agent.message)
  await desk.keyboard.type('They do,')
  await desk.keyboard.press('Shift+Enter')
  await desk.keyboard.type('in RAL 5015.')
  await desk.keyboard.press('Enter')
  await visitor.says('in RAL 5015.')
  await page.keyboard.type('Thank you')
  await page.keyboard.press('Enter')
  await agent.hears('Thank you')
  expect(await visitor.said()).toEqual(['Do the racks come in blue?', 'They do,\nin RAL 5015.', 'Thank you'])

  // out of the panel and back in
  await page.keyboard.press('Escape')
  await visitor.dialog.waitFor({ state: 'hidden' })
  await focused(visitor.launcher)
  await page.keyboard.press('Enter')
  await focused(visitor.message)

  await desk.keyboard.press('Escape')
  await desk.keyboard.press('e')
  const dialog = desk.getByRole('dialog', { name: 'End this chat?' })
  await dialog.waitFor()
  await desk.keyboard.press('1')
  await dialog.waitFor({ state: 'detached' })
  await focused(agent.button('Download transcript'))
  await visitor.says('Dana Weber ended the chat. Write again any time.')

  await page.keyboard.type('One more')
  await page.keyboard.press('Enter')
  await agent.offers.waitFor()
  await desk.keyboard.press('a')
  await focused(agent.message)
  await agent.hears('One more')
  await tabTo(page, visitor.button('More'), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await visitor.says('End this chat?')
  await focused(visitor.button('End chat'))
  await page.keyboard.press('Enter')
  await visitor.says('You ended the chat. Write again any time.')
})

test('single keys step through chats, and stay letters while one writes', async () => {
  const { agent } = await stage.chat({ name: 'Nina Berg', text: 'First' })
  const second = await stage.visitor()
  await second.asks({ name: 'Otto Lang', email: 'otto@example.test', text: 'Second' })
  await agent.offers.waitFor()
  await agent.message.pressSequentially('a jar, kept')
  expect(await agent.message.inputValue()).toBe('a jar, kept')
  expect(await agent.offers.count()).toBe(1)
  await agent.page.keyboard.press('Escape')
  await agent.page.keyboard.press('a')
  await agent.hears('Second')
  await agent.page.keyboard.press('Escape')
  const seen = new Set<string>()
  for (const key of ['j', 'k', 'j']) {
    await agent.page.keyboard.press(key)
    seen.add((await agent.rows.locator('[aria-current="true"]').textContent()) ?? '')
  }
  expect(seen.size).toBe(2)
  await agent.page.keyboard.press('?')
  await agent.page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await agent.page.keyboard.press('Escape')
  await agent.page.keyboard.press('Control+k')
  const goTo = agent.page.getByRole('combobox', { name: 'Go to anything' })
  await focused(goTo)
  await agent.page.keyboard.type('Peo')
  await agent.page.getByRole('option', { name: /^People/ }).waitFor()
  await agent.page.keyboard.press('Enter')
  await agent.page.getByRole('heading', { name: 'People' }).first().waitFor()
})

async function focused(locator: Locator): Promise<void> {
  await expect.poll(() => hasFocus(locator), { message: `the keyboard is on ${locator}` }).toBe(true)
}

const hasFocus = (locator: Locator) =>
  locator.evaluate((element) => (element.getRootNode() as Document | ShadowRoot).activeElement === element)

/** As somebody would: one stop after the other until it is there. */
async function tabTo(page: Page, locator: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await locator.waitFor()
  for (let stops = 0; stops < 40; stops++) {
    if (await hasFocus(locator)) return
    await page.keyboard.press(key)
  }
  throw new Error(`Forty presses of ${key} do not reach ${locator}`)
}
