import type { Entry } from '#core/contracts/conversations.ts'

/** A stretch of a conversation's log without holes: every seq after `from` up to `applied`, whatever frames are lost,
 *  repeated or swapped on the way. */
export class Log {
  #from: number
  #entries: Entry[] = []
  #highest: number

  /** Holds what stands after `from`; the log is known to reach `highest`. */
  constructor(from = 0, highest = from) {
    this.#from = from
    this.#highest = highest
  }

  get from() {
    return this.#from
  }
  get applied() {
    return this.#from + this.#entries.length
  }
  get entries(): readonly Entry[] {
    return this.#entries
  }
  /** Something after `applied` is known to exist. */
  get behind() {
    return this.#highest > this.applied
  }

  /** The log is at least this long. */
  reaches(seq: number) {
    this.#highest = Math.max(this.#highest, seq)
  }

  /** True if it was the next one. A later one is dropped and leaves the log `behind`: it will come again with resume. */
  add(entry: Entry): boolean {
    this.reaches(entry.seq)
    if (entry.seq !== this.applied + 1) return false
    this.#entries.push(entry)
    return true
  }

  /** True if anything was new. */
  addAll(entries: readonly Entry[]): boolean {
    return entries.map((entry) => this.add(entry)).includes(true)
  }

  /** Adds what stands before: entries ascending up to `from`. */
  prepend(entries: readonly Entry[]) {
    const earlier = entries.filter((entry) => entry.seq <= this.#from)
    if (!earlier.every((entry, i) => entry.seq === this.#from - earlier.length + 1 + i)) return
    this.#entries = [...earlier, ...this.#entries]
    this.#from -= earlier.length
  }

  has(clientId: string) {
    return this.#entries.some((entry) => entry.clientId === clientId && entry.sender.type === 'visitor')
  }
}
