import { afterAll, beforeAll, expect, test } from 'vitest'
import { accessibilityProblems, screenshot, screenshots, sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { type MailServer, startMailServer } from '../workers/support/mail-server.ts'

let mailServer: MailServer
let stage: Stage
let without: Stage

beforeAll(async () => {
  mailServer = await startMailServer()
  stage = await setStage({ config: { smtpUrl: mailServer.url } })
  without = await setStage()
})
afterAll(() => mailServer.close())

test('an admin says whom mails are from, and sees whether they get out', async () => {
  const { page, row } = await stage.agent({ profile: 'admin', at: 'settings/mail' })
  await page.getByText(new URL(mailServer.url).host).waitFor()
  await page.getByLabel('From name').fill('Meridian Chat')
  await page.getByLabel('From address').fill('chat@meridian.test')
  await page.getByText('Not saved yet').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  await axeFindsNothing(page, 'Mail')
  await screenshots(page, 'mail-settings')
  await page.getByRole('button', { name: 'Send me a test' }).click()
  await page.getByText(`The mail server has taken it for ${row.email}.`).waitFor()
  expect(mailServer.received.map(({ from, to }) => [from, to])).toEqual([['chat@meridian.test', [row.email]]])

  await page.setViewportSize(sizes.desktop)
  await follow(page, 'settings/notifications')
  const choice = page.getByRole('radiogroup', { name: 'Missed chats' })
  expect(await choice.getByLabel('All').isChecked()).toBe(true)
  await choice.getByText('I was asked for').click()
  await page.getByRole('switch', { name: 'Actions that failed' }).click()
  await expect
    .poll(async () => {
      const { rows } = await stage.foyer.pool.query('select preferences from agents where id = $1', [row.id])
      return rows[0].preferences
    })
    .toMatchObject({ missedMail: 'asked', failureMail: false })
  expect(await accessibilityProblems(page)).toEqual([])
  await screenshot(page, 'mail-to-you')
})

test('without a mail server the page says so, and no visitor is promised mail', async () => {
  const { page } = await without.agent({
    profile: 'admin',
    schedule: never,
    at: 'settings/mail',
  })
  await page.getByText('Foyer has no mail server, so it sends no mail and promises none.').waitFor()
  expect(await page.getByRole('button', { name: 'Send me a test' }).count()).toBe(0)
  expect(await accessibilityProblems(page)).toEqual([])
  await screenshot(page, 'mail-settings-none')
  const visitor = await without.visitor()
  await visitor.open()
  await visitor.frame.getByRole('button', { name: /^Leave a message/ }).click()
  await visitor.field('Name').fill('Lena Koch')
  await visitor.field('Email').fill('lena.koch@example.test')
  await visitor.message.fill('Do you ship to Graz?')
  await visitor.button('Leave a message').click()
  await visitor.says('We will answer as soon as we can.')
  expect(await visitor.frame.getByText('lena.koch@example.test').count()).toBe(0)
})
