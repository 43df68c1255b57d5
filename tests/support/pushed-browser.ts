import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import type { PushPayload } from '#core/contracts/push.ts'
import type { FakeBrowser } from './push-service.ts'
import { waitFor } from './wait.ts'

export interface Shown {
  title: string
  body: string
  tag: string
  url: string
}

/** A real browser whose subscriptions lead to the stand-in: Chromium's own push service is not within reach of tests.
 *  What arrives there, opened, is put into the real service worker the way Chromium's push service would. */
export class PushedBrowser {
  readonly #page: Page
  readonly #origin: string
  readonly #browser: FakeBrowser
  readonly #session: CDPSession
  #registration: string | undefined
  #delivered = 0

  private constructor(page: Page, origin: string, browser: FakeBrowser, session: CDPSession) {
    this.#page = page
    this.#origin = origin
    this.#browser = browser
    this.#session = session
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      for (const { registrationId, isDeleted } of registrations)
        if (!isDeleted) this.#registration = registrationId
    })
  }

  /** Before any page of the context is loaded: from now on it subscribes at the stand-in. Opens a page of its own beside
   *  those of the test, to look at what is shown. */
  static async prepare(
    context: BrowserContext,
    origin: string,
    browser: FakeBrowser,
  ): Promise<PushedBrowser> {
    await context.addInitScript((subscription) => {
      const key = 'test.subscribed'
      const made = {
        endpoint: subscription.endpoint,
        options: {},
        toJSON: () => subscription,
        unsubscribe: async () => {
          localStorage.removeItem(key)
          return true
        },
      } as unknown as PushSubscription
      PushManager.prototype.subscribe = async () => {
        localStorage.setItem(key, 'yes')
        return made
      }
      PushManager.prototype.getSubscription = async () => (localStorage.getItem(key) ? made : null)
    }, browser.subscription)
    const page = await context.newPage()
    await page.goto(`${origin}/healthz`)
    const session = await context.newCDPSession(page)
    const pushed = new PushedBrowser(page, origin, browser, session)
    await session.send('ServiceWorker.enable')
    return pushed
  }

  /** Delivers the next push of this kind, once it has come. */
  async deliver(kind: PushPayload['kind']): Promise<void> {
    const { payload } = await waitFor(`a push of kind ${kind}`, () => {
      const at = this.#browser.received.findIndex(
        (push, place) => place >= this.#delivered && push.payload.kind === kind,
      )
      if (at < 0) return undefined
      this.#delivered = at + 1
      return this.#browser.received[at]
    })
    return this.deliverAgain(payload)
  }

  /** Delivers what came at some time. */
  async deliverAgain(payload: PushPayload): Promise<void> {
    const registrationId = await waitFor('a service worker', () => this.#registration)
    await this.#session.send('ServiceWorker.deliverPushMessage', {
      origin: this.#origin,
      registrationId,
      data: JSON.stringify(payload),
    })
  }

  /** The notifications that stand on the screen. */
  shown(): Promise<Shown[]> {
    return this.#page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration('/inbox')
      const all = (await registration?.getNotifications()) ?? []
      return all.map(({ title, body, tag, data }) => ({ title, body, tag, url: data?.url }))
    })
  }

  /** As if somebody clicked the only notification. Without a real click a worker may not open or focus windows. */
  async click(): Promise<void> {
    const worker = await waitFor('a running service worker', () =>
      this.#page
        .context()
        .serviceWorkers()
        .find((one) => one.url().endsWith('/sw.js')),
    )
    await worker.evaluate(async () => {
      const scope = globalThis as unknown as ServiceWorkerGlobalScope
      const [notification] = await scope.registration.getNotifications()
      scope.dispatchEvent(
        new NotificationEvent('notificationclick', { notification } as NotificationEventInit),
      )
    })
  }
}

// of a service worker's world, which the tests' own types do not hold
interface ServiceWorkerGlobalScope {
  registration: ServiceWorkerRegistration
  dispatchEvent(event: Event): boolean
}
interface NotificationEventInit extends EventInit {
  notification: Notification
}
declare const NotificationEvent: new (type: string, init: NotificationEventInit) => Event
