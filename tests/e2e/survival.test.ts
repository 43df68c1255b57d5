import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, launchProfile, openPerson } from '../support/browser.ts'
import { startHostPage } from '../support/host-page.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'
import { WidgetScreen } from '../support/widget-screen.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('a reload and a page change in the middle lose nothing, and the panel is open again', async () => {
  const agent = await stage.agent()
  // what a third party may store is Chromium's own rule
  const visitor = await stage.visitor({ whole: true })
  await visitor.asks({ text: 'First' })
  await agent.accept()
  await visitor.say('Second')
  await agent.hears('Second')
  await visitor.message.fill('half a sen')
  await expect.poll(() => kept(visitor.page)).toContain('half a sen')
  await visitor.page.reload()
  await visitor.says('Second')
  expect(await visitor.message.inputValue()).toBe('half a sen')

  await visitor.page.getByRole('link', { name: 'Prices' }).click()
  await visitor.page.getByRole('heading', { name: 'Prices' }).waitFor()
  await visitor.says('Second')
  await agent.say('I am still here')
  await visitor.says('I am still here')
  await visitor.say('And so am I')
  await agent.hears('And so am I')
  await agent.page.getByText('On /prices').waitFor()
  const said = ['First', 'Second', 'I am still here', 'And so am I']
  expect(await visitor.said()).toEqual(said)
  expect(await agent.said()).toEqual(said)
})

test('two tabs of the visitor are in step', async () => {
  const { agent, visitor, id } = await stage.chatInWidget({ text: 'Hello' })
  const tab = new WidgetScreen(await visitor.page.context().newPage())
  await tab.page.goto(stage.host.otherUrl)
  // open there as it is here
  await tab.says('Hello')
  await tab.say('From the second tab')
  await visitor.says('From the second tab')
  await visitor.say('From the first tab')
  await tab.says('From the first tab')
  await agent.says(id, 'One chat')
  const said = ['Hello', 'From the second tab', 'From the first tab', 'One chat']
  for (const side of [visitor, tab]) await waitFor('all of it', async () => same(await side.said(), said))
  expect((await stage.foyer.stateOf(id)).texts).toEqual(said)
})

test('what both write offline arrives once and in order when they are back', async () => {
  const { agent, visitor } = await stage.chat({ text: 'Before' })
  await visitor.page.context().setOffline(true)
  await visitor.says('Offline. What you send goes out when you’re back.')
  for (const text of ['One', 'Two', 'Three']) await visitor.say(text)
  await visitor.says('Waiting to send')
  await agent.say('Said meanwhile')
  await agent.log.getByText('Sent').waitFor()
  // a reload while offline would be no page at all; a draft stays where it is
  await visitor.message.fill('not sent yet')
  await visitor.page.context().setOffline(false)
  for (const text of ['One', 'Two', 'Three']) await agent.hears(text)
  await visitor.says('Said meanwhile')
  expect(await visitor.message.inputValue()).toBe('not sent yet')
  const said = ['Before', 'Said meanwhile', 'One', 'Two', 'Three']
  for (const side of [visitor, agent]) await waitFor('all of it', async () => same(await side.said(), said))

  await agent.page.context().setOffline(true)
  await agent.page.getByText('You are offline. What you send waits until the connection is back.').waitFor()
  for (const text of ['Four', 'Five']) await agent.say(text)
  await agent.log.getByText('Waiting to send').first().waitFor()
  await visitor.say('Heard later')
  await agent.page.context().setOffline(false)
  said.push('Heard later', 'Four', 'Five')
  for (const side of [visitor, agent]) await waitFor('all of it', async () => same(await side.said(), said))
})

test('where the browser lets a third party store, the frame keeps the chat to itself', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-profile-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  // every other browser here is a private one, where Chromium refuses
  const context = await launchProfile(folder)
  onTestFinished(() => context.close())
  const agent = await stage.agentOffStage()
  const visitor = new WidgetScreen(await context.newPage())
  await visitor.page.goto(stage.host.url)
  await visitor.asks({ text: 'Kept in the frame' })
  const { id } = await agent.accepts()
  await agent.says(id, 'Welcome')
  await visitor.says('Welcome')
  expect(await kept(visitor.page)).toMatch(/^\{"foyer:\w+":"\+"\}$/)
  await visitor.message.fill('half a sen')
  await visitor.page.goto(stage.host.otherUrl)
  await visitor.says('Welcome')
  expect(await visitor.message.inputValue()).toBe('half a sen')
})

test('where the browser refuses storage to a third party, the host page keeps the chat', async () => {
  const { page } = await stage.person('visitor')
  // as strict as a browser gets: the mere mention of its storage throws inside the frame
  await page.addInitScript(() => {
    if (window.top === window) return
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
      Object.defineProperty(window, name, {
        get: () => {
          throw new DOMException('Access is denied for this document', 'SecurityError')
        },
      })
  })
  const agent = await stage.agentOffStage()
  const visitor = new WidgetScreen(page)
  await page.goto(stage.host.url)
  await visitor.asks({ text: 'Without storage' })
  const { id } = await agent.accepts()
  await agent.says(id, 'Welcome')
  await visitor.says('Welcome')

  await page.goto(stage.host.otherUrl)
  await visitor.says('Welcome')
  await visitor.say('Still me')
  await agent.hears(id, 'Still me')
  expect((await stage.foyer.stateOf(id)).texts).toEqual(['Without storage', 'Welcome', 'Still me'])
})

test('a visitor without a chat leaves nothing behind in the browser', async () => {
  const visitor = await stage.visitor()
  await visitor.launcher.waitFor()
  expect(await visitor.page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).toEqual({})
  expect(await visitor.page.context().cookies()).toEqual([])
  expect(visitor.page.frames()).toHaveLength(1)
})

test('a message left without a line goes out by itself after a reload', async () => {
  const visitor = await stage.visitor()
  await visitor.open()
  await visitor.frame.getByRole('button', { name: /^Leave a message/ }).click()
  await visitor.field('Name').fill('Sofia Ricci')
  await visitor.field('Email').fill('sofia.ricci@northwind.test')
  await visitor.message.fill('Write to me')
  await visitor.page.route('**/api/v1/widget/messages', (route) => route.abort())
  await visitor.button('Leave a message').click()
  await visitor.says('Your message is on its way.')
  await visitor.page.unrouteAll()
  await visitor.page.reload()
  await visitor.says('We will answer as soon as we can.')
  expect(await visitor.said()).toEqual(['Write to me'])
})

test('a chat on pages without TLS, where browsers give less', async () => {
  // localhost and 127.0.0.1 count as secure; names do not
  const browser = await launchBrowser({ args: ['--host-resolver-rules=MAP *.plain.test 127.0.0.1'] })
  onTestFinished(() => browser.close())
  const foyer = stage.foyer.origin.replace('127.0.0.1', 'chat.plain.test')
  const host = await startHostPage({ foyer, siteKey: stage.foyer.site.key })
  onTestFinished(() => host.close())
  const agent = await stage.agentOffStage()
  const { page, errors } = await openPerson(browser)
  const visitor = new WidgetScreen(page)
  await page.goto(host.url.replace('localhost', 'shop.plain.test'))
  await visitor.asks({ text: 'In plain sight' })
  const given = () => [isSecureContext, 'randomUUID' in crypto]
  for (const frame of page.frames()) expect(await frame.evaluate(given)).toEqual([false, false])
  const { id } = await agent.accepts()
  await agent.says(id, 'Welcome')
  await visitor.says('Welcome')
  await visitor.say('Thank you')
  await agent.hears(id, 'Thank you')
  await page.reload()
  await visitor.says('Thank you')
  expect(await visitor.said()).toEqual(['In plain sight', 'Welcome', 'Thank you'])
  // Chromium says that it ignores this header of Foyer's here; nothing else may go wrong
  expect(errors.filter((error) => !error.startsWith('The Cross-Origin-Opener-Policy header'))).toEqual([])
})

/** What the host page's storage holds. */
const kept = (page: Page) => page.evaluate(() => JSON.stringify(localStorage))

const same = (one: string[], other: string[]) => one.join('\n') === other.join('\n')
