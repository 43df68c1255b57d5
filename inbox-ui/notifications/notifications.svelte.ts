import type { PushDevice, PushDeviceList } from '../../core/contracts/push.ts'
import { type Api, ApiError } from '../app/api.ts'

/**
 * Whether this browser tells of chats while no inbox is in view. States:
 *   looking     not known yet
 *   unsupported the browser cannot (or Foyer is not reached over https)
 *   home-screen an iPhone or iPad that can once Foyer is on its home screen
 *   undecided   nobody has said yes or no                   -> on, blocked
 *   blocked     the browser was told not to ask             -> undecided or on, by its settings
 *   off         allowed, and not wanted on this device      -> on
 *   on          subscribed, and Foyer knows it
 */
export type NotificationState =
  | 'looking'
  | 'unsupported'
  | 'home-screen'
  | 'undecided'
  | 'blocked'
  | 'off'
  | 'on'

const worker = { url: '/sw.js', scope: '/inbox' }

export class Notifications {
  readonly #api: Api
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined
  #state = $state<NotificationState>('looking')
  #device = $state.raw<PushDevice | null>(null)
  #later = $state(false)
  #working = $state(false)

  constructor(api: Api, storage?: Pick<Storage, 'getItem' | 'setItem'>) {
    this.#api = api
    this.#storage = storage
    this.#later = this.#read(laterKey) === 'yes'
  }

  get state(): NotificationState {
    return this.#state
  }
  /** This browser, as Foyer knows it; null while it is not subscribed. */
  get device(): PushDevice | null {
    return this.#device
  }
  /** Whether something is being switched. */
  get working(): boolean {
    return this.#working
  }
  /** Whether to ask: nobody has decided, nor put it off. */
  get asks(): boolean {
    return !this.#later && (this.#state === 'undecided' || this.#state === 'home-screen')
  }

  /** Looks how things stand, and keeps Foyer's knowledge of this browser fresh: it is whose is signed in here. */
  look = async (): Promise<void> => {
    if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) {
      this.#state = isApplePhone() && !isStandalone() ? 'home-screen' : 'unsupported'
      return
    }
    if (Notification.permission === 'denied') {
      this.#state = 'blocked'
      return
    }
    if (Notification.permission === 'default') {
      this.#state = 'undecided'
      return
    }
    if (this.#read(offKey) === 'yes') {
      this.#state = 'off'
      return
    }
    try {
      await this.#subscribe()
    } catch {
      // without Foyer, or without the browser's push service; the next look tries again
      if (this.#state === 'looking') this.#state = 'off'
    }
  }

  /** As asked for by a press: browsers ask people only then. @throws why it did not come about, in words */
  enable = async (): Promise<void> => {
    if (this.#working) return
    this.#working = true
    try {
      this.#keep(offKey, 'no')
      const permission = await Notification.requestPermission()
      if (permission !== 'granted') {
        this.#state = permission === 'denied' ? 'blocked' : 'undecided'
        return
      }
      await this.#subscribe()
    } finally {
      this.#working = false
    }
  }

  disable = async (): Promise<void> => {
    if (this.#working) return
    this.#working = true
    try {
      this.#keep(offKey, 'yes')
      if (this.#device) await this.#api.send('DELETE', `/push-subscriptions/${this.#device.id}`)
      this.#device = null
      this.#state = 'off'
      const registration = await navigator.serviceWorker.getRegistration(worker.scope)
      await (await registration?.pushManager.getSubscription())?.unsubscribe()
    } finally {
      this.#working = false
    }
  }

  later = (): void => {
    this.#later = true
    this.#keep(laterKey, 'yes')
  }

  devices = async (): Promise<PushDevice[]> =>
    (await this.#api.get<ReturnType<typeof PushDeviceList.parse>>('/push-subscriptions')).devices

  /** What was shown of something that is seen here now. @param tag as Foyer names it */
  clear = async (tag: string): Promise<void> => {
    const registration = await navigator.serviceWorker?.getRegistration(worker.scope)
    for (const shown of (await registration?.getNotifications({ tag })) ?? []) shown.close()
  }

  async #subscribe(): Promise<void> {
    const { publicKey } = await this.#api.get<{ publicKey: string }>('/push-key')
    const registration = await navigator.serviceWorker.register(worker.url, { scope: worker.scope })
    await activated(registration)
    const options = { userVisibleOnly: true, applicationServerKey: publicKey }
    const known = await registration.pushManager.getSubscription()
    let subscription = known
    if (known && !isFor(known, publicKey)) {
      // made for a key that Foyer has no more
      await known.unsubscribe()
      subscription = null
    }
    subscription ??= await registration.pushManager.subscribe(options)
    try {
      this.#device = await this.#save(subscription)
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'subscription_gone')) throw error
      await subscription.unsubscribe()
      this.#device = await this.#save(await registration.pushManager.subscribe(options))
    }
    this.#state = 'on'
  }

  #save(subscription: PushSubscription): Promise<PushDevice> {
    const { endpoint, keys } = subscription.toJSON()
    return this.#api.send<PushDevice>('PUT', '/push-subscriptions', { endpoint, keys })
  }

  #read(key: string): string | null {
    try {
      return this.#storage?.getItem(key) ?? null
    } catch {
      return null
    }
  }

  #keep(key: string, value: string): void {
    try {
      this.#storage?.setItem(key, value)
    } catch {
      // no storage: asked again the next time
    }
  }
}

const laterKey = 'foyer.notifications.later'
const offKey = 'foyer.notifications.off'

function isFor(subscription: PushSubscription, publicKey: string): boolean {
  const key = subscription.options?.applicationServerKey
  // a browser that does not say is trusted; the push service says if it is wrong
  if (!key) return true
  const text = btoa(String.fromCharCode(...new Uint8Array(key)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') === publicKey
}

async function activated(registration: ServiceWorkerRegistration): Promise<void> {
  const coming = registration.installing ?? registration.waiting
  if (registration.active || !coming) return
  await new Promise<void>((resolve) => {
    coming.addEventListener('statechange', () => {
      if (coming.state === 'activated' || coming.state === 'redundant') resolve()
    })
  })
}

/** iPads call themselves Macs, but no Mac has more than one point of touch. */
export const isApplePhone = (): boolean =>
  /\b(iPhone|iPad|iPod)\b/.test(navigator.userAgent) ||
  (/\bMacintosh\b/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)

const isStandalone = () => matchMedia('(display-mode: standalone)').matches

/** Which way out of "blocked" to describe. */
export type BrowserKind = 'chrome' | 'edge' | 'firefox' | 'safari' | 'apple-phone' | 'other'

export function browserKind(userAgent: string, applePhone: boolean): BrowserKind {
  if (applePhone) return 'apple-phone'
  if (/\bEdg/.test(userAgent)) return 'edge'
  if (/\bFirefox\//.test(userAgent)) return 'firefox'
  if (/Chrome\//.test(userAgent)) return 'chrome'
  return /\bSafari\//.test(userAgent) ? 'safari' : 'other'
}
