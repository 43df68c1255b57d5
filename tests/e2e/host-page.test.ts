import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page, Request } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { focused, tabTo } from '../support/by-keyboard.ts'
import { startHostPage } from '../support/host-page.ts'
import { follow, InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { waitFor } from '../support/wait.ts'
import { WidgetScreen } from '../support/widget-screen.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage({
    // as strict as it gets with the widget on the page
    host: (foyer) => ({
      csp: [
        "default-src 'none'",
        `script-src ${foyer}`,
        `connect-src ${foyer}`,
        `frame-src ${foyer}`,
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join('; '),
    }),
  })
})

test('a whole chat breaks no rule of a strict Content-Security-Policy, the page’s or Foyer’s own', async () => {
  const agent = await stage.agentOffStage()
  const { page, errors } = await stage.person('visitor')
  const violations: string[] = []
  await page.exposeFunction('violated', (what: string) => violations.push(what))
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) => {
      const { violated } = window as unknown as { violated: (what: string) => void }
      violated(`${location.host}: ${violatedDirective} ${blockedURI} ${sourceFile}`)
    })
  })
  const visitor = new WidgetScreen(page)
  await page.goto(stage.host.url)
  await visitor.asks({ text: 'See https://example.com/a?b=c' })
  const { id } = await agent.accepts()
  await agent.says(id, 'Thank you')
  await visitor.says('Thank you')
  await visitor.endsChat()
  await page.goto(stage.host.otherUrl)
  await visitor.launcher.waitFor()
  expect({ violations, reported: stage.host.violations, errors }).toEqual({
    violations: [],
    reported: [],
    errors: [],
  })
})

test('the inbox breaks no rule of its own Content-Security-Policy', async () => {
  const { page } = await stage.person('admin')
  const refused: string[] = []
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) refused.push(message.text())
  })
  const admin = new InboxScreen(page, stage.foyer.origin)
  await admin.enter(await stage.hire({ profile: 'admin' }))
  for (const path of ['people', 'settings', 'settings/agents', 'settings/sites']) {
    await follow(page, path)
    await page.getByRole('main').getByRole('heading').first().waitFor()
  }
  expect(refused).toEqual([])
})

test('a page with wild styles and extended prototypes gets the same launcher and panel', async () => {
  const host = await startHostPage({
    foyer: stage.foyer.origin,
    siteKey: stage.foyer.site.key,
    head: `<style>
      body * { color: red !important; font: italic 40px cursive !important; letter-spacing: 9px !important; transform: rotate(9deg) !important }
      div, button, iframe, svg, foyer-widget { display: none !important; width: 5px !important; opacity: 0.1 !important }
      body { zoom: 1; overflow: hidden }
    </style><script>
      Object.prototype.extended = function () {}
      Array.prototype.last = function () { return this[this.length - 1] }
      String.prototype.trim = function () { return 'broken' }
      window.name = 'shop'; window.config = window.start = window.chat = { broken: true }
    </script>`,
  })
  onTestFinished(() => host.close())
  await stage.agentOffStage()
  const [plain, wild] = [await stage.visitor(), await stage.visitor({ url: host.url })]
  for (const visitor of [plain, wild]) await visitor.open()
  await wild.button('Chat with us').waitFor()
  const looks = (visitor: WidgetScreen) =>
    visitor.launcher.evaluate((launcher) => {
      const panel = launcher.getRootNode() as ShadowRoot
      return [launcher, panel.querySelector('iframe')].map((element) => {
        const { x, y, width, height } = element?.getBoundingClientRect() ?? new DOMRect()
        const { display, opacity, transform, color } = getComputedStyle(element as Element)
        return { x, y, width, height, display, opacity, transform, color }
      })
    })
  expect(await looks(wild)).toEqual(await looks(plain))
})

test('closed, the widget adds two small requests; opened, no more than the first screen needs until somebody goes on', async () => {
  await stage.agentOffStage()
  const { page } = await stage.person('visitor')
  const foyer = watch(page)
  await page.goto(stage.host.url)
  const visitor = new WidgetScreen(page)
  await visitor.launcher.waitFor()
  const closed = await foyer.taken()
  expect(closed.map(({ path }) => path)).toEqual([
    '/widget.js',
    expect.stringMatching(/^\/api\/v1\/widget\/sites\//),
  ])
  expect(sum(closed)).toBeLessThanOrEqual(5 * 1024)

  await page.reload()
  await visitor.open()
  await visitor.button('Chat with us').waitFor()
  const frame = page.frames().find((one) => one.url().includes('/widget/frame'))
  if (!frame) throw new Error('The panel has no frame')
  const fetched = () => frame.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
  await quiet(page)
  const first = await fetched()
  // the rest comes when somebody reaches for it, so that it need not be waited for
  await visitor.button('Chat with us').hover()
  await expect
    .poll(async () => (await fetched()).filter((name) => /\/rooms-.*\.js$/.test(name)))
    .toHaveLength(1)
  await quiet(page)
  const weigh = async (names: string[]) =>
    total(await Promise.all(names.filter((name) => name.includes('/widget/')).map(gzippedBytes)))
  // what is sent is smaller still, where the browser takes Brotli; the promise is made in gzip
  const [opened, all] = [
    await weigh([frame.url(), ...first]),
    await weigh([frame.url(), ...(await fetched())]),
  ]
  console.log(`closed ${sum(closed)} B; opened ${opened} B of gzip, with the rest ${all} B`)
  expect(first.some((name) => name.endsWith('.js'))).toBe(true)
  expect(opened).toBeGreaterThan(20 * 1024)
  expect(opened).toBeLessThanOrEqual(35 * 1024)
  expect(all).toBeLessThanOrEqual(50 * 1024)
})

test('what did not load says so, and comes when it is asked for again', async () => {
  await stage.agentOffStage()
  const { page } = await stage.person('visitor')
  const visitor = new WidgetScreen(page)
  await page.route('**/widget/assets/rooms-*.js', (route) => route.abort())
  await page.goto(stage.host.url)
  await visitor.open()
  await visitor.button('Chat with us').click()
  await visitor.says('This did not load. Check your connection and try again: nothing is lost.')
  await page.unrouteAll()
  await visitor.button('Try again').click()
  // a browser that remembers the failure gets the frame anew, at its first screen
  await visitor.button('Chat with us').or(visitor.button('Start chat')).waitFor()
  if (await visitor.button('Chat with us').isVisible()) await visitor.button('Chat with us').click()
  await visitor.button('Start chat').waitFor()
})

test('the launcher keeps its name, whatever the site calls it and however much is unread', async () => {
  const launcherLabel = 'Talk to sales'
  await stage.foyer.pool.query('update sites set settings = settings || $2 where id = $1', [
    stage.foyer.site.id,
    JSON.stringify({ launcherLabel }),
  ])
  const { agent, visitor, id } = await stage.chatInWidget()
  const launcher = visitor.page.getByRole('button', {
    name: 'Open chat',
    exact: true,
    description: launcherLabel,
  })
  await launcher.click()
  await visitor.dialog.waitFor({ state: 'hidden' })
  await agent.says(id, 'Are you there?')
  await visitor.page
    .getByRole('button', { name: 'Open chat', exact: true, description: '1 unread' })
    .waitFor()
})

test('the greeting comes beside the launcher after its time, leads into the chat, and leaves the keyboard there', async () => {
  await stage.agentOffStage()
  const { pool, site } = stage.foyer
  const keep = async (pokeAfterMs: number | null) => {
    await pool.query(
      `update sites set settings = jsonb_set(settings, '{greeting,pokeAfterMs}', $2) where id = $1`,
      [site.id, JSON.stringify(pokeAfterMs)],
    )
  }
  await keep(300)
  onTestFinished(() => keep(null))
  const visitor = await stage.visitor()
  const { page } = visitor
  const greeting = page.getByRole('button', { name: 'Ask us anything.' })
  await greeting.waitFor()
  for (const away of ['Enter', 'Escape']) {
    await tabTo(page, page.getByRole('button', { name: 'Dismiss' }))
    await page.keyboard.press(away)
    await greeting.waitFor({ state: 'detached' })
    await focused(visitor.launcher)
    await page.reload()
    await greeting.waitFor()
  }
  await greeting.click()
  await visitor.button('Chat with us').waitFor()
  expect(await greeting.count()).toBe(0)
})

test('the panel opens at once and the page never waits for it', async () => {
  await stage.agentOffStage()
  const visitor = await stage.visitor()
  await visitor.launcher.waitFor()
  const blocking = await visitor.page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter(({ name }) => name.includes('/widget.js'))
      .map(
        (entry) =>
          (entry as PerformanceResourceTiming & { renderBlockingStatus: string }).renderBlockingStatus,
      ),
  )
  expect(blocking).toEqual(['non-blocking'])

  const opening = async () => {
    const took = visitor.page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          addEventListener(
            'click',
            ({ timeStamp }) =>
              requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - timeStamp))),
            { once: true, capture: true },
          )
        }),
    )
    await visitor.launcher.click()
    await visitor.dialog.waitFor()
    return took
  }
  const times = [await opening()]
  await visitor.button('Chat with us').waitFor()
  for (let i = 0; i < 4; i++) {
    await visitor.launcher.click()
    await visitor.dialog.waitFor({ state: 'hidden' })
    times.push(await opening())
  }
  console.log(`opened within ${times.map(Math.round).join(', ')} ms`)
  // the fastest, since the machine may be busy with something else
  expect(Math.min(...times)).toBeLessThan(100)
})

test('a Foyer that never answers costs the page nothing', async () => {
  const silent = createServer(() => {
    // holds every request open
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const host = await startHostPage({
    foyer: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    siteKey: 'any',
  })
  onTestFinished(() => host.close())
  const { page, errors } = await stage.person('visitor')
  await page.goto(host.url, { waitUntil: 'domcontentloaded' })
  await page.getByRole('link', { name: 'Prices' }).click({ noWaitAfter: true })
  await page.getByRole('heading', { name: 'Prices' }).waitFor()
  expect(errors).toEqual([])
})

interface Taken {
  path: string
  bytes: number
}

/** What a page takes from Foyer, head and body as they cross the line. */
function watch(page: Page): { taken(): Promise<Taken[]> } {
  let requests: Request[] = []
  page.on('requestfinished', (request) => {
    if (request.url().startsWith(stage.foyer.origin)) requests.push(request)
  })
  return {
    async taken() {
      const seen = requests
      requests = []
      return Promise.all(
        seen.map(async (request) => {
          const { responseBodySize, responseHeadersSize } = await request.sizes()
          const { pathname, search } = new URL(request.url())
          return {
            path: pathname + (pathname.endsWith('/frame') ? search : ''),
            bytes: responseBodySize + responseHeadersSize,
          }
        }),
      )
    },
  }
}

/** Until nothing was asked for within two seconds, which is longer than a page waits for a moment of leisure. */
async function quiet(page: Page): Promise<void> {
  let askedAt = performance.now()
  const note = () => {
    askedAt = performance.now()
  }
  page.on('request', note)
  await waitFor('the page to ask for nothing more', () => performance.now() - askedAt > 2_000)
  page.off('request', note)
}

function gzippedBytes(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' }, agent: false }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.on('end', () => resolve(bytes))
    }).on('error', reject)
  })
}

const sum = (taken: Taken[]) => total(taken.map(({ bytes }) => bytes))
const total = (bytes: number[]) => bytes.reduce((all, one) => all + one, 0)
