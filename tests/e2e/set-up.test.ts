import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { openPerson, sharedBrowser } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { startFoyerProcess } from '../support/foyer-process.ts'
import { startHostPage } from '../support/host-page.ts'
import { InboxScreen } from '../support/inbox-screen.ts'
import { WidgetScreen } from '../support/widget-screen.ts'

let browser: Browser

beforeAll(async () => {
  browser = await sharedBrowser()
})

test('from an empty folder to the first chat: link, set-up, sign-in, snippet', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-set-up-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const foyer = await startFoyerProcess('start', { FOYER_DATA_DIR: join(folder, 'data') })
  onTestFinished(async () => void (await foyer.stop()))
  await expect.poll(() => foyer.output).toContain('/setup#token=')
  const link = /http\S+\/setup#token=\S+/.exec(foyer.output)?.[0] ?? ''

  const admin = await openPerson(browser)
  onTestFinished(() => admin.context.close())
  const { page } = admin
  const field = (name: string) => page.getByRole('textbox', { name, exact: true })
  await page.goto(`${foyer.origin}/setup`)
  await page.getByText('This page opens with the set-up link that Foyer printed').waitFor()
  await axeFindsNothing(page, 'set-up without its link')
  // an address that differs in its fragment only is no new page
  await page.goto('about:blank')
  await page.goto(link)
  await field('Organisation name').fill('Meridian Industries')
  await page.getByRole('combobox', { name: 'Time zone' }).selectOption('Europe/Rome')
  await field('Name').fill('Ada Berg')
  await field('Email').fill('ada@meridian.test')
  await page.getByLabel('Password').fill('short')
  await field('Site name').fill('Web shop')
  await axeFindsNothing(page, 'set-up')
  await page.getByRole('button', { name: 'Set up Foyer' }).click()
  await expect.poll(() => page.getByLabel('Password').evaluate(isInvalid)).toBe(true)
  // what the browser lets through, Foyer refuses, and the field says so
  await page.getByLabel('Password').fill('a long enough password')
  await field('Email').fill('ada@meridian')
  await page.getByRole('button', { name: 'Set up Foyer' }).click()
  await expect.poll(() => field('Email').getAttribute('aria-invalid')).toBe('true')
  await axeFindsNothing(page, 'set-up with a wrong address')
  await field('Email').fill('ada@meridian.test')

  const late = await openPerson(browser)
  onTestFinished(() => late.context.close())
  await late.page.goto(link)
  await late.page.getByRole('button', { name: 'Set up Foyer' }).waitFor()

  await page.getByRole('button', { name: 'Set up Foyer' }).click()
  await page.getByRole('heading', { name: 'Meridian Industries is ready' }).waitFor()
  await axeFindsNothing(page, 'set up')
  const snippet = (await page.getByRole('group', { name: 'Install' }).textContent()) ?? ''
  expect(snippet).toContain('/widget.js')

  await fillIn(late.page)
  await late.page.getByRole('button', { name: 'Set up Foyer' }).click()
  await late.page.getByText('This set-up link has been used or has run out.').waitFor()
  await late.page.reload()
  await late.page.getByText('Foyer has been set up already.').waitFor()

  await page.getByRole('link', { name: 'Open the inbox' }).click()
  const inbox = new InboxScreen(page, foyer.origin)
  await inbox.ready()
  await page.context().clearCookies()
  await inbox.signIn({ email: 'ada@meridian.test', password: 'a long enough password' })
  if ((await inbox.available.getAttribute('aria-checked')) === 'false') await inbox.available.click()
  await expect.poll(() => inbox.available.getAttribute('aria-checked')).toBe('true')

  const host = await startHostPage({ foyer: foyer.origin, siteKey: '', snippet })
  onTestFinished(() => host.close())
  const visitor = await openPerson(browser)
  onTestFinished(() => visitor.context.close())
  const widget = new WidgetScreen(visitor.page)
  await visitor.page.goto(host.url)
  await widget.open()
  await widget.button('Chat with us').click()
  // the form is there whole, or not at all: only then can its fields be counted
  await widget.message.waitFor()
  for (const name of ['Name', 'Email'])
    if ((await widget.field(name).count()) > 0)
      await widget.field(name).fill(name === 'Email' ? 'first@visitor.test' : 'First Visitor')
  await widget.message.fill('Is this thing on?')
  await widget.button('Start chat').click()
  await widget.log.waitFor()
  await inbox.accept()
  await inbox.hears('Is this thing on?')
}, 120_000)

const isInvalid = (element: Element) => element.matches(':invalid, [aria-invalid]')

async function fillIn(page: Page): Promise<void> {
  const field = (name: string) => page.getByRole('textbox', { name, exact: true })
  await field('Organisation name').fill('Somebody else')
  await field('Name').fill('Eve')
  await field('Email').fill('eve@example.test')
  await page.getByLabel('Password').fill('a long enough password')
  await field('Site name').fill('Other')
}
