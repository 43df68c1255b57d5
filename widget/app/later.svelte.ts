/** A part of the app that comes by itself: fetched when it is needed, or before, when there is nothing better to do. */
export class Later<Part> {
  #load: () => Promise<Part>
  #coming: Promise<void> | null = null
  #part = $state.raw<Part | null>(null)
  #failed = $state(false)

  constructor(load: () => Promise<Part>) {
    this.#load = load
  }

  /** Null until it has come. */
  get part() {
    return this.#part
  }
  get failed() {
    return this.#failed
  }

  /** Never fails: `failed` says whether it did not come. */
  fetch(): Promise<void> {
    if (this.#part) return Promise.resolve()
    this.#coming ??= this.#fetch().finally(() => {
      this.#coming = null
    })
    return this.#coming
  }

  /** Once what is on the screen now has been drawn. */
  fetchIdle() {
    const fetch = () => void this.fetch()
    requestAnimationFrame(() =>
      window.requestIdleCallback ? window.requestIdleCallback(fetch, { timeout: 1_000 }) : setTimeout(fetch),
    )
  }

  /** Once more; where that fails though Foyer is there, the whole frame: a browser may remember a failed import, and
   *  after an update of Foyer the part has another name. */
  async retry() {
    await this.fetch()
    if (this.#part) return
    const answer = await fetch(location.href, { method: 'HEAD' }).catch(() => null)
    if (answer?.ok) location.reload()
  }

  async #fetch() {
    this.#failed = false
    try {
      this.#part = await this.#load()
    } catch {
      this.#failed = true
    }
  }
}
