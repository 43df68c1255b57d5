import type { Entry } from '#core/contracts/conversations.ts'

/** A conversation's log as a client follows it: applies the next line, drops repeats, and asks again from its last
 *  line when one is missing. */
export class FollowedLog {
  readonly entries: Entry[] = []
  readonly #resume: (afterSeq: number) => void
  #asked = false
  /** The newest line that is known to be stored: acknowledged, or told while a line before it was missing. */
  #stored = 0

  constructor(resume: (afterSeq: number) => void) {
    this.#resume = resume
  }

  get lastSeq(): number {
    return this.entries.at(-1)?.seq ?? 0
  }

  get texts(): (string | null)[] {
    return this.entries.filter((entry) => entry.kind === 'message').map((entry) => entry.text)
  }

  /** From now on, or after a new connection: asks for everything after the last line applied. */
  resume(): void {
    this.#asked = true
    this.#resume(this.lastSeq)
  }

  applyEntry(entry: Entry): void {
    if (entry.seq <= this.lastSeq) return
    if (entry.seq === this.lastSeq + 1) {
      this.entries.push(entry)
      return
    }
    // the answer under way may have been read before this line was stored
    this.#stored = Math.max(this.#stored, entry.seq)
    if (!this.#asked) this.resume()
  }

  /** An own send is stored: its line is not sent here, so it is read from the log. */
  applyAck(seq: number): void {
    this.#stored = Math.max(this.#stored, seq)
    if (!this.#asked && seq > this.lastSeq) this.resume()
  }

  applyEntries(entries: Entry[], hasMore: boolean): void {
    this.#asked = false
    for (const entry of entries) this.applyEntry(entry)
    if (hasMore || this.#stored > this.lastSeq) this.resume()
  }
}
