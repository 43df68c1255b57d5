import type { Clock } from '#core/clock.ts'

/** A clock that runs like any other until a test moves or stops it. Never goes backwards by itself. */
export class TestClock implements Clock {
  #aheadMs: number
  #stoppedAt: Date | undefined

  constructor(startsAt = new Date()) {
    this.#aheadMs = startsAt.getTime() - performance.now()
  }

  now(): Date {
    return new Date(this.#stoppedAt ?? this.#aheadMs + performance.now())
  }

  advance(ms: number): void {
    this.#aheadMs += ms
    if (this.#stoppedAt) this.#stoppedAt = new Date(this.#stoppedAt.getTime() + ms)
  }

  set(now: Date): void {
    this.#aheadMs = now.getTime() - performance.now()
    this.#stoppedAt = undefined
  }

  /** Stands at this instant, for tests about the very edge of a range, until it is set again. */
  stopAt(now: Date): void {
    this.set(now)
    this.#stoppedAt = now
  }
}
