import type { OrganisationSettings } from '../features/organisation/settings.ts'
import { Buckets } from './limits.ts'

/** What one visitor, and everybody behind one address, may do; counted per process. */
export class VisitorLimits {
  readonly #settings: OrganisationSettings['limits']
  readonly #visitors: Buckets
  readonly #addresses: Buckets
  readonly #signals: Buckets
  readonly #sockets = new Map<string, number>()

  constructor(settings: OrganisationSettings['limits']) {
    this.#settings = settings
    this.#visitors = new Buckets(settings.visitorBurst, settings.visitorPerSecond)
    this.#addresses = new Buckets(settings.addressBurst, settings.addressPerSecond)
    // typing, seen, page views and reading: frequent, small, and of no harm when dropped
    this.#signals = new Buckets(settings.visitorBurst * 3, settings.visitorPerSecond * 5)
  }

  /** @returns 0, or after how many ms to try again. */
  take(visitorId: string, address: string, kind: string): number {
    if (kind !== 'send' && kind !== 'request') return this.#signals.take(visitorId)
    return this.#visitors.take(visitorId) || this.#addresses.take(address)
  }

  openSocket(address: string): boolean {
    const open = (this.#sockets.get(address) ?? 0) + 1
    this.#sockets.set(address, open)
    return open <= this.#settings.addressSockets
  }

  closeSocket(address: string): void {
    const open = (this.#sockets.get(address) ?? 1) - 1
    if (open <= 0) this.#sockets.delete(address)
    else this.#sockets.set(address, open)
  }
}
