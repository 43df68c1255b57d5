import { randomUUID } from 'node:crypto'
import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { caldav } from '#connectors/caldav/index.ts'
import { googleCalendar } from '#connectors/google-calendar/index.ts'
import { createGoogleStandIn } from '#connectors/google-calendar/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { aCaldavVendor } from '../connectors/caldav/a-vendor.ts'
import { startRadicale } from '../connectors/caldav/radicale.ts'
import { screenshot, sizes } from '../support/browser.ts'
import { canBeMet } from '../support/can-be-met.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { atFileEnd } from '../support/file-end.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

// Settings → My calendar: Google's consent is a stand-in's page, the CalDAV server is a real Radicale
let stage: Stage
let google: ReturnType<typeof createGoogleStandIn>
let dav: Awaited<ReturnType<typeof aCaldavVendor>>

beforeAll(async () => {
  google = createGoogleStandIn({
    consent: 'page',
    now: () => stage?.foyer.clock.now().getTime() ?? Date.now(),
  })
  const [vendor, radicale] = await Promise.all([serveStandIn(google.handle), startRadicale()])
  atFileEnd(() => vendor.close())
  dav = await aCaldavVendor(radicale)
  atFileEnd(() => dav.close())
  stage = await setStage({
    connectors: [googleCalendar, caldav],
    config: { standIns: { 'google-calendar': vendor.origin, caldav: dav.origin } },
  })
  stage.foyer.app.services.config.publicUrl = stage.foyer.origin
  const admin = await stage.foyer.agent({ profile: 'admin', online: false })
  await admin.http.post('/connections', {
    connector: 'google-calendar',
    clientId: 'stand-in-app',
    clientSecret: 'stand-in-secret',
  })
})

/** Somebody whose account at Google has three calendars. */
async function anAgent(name: string) {
  const account = `${randomUUID()}@foyer.test`
  google.store.addCalendar({ id: account, owner: account, summary: 'Mine', timeZone: 'Europe/Berlin' })
  google.store.addCalendar({ id: `team-${account}`, owner: account, summary: 'Showroom' })
  google.store.addCalendar({
    id: `off-${account}`,
    owner: account,
    summary: 'Holidays',
    accessRole: 'reader',
  })
  return stage.agent({ name, email: account, at: 'settings/my-calendar' })
}

const own = (page: Page) => page.getByRole('region', { name: 'My calendar' })

async function agreeAtGoogle(page: Page, answer: 'Allow' | 'Deny'): Promise<void> {
  await page.getByRole('heading', { name: 'Allow access?' }).waitFor()
  await page.getByRole('link', { name: answer }).click()
}

test('Foyer’s own calendar is there from the start, and says what connecting one changes', async () => {
  const { page } = await anAgent('Own Olsen')
  await own(page).getByRole('heading', { name: 'Foyer’s own calendar' }).waitFor()
  await own(page).getByText('Meetings can be booked at once and are mailed as .ics.').waitFor()
  for (const name of ['Connect CalDAV', 'Connect Google Calendar'])
    expect(await own(page).getByRole('button', { name }).count()).toBe(1)
  // times by the settings as they are
  await page
    .getByRole('region', { name: 'Next times by these settings' })
    .getByRole('listitem')
    .first()
    .waitFor()
  await axeFindsNothing(page, 'My calendar')
  for (const [size, viewport] of Object.entries(sizes))
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await screenshot(page, `my-calendar-own-${size}-${colorScheme}`)
      // nothing of it is cut off sideways
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
    }
})

test('Google: agreed to in the browser, calendars chosen, tested, disconnected', async () => {
  const { page } = await anAgent('Greta Google')
  await page.getByRole('button', { name: 'Connect Google Calendar' }).click()
  await agreeAtGoogle(page, 'Allow')
  await page.getByText('Your calendar is connected.').waitFor()
  await own(page).getByRole('heading', { name: 'Mine' }).waitFor()
  await own(page)
    .getByText(/^Makes video links with Google Meet/)
    .waitFor()
  // a reload does not say it again
  await page.reload()
  await own(page).getByRole('heading', { name: 'Mine' }).waitFor()
  expect(await page.getByText('Your calendar is connected.').count()).toBe(0)

  await own(page).getByRole('button', { name: 'Choose calendar' }).click()
  const form = page.getByRole('form', { name: 'Choose calendar' })
  await form.getByText('those booked before stay where they are').waitFor()
  expect(await form.getByRole('radio', { name: /^Holidays/ }).isDisabled()).toBe(true)
  await form.getByRole('radio', { name: 'Showroom' }).check()
  await form.getByRole('checkbox', { name: 'Mine' }).check()
  await form.getByRole('checkbox', { name: 'Holidays' }).check()
  await screenshot(page, 'my-calendar-choose')
  await axeFindsNothing(page, 'choosing calendars')
  await form.getByRole('button', { name: 'Use this calendar' }).click()
  await page.getByText('Meetings go into Showroom.').waitFor()
  await own(page).getByRole('heading', { name: 'Showroom' }).waitFor()
  await own(page).getByRole('button', { name: 'Test' }).click()
  await page.getByText(/^It works: .+ answers\.$/).waitFor()

  await own(page).getByRole('button', { name: 'Disconnect' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect', exact: true }).click()
  await page.getByText('Google Calendar is disconnected.').waitFor()
  await own(page).getByRole('heading', { name: 'Foyer’s own calendar' }).waitFor()
})

test('who does not agree at Google is told so once, and can begin again', async () => {
  const { page } = await anAgent('Denise Denial')
  await page.getByRole('button', { name: 'Connect Google Calendar' }).click()
  await agreeAtGoogle(page, 'Deny')
  await page.getByText('You did not agree at the provider').waitFor()
  const said = (await page.locator('main').textContent()) ?? ''
  expect(said.match(/did not agree|agree to it/gi)).toHaveLength(2)
  expect(said.match(/not connected yet/gi)).toHaveLength(1)
  await screenshot(page, 'my-calendar-denied')
  await own(page).getByRole('button', { name: 'Connect again' }).click()
  await agreeAtGoogle(page, 'Allow')
  await own(page).getByRole('heading', { name: 'Mine' }).waitFor()
  expect(await page.getByText('did not agree').count()).toBe(0)
})

test('a grant that was taken back is shown, takes the agent out of booking, and is repaired here', async () => {
  const broken = await anAgent('Bruno Broken')
  const { page } = broken
  await page.getByRole('button', { name: 'Connect Google Calendar' }).click()
  await agreeAtGoogle(page, 'Allow')
  await own(page).getByRole('heading', { name: 'Mine' }).waitFor()
  await canBeMet(stage.foyer.pool, broken.row.id)

  google.oauth.revokeFrom(broken.row.email)
  await own(page).getByRole('button', { name: 'Test' }).click()
  await own(page).getByText('Reconnect needed', { exact: true }).waitFor()
  expect(await page.getByText(/does not accept our access any more/).count()).toBe(1)
  await screenshot(page, 'my-calendar-broken')
  await axeFindsNothing(page, 'a broken calendar')
  // whoever shares calendars sees why this one cannot be had
  const visitor = await stage.visitorOffStage()
  await visitor.asks()
  await broken.accept()
  await page.keyboard.press('Escape')
  await page.keyboard.press('c')
  const dialog = page.getByRole('dialog', { name: 'Share calendar' })
  const option = dialog.getByRole('radio', { name: /^Bruno Broken/ })
  await option.waitFor()
  expect(await option.isDisabled()).toBe(true)
  await screenshot(page, 'share-broken')
  await page.keyboard.press('Escape')

  await follow(page, 'settings/my-calendar')
  await own(page).getByRole('button', { name: 'Connect again' }).click()
  await agreeAtGoogle(page, 'Allow')
  await page.getByText('Your calendar is connected.').waitFor()
  // the first reading comes behind, and the page follows it
  await own(page)
    .getByText(/^Busy time read /)
    .waitFor()
  expect(await own(page).getByText('Reconnect needed', { exact: true }).count()).toBe(0)
})

test('a calendar that was deleted at Google is shown, and another one of the account is chosen here', async () => {
  const { page, row } = await anAgent('Delia Deleted')
  await page.getByRole('button', { name: 'Connect Google Calendar' }).click()
  await agreeAtGoogle(page, 'Allow')
  await own(page)
    .getByText(/^Busy time read /)
    .waitFor()
  google.store.calendars.delete(row.email)
  await stage.foyer.pool.query(`update calendar_feeds set next_at = 'epoch'`)
  await expect
    .poll(
      async () => {
        await page.evaluate(() => dispatchEvent(new Event('focus')))
        return own(page).getByText('Cannot be used now', { exact: true }).count()
      },
      { timeout: 30_000 },
    )
    .toBe(1)
  await own(page)
    .getByText(/^Google has no such calendar/)
    .waitFor()
  await screenshot(page, 'my-calendar-deleted')
  await axeFindsNothing(page, 'a calendar that was deleted')
  await own(page).getByRole('button', { name: 'Choose calendar' }).click()
  const form = page.getByRole('form', { name: 'Choose calendar' })
  await form.getByRole('radio', { name: 'Showroom' }).check()
  await form.getByRole('button', { name: 'Use this calendar' }).click()
  await page.getByText('Meetings go into Showroom.').waitFor()
  await own(page).getByText('Connected', { exact: true }).waitFor()
  await own(page)
    .getByText(/^Busy time read /)
    .waitFor()
})

test('CalDAV: a name and a password for a real server, wrong at first, and its busy time counts', async () => {
  const agent = await anAgent('Carla Caldav')
  const { page } = agent
  await page.getByRole('button', { name: 'Connect CalDAV' }).click()
  const form = page.getByRole('form', { name: 'Connect CalDAV' })
  await form.getByRole('button', { name: 'Connect CalDAV' }).click()
  await form.getByText('User name is needed.').waitFor()
  await screenshot(page, 'my-calendar-caldav')
  await axeFindsNothing(page, 'the form for CalDAV')
  await form.getByRole('textbox', { name: /address/i }).fill(`${dav.origin}/`)
  await form.getByRole('textbox', { name: 'User name' }).fill(dav.client.id)
  await form.getByLabel('App password').fill('guessed')
  await form.getByRole('button', { name: 'Connect CalDAV' }).click()
  await form.getByText(/does not take this name and password/).waitFor()
  await screenshot(page, 'my-calendar-caldav-refused')
  await form.getByLabel('App password').fill(dav.client.secret)
  await form.getByRole('button', { name: 'Connect CalDAV' }).click()
  // two calendars, and which is meant only the agent knows
  const choose = page.getByRole('form', { name: 'Choose calendar' })
  await choose.getByRole('radio', { name: 'Calendar main' }).check()
  await choose.getByRole('button', { name: 'Use this calendar' }).click()
  await page.getByText('Meetings go into Calendar main.').waitFor()
  await own(page)
    .getByText(/^Busy time read /)
    .waitFor()
  // the password is nowhere on the page
  expect(await page.content()).not.toContain(dav.client.secret)
})

test('hours, buffers and notice are saved, and two who save at once are told', async () => {
  const agent = await anAgent('Hanna Hours')
  const { page } = agent
  const form = page.getByRole('form', { name: 'How you can be met' })
  const next = page.getByRole('region', { name: 'Next times by these settings' })
  await next.getByRole('listitem').first().waitFor()
  await form.getByRole('textbox', { name: 'Duration (minutes)' }).fill('0')
  await form.getByText('A whole number from 1 to 1,440.').waitFor()
  await form.getByRole('textbox', { name: 'Duration (minutes)' }).fill('45')
  await form.getByRole('textbox', { name: 'Buffer before (minutes)' }).fill('10')
  await form.getByRole('textbox', { name: 'Buffer after (minutes)' }).fill('15')
  await form.getByRole('textbox', { name: 'Minimum notice (minutes)' }).fill('240')
  await form.getByRole('textbox', { name: 'Title' }).fill('Showroom: {{nobody}}')
  await form.getByText('Not saved yet').waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  // what Foyer refuses stands at its field
  await form
    .getByText(/Between \{\{ and \}\} stands one of/)
    .first()
    .waitFor()
  await form.getByRole('textbox', { name: 'Title' }).fill('Showroom: {{name}}')
  await form.getByRole('button', { name: 'Save' }).click()
  await form.getByText('Saved', { exact: true }).waitFor()
  await axeFindsNothing(page, 'saved settings')
  const settingsOf = async () => {
    const { rows } = await stage.foyer.pool.query<{ settings: Record<string, unknown> }>(
      'select settings from meeting_settings where agent_id = $1',
      [agent.row.id],
    )
    return rows[0]?.settings
  }
  expect(await settingsOf()).toMatchObject({
    durationMinutes: 45,
    bufferBeforeMinutes: 10,
    bufferAfterMinutes: 15,
    noticeMinutes: 240,
    title: 'Showroom: {{name}}',
  })

  // the same agent in another window was faster
  const other = await page.context().newPage()
  await other.goto(`${stage.foyer.origin}/inbox/settings/my-calendar`)
  const others = other.getByRole('form', { name: 'How you can be met' })
  await others.getByRole('textbox', { name: 'Minimum notice (minutes)' }).fill('60')
  await others.getByRole('button', { name: 'Save' }).click()
  await others.getByText('Saved', { exact: true }).waitFor()
  await form.getByRole('textbox', { name: 'Duration (minutes)' }).fill('20')
  await form.getByRole('button', { name: 'Save' }).click()
  const told = form.getByRole('alert').filter({ has: page.getByRole('button', { name: 'Keep mine' }) })
  await told.waitFor()
  await screenshot(page, 'my-calendar-conflict')
  await told.getByRole('button', { name: 'Load theirs' }).click()
  expect(await form.getByRole('textbox', { name: 'Minimum notice (minutes)' }).inputValue()).toBe('60')
  expect(await form.getByRole('textbox', { name: 'Duration (minutes)' }).inputValue()).toBe('45')
  expect(await settingsOf()).toMatchObject({ durationMinutes: 45, noticeMinutes: 60 })

  await form.getByRole('textbox', { name: 'Duration (minutes)' }).fill('25')
  await others.getByRole('textbox', { name: 'Minimum notice (minutes)' }).fill('30')
  await others.getByRole('button', { name: 'Save' }).click()
  await others.getByText('Saved', { exact: true }).waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  await told.getByRole('button', { name: 'Keep mine' }).click()
  await form.getByText('Saved', { exact: true }).waitFor()
  expect(await settingsOf()).toMatchObject({ durationMinutes: 25, noticeMinutes: 60 })
  await other.close()
})

test('a calendar is connected and set up by keyboard alone, on a phone too', async () => {
  const agent = await anAgent('Kim Keys')
  const { page } = agent
  const { keyboard } = page
  await page.setViewportSize(sizes.phone)
  await own(page).getByRole('heading', { name: 'Foyer’s own calendar' }).waitFor()
  /** Tabs until what is named has the keyboard. */
  const reach = async (role: 'button' | 'textbox' | 'radio', name: string) => {
    const wanted = page.getByRole(role, { name, exact: true }).first()
    for (let stop = 0; stop < 150; stop++) {
      await keyboard.press('Tab')
      if ((await wanted.count()) > 0 && (await wanted.evaluate((it) => it === document.activeElement))) return
    }
    throw new Error(`The keyboard does not reach ${name}`)
  }
  /** Waits until what is named has the keyboard. */
  const has = (role: 'button' | 'textbox' | 'radio', name: string) =>
    expect
      .poll(() => page.getByRole(role, { name, exact: true }).evaluate((it) => it === document.activeElement))
      .toBe(true)
  await reach('button', 'Connect CalDAV')
  await keyboard.press('Enter')
  await has('textbox', 'Server address')
  await screenshot(page, 'my-calendar-caldav-phone')
  // thought better of: the keyboard is where it was
  await reach('button', 'Cancel')
  await keyboard.press('Enter')
  await has('button', 'Connect CalDAV')
  await keyboard.press('Enter')
  await has('textbox', 'Server address')
  // nothing filled in: the first that is needed is said and reached
  await keyboard.press('Enter')
  await page.getByText('Server address is needed.').waitFor()
  await has('textbox', 'Server address')
  await keyboard.type(`${dav.origin}/`)
  await keyboard.press('Tab')
  await keyboard.type(dav.client.id)
  await keyboard.press('Tab')
  await keyboard.type(dav.client.secret)
  await keyboard.press('Enter')
  const choose = page.getByRole('form', { name: 'Choose calendar' })
  await choose.getByRole('radio', { name: 'Calendar main' }).waitFor()
  await expect.poll(() => choose.evaluate((form) => form.contains(document.activeElement))).toBe(true)
  await keyboard.press('Space')
  await screenshot(page, 'my-calendar-choose-phone')
  await reach('button', 'Use this calendar')
  await keyboard.press('Enter')
  await page.getByText(/^Meetings go into Calendar /).waitFor()
  await has('button', 'Choose calendar')
  await reach('textbox', 'Duration (minutes)')
  await keyboard.press('ControlOrMeta+a')
  await keyboard.type('40')
  await keyboard.press('Enter')
  await page.getByText('Saved', { exact: true }).waitFor()
})
