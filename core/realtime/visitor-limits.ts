import type { OrganisationSettings } from '../features/organisation/settings.ts'
import { Buckets } from './limits.ts'
import { Strangers } from './strangers.ts'

/** What one visitor, and everybody behind one address, may do; counted per process. */
export class VisitorLimits {
  readonly #settings: OrganisationSettings['limits']
  readonly #visitors: Buckets
  readonly #addresses: Buckets
  readonly #signals: Buckets
  readonly #visitorHellos: Buckets
  readonly #addressHellos: Buckets
  readonly strangers = new Strangers()
  readonly #sockets = new Map<string, number>()
  readonly #tabs = new Map<string, number>()

  constructor(settings: OrganisationSettings['limits']) {
    this.#settings = settings
    this.#visitors = new Buckets(settings.visitorBurst, settings.visitorPerSecond)
    this.#addresses = new Buckets(settings.addressBurst, settings.addressPerSecond)
    this.#visitorHellos = new Buckets(settings.visitorHelloBurst, settings.visitorHelloPerSecond)
    this.#addressHellos = new Buckets(settings.addressHelloBurst, settings.addressHelloPerSecond)
    // typing, seen, page views and reading: frequent, small, and of no harm when dropped
    this.#signals = new Buckets(settings.visitorBurst * 3, settings.visitorPerSecond * 5)
  }

  /** @returns 0, or after how many ms to try again. */
  take(visitorId: string, address: string, kind: string): number {
    // the visitor's first: one who comes too often takes nothing from the others of the address
    if (kind === 'hello') return this.#visitorHellos.take(visitorId) || this.#addressHellos.take(address)
    if (kind !== 'send' && kind !== 'request') return this.#signals.take(visitorId)
    return this.#visitors.take(visitorId) || this.#addresses.take(address)
  }

  /** One more socket of an address. @returns false where there are too many. */
  openSocket(address: string): boolean {
    return count(this.#sockets, address, 1) <= this.#settings.addressSockets
  }

  closeSocket(address: string): void {
    count(this.#sockets, address, -1)
  }

  /** One more socket of a visitor. @returns false where there are too many; then it does not count. */
  come(visitorId: string): boolean {
    if (count(this.#tabs, visitorId, 1) <= this.#settings.visitorSockets) return true
    this.leave(visitorId)
    return false
  }

  leave(visitorId: string): void {
    count(this.#tabs, visitorId, -1)
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): number {
  const now = (counts.get(key) ?? 0) + by
  if (now <= 0) counts.delete(key)
  else counts.set(key, now)
  return now
}
