import type { Browser } from 'playwright-core'
import { launchBrowser } from '#tests/support/browser.ts'
import { InboxScreen } from '#tests/support/inbox-screen.ts'

/** Real inboxes of some agents, in one Chromium, that note when each banner was drawn. */
export class Banners {
  readonly #browser: Browser
  readonly #screens: InboxScreen[]

  private constructor(browser: Browser, screens: InboxScreen[]) {
    this.#browser = browser
    this.#screens = screens
  }

  /** @param tokens of the sessions of the agents. */
  static async open(origin: string, tokens: string[]): Promise<Banners> {
    const browser = await launchBrowser()
    const screens: InboxScreen[] = []
    for (const token of tokens) {
      const context = await browser.newContext()
      await context.addCookies([{ name: 'foyer_session', value: token, url: origin }])
      const page = await context.newPage()
      await page.goto(`${origin}/inbox`)
      const screen = new InboxScreen(page, origin)
      await screen.ready()
      await page.evaluate(watch)
      screens.push(screen)
    }
    return new Banners(browser, screens)
  }

  /** When the banner with each request's number was drawn, in ms since 1970; without those that first had to wait for a place. */
  async drawn(): Promise<Map<number, number>> {
    const all = new Map<number, number>()
    for (const { page } of this.#screens)
      for (const [n, at] of await page.evaluate<[number, number | null][]>('[...window.bannersDrawn]'))
        if (at !== null) all.set(n, at)
    return all
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}

/** As source, because it runs in the page. Drawn is when the frame after the change has been made: a task queued in its
 *  animation frame runs right after it. Null: it took the place of one before it, which offers of the warm-up leave as they end. */
const watch = `
  window.bannersDrawn = new Map()
  let before = document.querySelectorAll('[role="alert"]').length
  new MutationObserver(() => {
    const banners = document.querySelectorAll('[role="alert"]')
    const isOneMore = banners.length > before
    before = banners.length
    for (const banner of banners) {
      const n = Number(/request (\\d+)/.exec(banner.textContent)?.[1] ?? NaN)
      if (Number.isNaN(n) || window.bannersDrawn.has(n)) continue
      if (!isOneMore) {
        window.bannersDrawn.set(n, null)
        continue
      }
      window.bannersDrawn.set(n, Infinity)
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => window.bannersDrawn.set(n, performance.timeOrigin + performance.now())
        port2.postMessage(null)
      })
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true })`
