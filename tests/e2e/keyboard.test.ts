import { randomUUID } from 'node:crypto'
import type { FileChooser, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { sizes } from '../support/browser.ts'
import { focused, tabTo } from '../support/by-keyboard.ts'
import { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'
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

test('what the widget fetches beforehand takes the keyboard nowhere, and what goes hands it on', async () => {
  const agent = await stage.agentOffStage()
  const { page } = await stage.person('visitor')
  const visitor = new WidgetScreen(page)
  const asked = Promise.withResolvers<void>()
  await page.route('**/widget/assets/rooms-*.js', async (route) => {
    await asked.promise
    await route.continue()
  })
  await page.goto(stage.host.url)
  await tabTo(page, visitor.launcher)
  await page.keyboard.press('Enter')
  await tabTo(page, visitor.button('Chat with us'))
  const fetched = page.waitForEvent('requestfinished', (request) => /rooms-/.test(request.url()))
  asked.resolve()
  await fetched
  const frame = page.frames().find((one) => one.url().includes('/widget/frame'))
  // in the first of them it runs, and what it changes is drawn in the next
  await frame?.evaluate(async () => {
    for (let frames = 0; frames < 20; frames++) await new Promise(requestAnimationFrame)
  })
  await focused(visitor.button('Chat with us'))

  await page.keyboard.press('Enter')
  await visitor.field('Name').fill('Nora Falk')
  await visitor.field('Email').fill('nora@example.test')
  await visitor.message.fill('Are you there?')
  await visitor.button('Start chat').click()
  await agent.accepts()
  await tabTo(page, visitor.button('More'), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await focused(visitor.button('End chat'))
  await page.keyboard.press('Enter')
  await visitor.says('You ended the chat. Write again any time.')
  await focused(visitor.message)
})

test('single keys step through chats, and stay letters while one writes', async () => {
  const { agent } = await stage.chatInInbox({ name: 'Nina Berg', text: 'First' })
  const second = await stage.visitorOffStage({ name: 'Otto Lang', email: 'otto@example.test' })
  await second.asks('Second')
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

test('an agent finds, reads and notes by keyboard, and never loses the place', async () => {
  const { agent, visitor } = await stage.chatInInbox({
    name: 'Vera Lindt',
    text: 'Is the varnish food safe?',
  })
  const { page } = agent
  await page.keyboard.press('Escape')
  // a note, and back to writing to the visitor
  await page.keyboard.press('n')
  await focused(page.getByRole('textbox', { name: 'Note' }))
  await page.keyboard.type('Ask the lab')
  await page.keyboard.press('Enter')
  await agent.hears('Ask the lab')
  await page.keyboard.press('Escape')
  await page.keyboard.press('r')
  await focused(agent.message)
  await page.keyboard.type('It is.')
  await page.keyboard.press('Control+Enter')
  await visitor.hears('It is.')

  // what is to be done with the chat stands in a menu, where letters are no shortcuts
  await tabTo(page, agent.button('More actions'), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('menu').waitFor()
  await page.keyboard.press('e')
  expect(await page.getByRole('dialog').count()).toBe(0)
  await page.keyboard.press('Escape')
  await focused(agent.button('More actions'))

  // the visitor ends it: the composer goes, the keyboard stays in the content
  await page.keyboard.press('r')
  await focused(agent.message)
  await visitor.ends()
  await agent.button('Download transcript').waitFor()
  expect(await page.evaluate(() => document.activeElement?.closest('#content') !== null)).toBe(true)
  await tabTo(page, agent.button('Download transcript'))
  const download = page.waitForEvent('download')
  await page.keyboard.press('Enter')
  expect((await download).suggestedFilename()).toMatch(/\.txt$/)

  await tabTo(page, page.getByRole('tab', { name: 'Active' }), 'Shift+Tab')
  await page.keyboard.press('ArrowRight')
  await focused(page.getByRole('tab', { name: 'All' }))
  await tabTo(page, page.getByRole('searchbox'))
  // her row stands there before the search, too
  const found = page.waitForResponse(/conversations\?.*query=varnish/)
  await page.keyboard.type('varnish')
  await found
  await agent.rows.filter({ hasText: 'Vera Lindt' }).waitFor()
  await tabTo(page, agent.button('Filter by agent, outcome or date'))
  await page.keyboard.press('Enter')
  await focused(page.getByRole('combobox', { name: 'Agent' }))
  await page.keyboard.press('Escape')
  await focused(agent.button('Filter by agent, outcome or date'))
  await page.keyboard.press('Tab')
  await focused(agent.rows.filter({ hasText: 'Vera Lindt' }).getByRole('link'))
  await page.keyboard.press('Enter')
  await agent.hears('Ask the lab')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Shift+Tab')
  await focused(agent.button('Clear the search'))
  await page.keyboard.press('Enter')
  await focused(page.getByRole('searchbox'))
})

test('three columns become two and a drawer, then one after the other, and the keyboard goes along', async () => {
  const { agent } = await stage.chatInInbox({ name: 'Ines Roth', text: 'Is there a showroom?' })
  const { page } = agent
  const row = agent.rows.filter({ hasText: 'Ines Roth' })
  const seen = async () => Promise.all([row, agent.log, agent.visitor].map((column) => column.isVisible()))
  await agent.history.getByText('This chat').waitFor()
  expect(await seen()).toEqual([true, true, true])
  const widths = await page.locator('.list, .visitor').evaluateAll((all) => all.map((one) => one.clientWidth))
  expect(widths).toEqual([319, 339])

  await page.setViewportSize(sizes.laptop)
  await expect.poll(seen).toEqual([true, true, false])
  const opener = page.getByRole('button', { name: 'Show visitor' }).filter({ visible: true })
  await tabTo(page, opener, 'Shift+Tab')
  await page.keyboard.press('Enter')
  await focused(agent.visitor.getByRole('button', { name: 'Close Visitor' }))
  await agent.history.getByText('This chat').waitFor()
  await page.keyboard.press('Escape')
  await expect.poll(seen).toEqual([true, true, false])
  await focused(opener)

  await page.setViewportSize(sizes.phone)
  await expect.poll(seen).toEqual([false, true, false])
  await tabTo(page, page.getByRole('link', { name: 'Back to the list' }), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await expect.poll(seen).toEqual([true, false, false])
})

test('an admin keeps agents, sites and people by keyboard', async () => {
  const admin = await stage.agent({ profile: 'admin', name: 'Ada Berg' })
  // another one where this is tried again
  const once = randomUUID().slice(0, 8)
  const nils = `Nils ${once}`
  const { page } = admin
  await goTo(page, 'agents')
  await tabTo(page, admin.button('Add agent'))
  await page.keyboard.press('Enter')
  const adding = page.getByRole('dialog', { name: 'Add an agent' })
  await tabTo(page, adding.getByRole('textbox', { name: 'Name' }))
  await page.keyboard.type(nils)
  await page.keyboard.press('Tab')
  await page.keyboard.type(`nils.${once}@keyboard.test`)
  await page.keyboard.press('Tab')
  await page.keyboard.type('a long enough password')
  await page.keyboard.press('Enter')
  await adding.waitFor({ state: 'detached' })
  await focused(admin.button('Add agent'))
  const change = admin.button(`Change ${nils}`)
  await tabTo(page, change)
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Deactivate…' }).waitFor()
  await page.keyboard.type('Dea')
  await page.keyboard.press('Enter')
  const sure = page.getByRole('dialog', { name: `Deactivate ${nils}?` })
  await sure.waitFor()
  await page.keyboard.press('Escape')
  await sure.waitFor({ state: 'detached' })
  await focused(change)

  await goTo(page, 'paste')
  const title = page.getByRole('region', { name: 'Greeting' }).getByRole('textbox', { name: 'Title' })
  await tabTo(page, title)
  await page.keyboard.press('Control+a')
  await page.keyboard.type(`Good day ${once}`)
  await tabTo(page, admin.button('Save'))
  await page.keyboard.press('Enter')
  await page.getByText('Saved', { exact: true }).waitFor()
  await focused(admin.button('Save'))

  await goTo(page, 'people')
  const importCsv = admin.button('Import CSV').first()
  await tabTo(page, importCsv)
  await page.keyboard.press('Enter')
  const importing = page.getByRole('dialog', { name: 'Import people' })
  await tabTo(page, importing.getByLabel('Choose a CSV file'))
  let chooser: FileChooser | undefined
  page.once('filechooser', (opened) => {
    chooser = opened
  })
  // the browser opens none while the page is too busy to answer; people press again
  const opened = await waitFor(
    'the file chooser',
    async () => {
      if (!chooser) await page.keyboard.press('Enter')
      return chooser
    },
    { everyMs: 3_000 },
  )
  await opened.setFiles({
    name: 'people.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(`email,name\nolga.${once}@keyboard.test,Olga ${once}\n`),
  })
  await focused(importing.getByRole('button', { name: 'Done' }))
  await page.keyboard.press('Enter')
  await importing.waitFor({ state: 'detached' })
  await focused(importCsv)
  await page
    .getByRole('row')
    .filter({ hasText: `Olga ${once}` })
    .waitFor()
})

test('availability is changed by keyboard, and every stop can be seen', async () => {
  const agent = await stage.agent()
  const { page } = agent
  await agent.page.getByText('No chats right now').waitFor()
  await tabTo(page, agent.available)
  await page.keyboard.press('Space')
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('false')
  await page.keyboard.press('Tab')
  await focused(agent.button('Change until when'))
  await page.keyboard.press('Enter')
  await page.getByRole('menu').waitFor()
  await page.keyboard.type('Stay')
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Stay available until' })
  await dialog.waitFor()
  await tabTo(page, dialog.getByRole('button', { name: 'Stay available', exact: true }))
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })
  await focused(agent.button('Change until when'))
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('true')

  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  await page.reload()
  await agent.ready()
  const unseen: string[] = []
  for (let stops = 0; stops < 30; stops++) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(stopInView)
    if (stop === null) break
    if (!stop.seen) unseen.push(stop.html)
  }
  expect(unseen).toEqual([])
})

/** Runs in the page: what has the focus, and whether it is on the screen with a ring around it or the field it is in. */
function stopInView(): { html: string; seen: boolean } | null {
  const element = document.activeElement
  if (!element || element === document.body) return null
  const { width, bottom, top } = element.getBoundingClientRect()
  const around = [element, element.parentElement, element.parentElement?.parentElement]
  const ring = around.some((one) => {
    if (!one) return false
    const { outlineStyle, outlineWidth } = getComputedStyle(one)
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0
  })
  return {
    html: element.outerHTML.slice(0, 120),
    seen: ring && width > 3 && bottom > 0 && top < innerHeight,
  }
}

/** By Ctrl and K, to the one place that is found. */
async function goTo(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k')
  const field = page.getByRole('combobox', { name: 'Go to anything' })
  await focused(field)
  await page.keyboard.type(words)
  await page.getByRole('dialog').getByRole('option').first().waitFor()
  await expect.poll(() => page.getByRole('status').getByText('Searching…').count()).toBe(0)
  // pages of this name come first
  await page.keyboard.press('Enter')
  await field.waitFor({ state: 'detached' })
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.matches('#content, #content main[tabindex]')), {
      message: 'the keyboard is in the content',
    })
    .toBe(true)
}
