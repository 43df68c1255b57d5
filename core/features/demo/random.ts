/** Chance that is the same at every start, so that the sample data of two machines tell the same story.
 *  Mulberry32: 32 bits of state, plenty for shuffling sentences. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number; both ends are possible. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  happens(probability: number): boolean {
    return this.next() < probability
  }

  one<T>(of: readonly T[]): T {
    const chosen = of[this.between(0, of.length - 1)]
    if (chosen === undefined) throw new RangeError('There is nothing to choose from.')
    return chosen
  }

  /** By weight. */
  weighed<T>(of: readonly (readonly [T, number])[]): T {
    let rest = this.next() * of.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [value, weight] of of) {
      rest -= weight
      if (rest < 0) return value
    }
    return this.one(of)[0]
  }
}
