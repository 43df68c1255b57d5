import { hashToken } from '../features/sign-in/tokens.ts'
import { isPublic } from '../plugins/addresses.ts'
import { Buckets } from './limits.ts'

/** More than come to one process in a day. */
const mostKnown = 20_000

/**
 * Looking up tokens and keys of nobody, counted by address: 120 at once, since a whole office comes back with sessions that are
 * over, then 2 a second. What this process found lately is looked up whatever others at the address do. As with requests that
 * wait, networks of one's own are not counted.
 */
export class Strangers {
  readonly #looks = new Buckets(120, 2)
  /** Hashes; those that came last are last. */
  readonly #known = new Set<string>()

  /**
   * Asks whose token this is.
   * @param address as `countedAs` gives it
   * @returns null for nobody's; with a wait in ms, it was not looked up
   */
  async look<T>(
    address: string,
    token: string,
    find: () => Promise<T | null>,
  ): Promise<{ found: T | null; waitMs: number }> {
    const key = hashToken(token).toString('base64')
    const counts = isPublic(address) && !this.#known.has(key)
    // taken before the look, or any number that come at once would all be looked up
    const waitMs = counts ? this.#looks.take(address) : 0
    if (waitMs > 0) return { found: null, waitMs }
    let isNobodys = false
    try {
      const found = await find()
      isNobodys = found === null
      this.#known.delete(key)
      if (found !== null) this.#remember(key)
      return { found, waitMs: 0 }
    } finally {
      // nor is it anybody's fault where the look failed
      if (counts && !isNobodys) this.#looks.giveBack(address)
    }
  }

  #remember(key: string): void {
    this.#known.add(key)
    if (this.#known.size <= mostKnown) return
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }
}
