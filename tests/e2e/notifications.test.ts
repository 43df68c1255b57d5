import { afterAll, beforeAll, expect, test } from 'vitest'
import { screenshots, sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { follow, InboxScreen } from '../support/inbox-screen.ts'
import { type FakeBrowser, PushService } from '../support/push-service.ts'
import { PushedBrowser } from '../support/pushed-browser.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage
let service: PushService

beforeAll(async () => {
  service = await PushService.start()
  stage = await setStage({ config: { pushUrl: service.origin } })
})

afterAll(() => service.close())

const tom = { name: 'Tom Becker', email: 'tom@contoso.test' }

/** An agent whose browser may tell of chats, with the inbox open. */
async function notified(name: string): Promise<{
  inbox: InboxScreen
  screen: PushedBrowser
  device: FakeBrowser
  row: { email: string; password: string }
}> {
  const row = await stage.hire({ name })
  // the engine alone shows none
  const { context, page } = await stage.person(name, {}, { whole: true })
  const device = service.browser()
  const screen = await PushedBrowser.prepare(context, stage.foyer.origin, device)
  const inbox = new InboxScreen(page, stage.foyer.origin)
  await page.bringToFront()
  await inbox.enter(row)
  await context.grantPermissions(['notifications'], { origin: stage.foyer.origin })
  await inbox.button('Enable notifications').click()
  await inbox.button('Enable notifications').waitFor({ state: 'detached' })
  await expect.poll(() => devices(row.email)).toBe(1)
  return { inbox, screen, device, row }
}

const devices = async (email: string) => {
  const { rows } = await stage.foyer.pool.query(
    `select from push_subscriptions s join agents a on a.id = s.agent_id where a.email = $1 and s.gone_at is null`,
    [email],
  )
  return rows.length
}
/** What was said so far has been seen by this agent; chats of earlier tests may go on. */
const allRead = (email: string) =>
  expect
    .poll(async () => {
      const { rows } = await stage.foyer.pool.query(
        `select from conversations c join agents a on a.id = c.agent_id
         where c.status = 'active' and c.agent_read_seq < c.last_seq and a.email = $1`,
        [email],
      )
      return rows.length
    })
    .toBe(0)
/** Delivers the next push of this kind, and waits until the worker says that it is shown: asked in between what is shown,
 *  Chromium takes what it is about to show for gone, and forgets it. */
async function tell(screen: PushedBrowser, kind: 'offer' | 'message', email: string): Promise<void> {
  await screen.deliver(kind)
  await expect
    .poll(async () => {
      const { rows } = await stage.foyer.pool.query<{ isShown: boolean }>(
        `select p.shown_at is not null as "isShown" from pushes p join agents a on a.id = p.agent_id
         where a.email = $1 and p.kind = $2 order by p.created_at desc limit 1`,
        [email, kind],
      )
      return rows[0]?.isShown
    })
    .toBe(true)
}
const closed = (inbox: InboxScreen) => inbox.page.goto('about:blank')

test('a bar asks until the agent has decided, and the device can be tried and taken off', async () => {
  const { inbox, screen, row } = await notified('Dana Weber')
  const { page } = inbox
  await follow(page, 'settings/notifications')
  await page.getByText('Notifications are on here.').waitFor()
  expect(await inbox.button('Enable notifications').count()).toBe(0)
  await page.getByText('Chrome on Linux').waitFor()
  await page.getByText('Nothing sent yet').waitFor()
  await axeFindsNothing(page, 'Notifications')
  await screenshots(page, 'notification-settings')
  await page.setViewportSize(sizes.desktop)
  await page.getByRole('button', { name: 'Send me a test on Chrome on Linux' }).click()
  await screen.deliver('test')
  await page.getByText('It was shown.').waitFor()
  expect(await screen.shown()).toMatchObject([
    { title: 'Notifications work here', url: '/inbox/settings/notifications' },
  ])
  await page.getByRole('button', { name: 'Remove Chrome on Linux' }).click()
  await page.getByText('No device yet').waitFor()
  await page.getByText('Notifications are off here.').waitFor()
  expect(await devices(row.email)).toBe(0)
  // a decision: the bar does not come back
  await page.reload()
  await inbox.available.waitFor()
  await page.getByText('Notifications are off here.').waitFor()
  expect(await page.getByRole('button', { name: 'Not now' }).count()).toBe(0)
})

test('with the inbox closed a visitor who asks is shown on the device, and goes when the request does', async () => {
  const { inbox, screen, device, row } = await notified('Aiko Tanaka')
  await closed(inbox)
  const visitor = await stage.visitorOffStage(tom)
  const { id } = await visitor.asks('Do you ship to Graz?')
  await tell(screen, 'offer', row.email)
  await expect
    .poll(() => screen.shown())
    .toMatchObject([{ title: 'Tom Becker wants to chat', body: 'Do you ship to Graz?' }])
  await visitor.ends(id)
  await screen.deliver('close')
  await expect.poll(() => screen.shown()).toEqual([])

  // what comes late, the very same push, shows nothing any more
  const [late] = device.received
  if (late) await screen.deliverAgain(late.payload)
  const receipts = async () => {
    const { rows } = await stage.foyer.pool.query<{ shown: boolean }>(
      `select shown_at is not null as shown from pushes where kind = 'offer' order by created_at desc limit 1`,
    )
    return rows
  }
  expect(await receipts()).toEqual([{ shown: true }])
  expect(await screen.shown()).toEqual([])
})

test('signed out the device says only that somebody waits; a click leads through the sign-in to the offer', async () => {
  const { inbox, screen, row } = await notified('Marco Bianchi')
  await inbox.page.getByRole('button', { name: /your profile/ }).click()
  await inbox.page.getByRole('menuitem', { name: 'Sign out' }).click()
  await inbox.button('Sign in').waitFor()
  await closed(inbox)
  const visitor = await stage.visitorOffStage(tom)
  const { id } = await visitor.asks('A private matter')
  await tell(screen, 'offer', row.email)
  await expect.poll(() => screen.shown()).toMatchObject([{ title: 'A visitor is waiting', body: '' }])
  const [{ url } = { url: '' }] = await screen.shown()
  await inbox.page.goto(stage.foyer.origin + url)
  await inbox.page.getByRole('textbox', { name: 'Email' }).fill(row.email)
  await inbox.page.getByLabel('Password').fill(row.password)
  await inbox.button('Sign in').click()
  await inbox.offers.waitFor()
  await inbox.accept()
  expect(await stage.foyer.stateOf(id)).toMatchObject({ status: 'active' })
  // the same click again, later: the chat is one's own by now
  await inbox.page.goto(stage.foyer.origin + url)
  await inbox.hears('A private matter')
})

test('whoever clicks too late reads who took it', async () => {
  const { inbox, screen, row } = await notified('Dana Late')
  await closed(inbox)
  const visitor = await stage.visitorOffStage(tom)
  await visitor.asks('Anybody?')
  await tell(screen, 'offer', row.email)
  await expect.poll(async () => (await screen.shown()).length).toBe(1)
  const [{ url } = { url: '' }] = await screen.shown()
  const marco = await stage.agentOffStage({ name: 'Marco Quick' })
  const { rows } = await stage.foyer.pool.query<{ id: string }>(
    `select id from offers where state = 'pending' order by offered_at desc limit 1`,
  )
  // the first one lets it pass
  await stage.foyer.pool.query(`update offers set expires_at = $2 where id = $1`, [
    rows[0]?.id,
    stage.foyer.clock.now(),
  ])
  await marco.accepts()
  await inbox.page.goto(stage.foyer.origin + url)
  await inbox.page.getByText('Marco Quick took the chat with Tom Becker.').waitFor()
})

test('a click brings the inbox that is open to the chat', async () => {
  const { inbox, screen, row } = await notified('Dana Open')
  const visitor = await stage.visitorOffStage()
  await visitor.asks('First')
  await inbox.accept()
  await allRead(row.email)
  // somewhere else in the inbox, and nobody sees it
  await follow(inbox.page, 'settings/preferences')
  await inbox.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await visitor.says('Still there?')
  await tell(screen, 'message', row.email)
  await expect.poll(() => screen.shown()).toMatchObject([{ body: 'Still there?' }])
  await screen.click()
  await inbox.hears('Still there?')
  await expect.poll(() => screen.shown()).toEqual([])
})

test('one tab of a browser sounds; the title counts and flashes', async () => {
  const row = await stage.hire({ name: 'Dana Sounds' })
  const { context, page } = await stage.person('dana')
  await context.addInitScript(() => {
    const start = OscillatorNode.prototype.start
    const heard = window as unknown as { heard: number; loudest: number }
    heard.heard = 0
    heard.loudest = 0
    const rise = AudioParam.prototype.linearRampToValueAtTime
    AudioParam.prototype.linearRampToValueAtTime = function (value, at) {
      heard.loudest = Math.max(heard.loudest, value)
      return rise.call(this, value, at)
    }
    OscillatorNode.prototype.start = function (...when) {
      heard.heard++
      return start.apply(this, when)
    }
    const contexts: AudioContext[] = []
    window.AudioContext = class extends AudioContext {
      constructor() {
        super()
        contexts.push(this)
      }
    }
    Object.assign(window, { running: () => contexts.some(({ state }) => state === 'running') })
  })
  const first = new InboxScreen(page, stage.foyer.origin)
  await first.enter(row)
  const second = new InboxScreen(await context.newPage(), stage.foyer.origin)
  await second.page.goto(`${stage.foyer.origin}/inbox`)
  await second.ready()
  for (const tab of [first, second]) await tab.page.locator('body').click({ position: { x: 5, y: 700 } })
  const heard = async () =>
    Promise.all(
      [first, second].map(({ page }) => page.evaluate(() => (window as unknown as { heard: number }).heard)),
    )
  // a silent one that runs takes a twenty-fifth of a core, all day
  const running = async () =>
    Promise.all(
      [first, second].map(({ page }) =>
        page.evaluate(() => (window as unknown as { running: () => boolean }).running()),
      ),
    )
  await expect.poll(running).toEqual([false, false])
  const titles: string[] = []
  const visitor = await stage.visitorOffStage(tom)
  await visitor.asks('Hello')
  await Promise.all([first.offers.waitFor(), second.offers.waitFor()])
  await expect.poll(async () => (await heard()).filter((n) => n > 0).length).toBe(1)
  const [before] = (await heard()).sort((a, b) => b - a)
  // it goes on while the offer waits
  await expect.poll(async () => Math.max(...(await heard()))).toBeGreaterThan(before ?? 0)
  expect((await heard()).filter((n) => n > 0)).toHaveLength(1)
  await expect
    .poll(async () => {
      titles.push(await second.page.title())
      return (
        titles.some((title) => title.startsWith('● Chat from Tom Becker')) &&
        titles.some((title) => title.startsWith('Inbox'))
      )
    })
    .toBe(true)
  await first.page.bringToFront()
  await first.accept()
  await second.offers.waitFor({ state: 'detached' })
  await expect.poll(running).toEqual([false, false])
  await allRead(row.email)
  const loudest = () =>
    Promise.all(
      [first, second].map(({ page }) =>
        page.evaluate(() => {
          const { loudest } = window as unknown as { loudest: number }
          Object.assign(window, { heard: 0, loudest: 0 })
          return loudest
        }),
      ),
    )
  const ofOffer = Math.max(...(await loudest()))
  await follow(first.page, 'settings/preferences')
  await visitor.says('One')
  await visitor.says('Two')
  await expect.poll(() => second.page.title()).toMatch(/^\(2\) /)
  // a softer sound, in one tab as well
  await expect.poll(async () => (await heard()).filter((n) => n > 0).length).toBe(1)
  const ofMessage = Math.max(...(await loudest()))
  expect(ofMessage).toBeGreaterThan(0)
  expect(ofMessage).toBeLessThan(ofOffer)
})

test('a browser that lets no page sound by itself says so, until somebody clicks', async () => {
  const row = await stage.hire({ name: 'Dana Silent' })
  // what may sound is a rule of the whole Chromium
  const { page } = await stage.person('silent', {}, { whole: true })
  // nobody has touched this page yet, and no other tab sounds for it
  await new InboxScreen(page, stage.foyer.origin).enter(row)
  const bar = page.getByText('Sound is off until you click here.')
  await bar.click()
  await bar.waitFor({ state: 'detached' })
})

test('a browser that blocks notifications is told how to allow them', async () => {
  const row = await stage.hire({ name: 'Dana Blocked' })
  const { context, page } = await stage.person('blocked')
  await context.addInitScript(() =>
    Object.defineProperty(Notification, 'permission', { get: () => 'denied' }),
  )
  await new InboxScreen(page, stage.foyer.origin).enter(row)
  expect(await page.getByRole('button', { name: 'Not now' }).count()).toBe(0)
  await follow(page, 'settings/notifications')
  await page.getByText('This browser blocks notifications of Foyer.').waitFor()
  await page.getByText('Click the icon left of the address').waitFor()
})

test('on an iPhone Foyer has to be added to the home screen first', async () => {
  const row = await stage.hire({ name: 'Dana Phone' })
  const { context, page } = await stage.person('phone', {
    viewport: sizes.phone,
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
  })
  await context.addInitScript(() => {
    // as Safari on iPhone outside the home screen
    delete (window as { PushManager?: unknown }).PushManager
  })
  await new InboxScreen(page, stage.foyer.origin).enter(row)
  await page.getByText('add Foyer to the home screen first').waitFor()
  await page.getByRole('link', { name: 'How to' }).click()
  await page.getByText('Tap Share, then Add to Home Screen.').waitFor()
  const answer = await page.request.get(`${stage.foyer.origin}/inbox/manifest.webmanifest`)
  const manifest = (await answer.json()) as { icons: { src: string }[] }
  for (const { src } of manifest.icons)
    expect((await page.request.get(stage.foyer.origin + src)).headers()['content-type']).toBe('image/png')
  const seen = await (await context.newCDPSession(page)).send('Page.getAppManifest')
  expect(seen).toMatchObject({
    url: `${stage.foyer.origin}/inbox/manifest.webmanifest`,
    errors: [],
    manifest: { startUrl: `${stage.foyer.origin}/inbox/`, display: 'kStandalone' },
  })
})
