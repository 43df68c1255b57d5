import type { Pool } from 'pg'

/** Foyer's one clock. Every decision about time asks it; its instants go into SQL as parameters. */
export interface Clock {
  now(): Date
}

/** A clock that follows PostgreSQL's, because the processes' own may be wrong or differ, plus the offset that
 *  FOYER_TEST_CLOCK asks for. Between two looks at the database it runs on the machine's monotonic timer, so a step
 *  of the wall clock does not move it. */
export class DatabaseClock implements Clock {
  readonly #pool: Pool
  readonly #startsAt: Date | undefined
  /** Milliseconds to add to performance.now() to get Foyer's now. */
  #origin = 0
  #testOffsetMs: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Pool, startsAt?: Date) {
    this.#pool = pool
    this.#startsAt = startsAt
  }

  async start(): Promise<void> {
    await this.#synchronise()
    this.#timer = setInterval(() => {
      // a missed look costs nothing: the monotonic timer goes on, and the next look corrects it
      this.#synchronise().catch(() => undefined)
    }, 30_000)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  now(): Date {
    return new Date(this.#origin + performance.now())
  }

  async #synchronise(): Promise<void> {
    const before = performance.now()
    const { rows } = await this.#pool.query<{ at: Date }>('select clock_timestamp() as at')
    const middle = (before + performance.now()) / 2
    const databaseNow = rows[0]?.at.getTime() ?? Date.now()
    this.#testOffsetMs ??= this.#startsAt ? this.#startsAt.getTime() - databaseNow : 0
    const origin = databaseNow + this.#testOffsetMs - middle
    // Small corrections go forward only, so that the clock never runs backwards for the sake of a slow answer.
    if (origin > this.#origin || this.#origin - origin > 1_000) this.#origin = origin
  }
}
