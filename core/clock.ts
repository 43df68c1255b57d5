import type { Pool } from 'pg'

/** Foyer's one clock. Every decision about time asks it; its instants go into SQL as parameters. */
export interface Clock {
  now(): Date
}

/** How far it may stand still to be right again; further, it steps back. */
const standsStillMs = 1_000
/** The first may be slow: its connection is made for it. */
const looksAtStart = 3

/**
 * A clock that follows PostgreSQL's, because the processes' own may be wrong or differ, plus the offset that
 * FOYER_TEST_CLOCK asks for. Between two looks at the database it runs on the machine's monotonic timer, so a step
 * of the wall clock does not move it.
 *
 * PostgreSQL read its clock at some instant between question and answer, nobody knows at which: so a look moves this one
 * only as far as it must to have shown the same then. After a look that took long, that is mostly not at all.
 */
export class DatabaseClock implements Clock {
  readonly #pool: Pool
  readonly #startsAt: Date | undefined
  /** Milliseconds to add to performance.now() to get Foyer's now. */
  #origin: number | undefined
  /** The latest instant shown. */
  #shown = 0
  #testOffsetMs: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Pool, startsAt?: Date) {
    this.#pool = pool
    this.#startsAt = startsAt
  }

  async start(): Promise<void> {
    for (let look = 0; look < looksAtStart; look++) await this.#synchronise()
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
    const now = (this.#origin ?? 0) + performance.now()
    if (now > this.#shown || this.#shown - now > standsStillMs) this.#shown = now
    return new Date(this.#shown)
  }

  async #synchronise(): Promise<void> {
    const before = performance.now()
    const { rows } = await this.#pool.query<{ at: Date }>('select clock_timestamp() as at')
    const after = performance.now()
    const databaseNow = rows[0]?.at.getTime() ?? Date.now()
    this.#testOffsetMs ??= this.#startsAt ? this.#startsAt.getTime() - databaseNow : 0
    const at = databaseNow + this.#testOffsetMs
    // a Date holds whole milliseconds, those begun cut off
    const [earliest, latest] = [at - after, at + 1 - before]
    this.#origin ??= (earliest + latest) / 2
    this.#origin = Math.min(Math.max(this.#origin, earliest), latest)
  }
}
