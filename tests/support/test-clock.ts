import type { Clock } from '#core/clock.ts'

/** A clock that runs like any other until a test moves it. Never goes backwards by itself. */
export class TestClock implements Clock {
  #aheadMs: number

  constructor(startsAt = new Date()) {
    this.#aheadMs = startsAt.getTime() - performance.now()
  }

  now(): Date {
    return new Date(this.#aheadMs + performance.now())
  }

  advance(ms: number): void {
    this.#aheadMs += ms
  }

  set(now: Date): void {
    this.#aheadMs = now.getTime() - performance.now()
  }
}
