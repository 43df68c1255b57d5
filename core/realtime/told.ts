/** Which lines this process has published itself, for as long as anybody asks: those need no repeating to the people
 *  connected here. Two generations of a map, so that forgetting costs nothing. */
export class Told {
  #young = new Map<string, number>()
  #old = new Map<string, number>()
  #turnAt: number
  readonly #keepMs: number

  /** @param keepMs a note is remembered for at least so long, at most twice. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs
    this.#turnAt = performance.now() + keepMs
  }

  note(conversationId: string, seq: number): void {
    const now = performance.now()
    if (now >= this.#turnAt) {
      this.#old = this.#young
      this.#young = new Map()
      this.#turnAt = now + this.#keepMs
    }
    this.#young.set(conversationId, seq)
  }

  /** Whether the newest line told of this conversation is this one. */
  isLast(conversationId: string, seq: number): boolean {
    return (this.#young.get(conversationId) ?? this.#old.get(conversationId)) === seq
  }
}
