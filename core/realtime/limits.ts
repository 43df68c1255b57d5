/** Token buckets by key: `burst` at once, then `perSecond`. Keys that are full again are forgotten. */
export class Buckets {
  readonly #burst: number
  readonly #perMs: number
  readonly #buckets = new Map<string, { tokens: number; at: number }>()
  #sweepAt = 0

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perMs = perSecond / 1_000
  }

  /** Takes one token. @returns 0, or after how many ms the next one will be there. */
  take(key: string): number {
    const bucket = this.#filled(key)
    const waitMs = this.#waitFor(bucket)
    if (waitMs === 0) bucket.tokens -= 1
    return waitMs
  }

  /** Puts back a token that was taken. */
  giveBack(key: string): void {
    const bucket = this.#filled(key)
    bucket.tokens = Math.min(this.#burst, bucket.tokens + 1)
  }

  #filled(key: string): { tokens: number; at: number } {
    const now = performance.now()
    if (now > this.#sweepAt) this.#sweep(now)
    let bucket = this.#buckets.get(key)
    if (!bucket) {
      bucket = { tokens: this.#burst, at: now }
      this.#buckets.set(key, bucket)
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) * this.#perMs)
    bucket.at = now
    return bucket
  }

  #waitFor({ tokens }: { tokens: number }): number {
    return tokens < 1 ? Math.ceil((1 - tokens) / this.#perMs) : 0
  }

  #sweep(now: number): void {
    const refillMs = this.#burst / this.#perMs
    for (const [key, bucket] of this.#buckets) if (now - bucket.at > refillMs) this.#buckets.delete(key)
    this.#sweepAt = now + 60_000
  }
}
