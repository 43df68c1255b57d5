const sleepMs = 75_000

/** The server's time: this browser's clock plus what it was off by when the server last said the time. */
export class Clock {
  readonly #local: () => number
  #offset = 0
  #tick = $state(0)

  /** @param local ms since 1970 by this machine */
  constructor(local: () => number = () => Date.now()) {
    this.#local = local
    this.#tick = local()
  }

  /** Server time in ms, exact at the moment of asking. */
  now = (): number => this.#local() + this.#offset

  /** Server time in ms as of the last tick: reading it makes a drawing follow the clock. */
  get tick(): number {
    return this.#tick
  }

  sync(serverNow: string): void {
    this.#offset = new Date(serverNow).getTime() - this.#local()
    this.#tick = this.now()
  }

  /** Ticks once a second until the returned function is called. `onwake` is told when the machine has slept: the
   *  browser slows timers of hidden pages to one a minute, so only a longer pause is a sleep. */
  start(onwake: () => void = () => {}): () => void {
    let last = this.#local()
    const timer = setInterval(() => {
      const local = this.#local()
      if (local - last > sleepMs) onwake()
      last = local
      this.#tick = this.now()
    }, 1000)
    return () => clearInterval(timer)
  }
}
