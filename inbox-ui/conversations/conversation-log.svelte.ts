import type { Entry, EntryPage, Note } from '../../core/contracts/conversations.ts'
import { isMissing, sentence } from '../app/api.ts'

/**
 * One conversation's lines, always without a hole. Catch up, cut over, stream:
 *   loading  the newest page is being read; lines that arrive meanwhile wait in `#ahead`
 *   ready    lines are applied in order; one that skips some waits in `#ahead` and the missing ones are asked for
 *   failed   the page could not be read; `load()` tries again
 *   missing  the server says there is no such conversation for this agent
 */
export type LogStatus = 'loading' | 'ready' | 'failed' | 'missing'

export interface LogSource {
  read: (range: { afterSeq?: number; beforeSeq?: number }) => Promise<EntryPage>
  /** Asks for everything after this seq over the socket; false when the line is down. */
  resume: (afterSeq: number) => boolean
}

export class ConversationLog {
  readonly #source: LogSource
  #entries = $state.raw<Entry[]>([])
  #notes = $state.raw<Note[]>([])
  #status = $state<LogStatus>('loading')
  #error = $state('')
  #hasEarlier = $state(false)
  #loadingEarlier = $state(false)
  #ahead = new Map<number, Entry>()
  #resuming = false

  constructor(source: LogSource) {
    this.#source = source
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }
  get notes(): readonly Note[] {
    return this.#notes
  }
  get status(): LogStatus {
    return this.#status
  }
  get error(): string {
    return this.#error
  }
  get hasEarlier(): boolean {
    return this.#hasEarlier
  }
  get loadingEarlier(): boolean {
    return this.#loadingEarlier
  }
  /** Everything up to here has been applied. */
  get appliedSeq(): number {
    return this.#entries.at(-1)?.seq ?? 0
  }

  async load(): Promise<void> {
    if (this.#status !== 'ready') this.#status = 'loading'
    try {
      const page = await this.#source.read({})
      this.#join(page)
      this.#status = 'ready'
      this.#drain()
    } catch (error) {
      if (isMissing(error)) this.#status = 'missing'
      else if (this.#status !== 'ready') {
        this.#status = 'failed'
        this.#error = sentence(error)
      }
    }
  }

  async loadEarlier(): Promise<void> {
    const first = this.#entries[0]
    if (!first || !this.#hasEarlier || this.#loadingEarlier) return
    this.#loadingEarlier = true
    try {
      const page = await this.#source.read({ beforeSeq: first.seq })
      this.#entries = [...page.entries.filter(({ seq }) => seq < first.seq), ...this.#entries]
      this.#hasEarlier = page.hasMore
      this.#addNotes(page.notes ?? [])
    } finally {
      this.#loadingEarlier = false
    }
  }

  /** The next line, or one seen before, or one too far ahead. */
  apply(entry: Entry): void {
    if (this.#status !== 'ready') {
      this.#ahead.set(entry.seq, entry)
      return
    }
    if (entry.seq <= this.appliedSeq) return
    this.#ahead.set(entry.seq, entry)
    this.#drain()
  }

  /** The answer to `resume`. */
  applyEntries({ entries, hasMore }: { entries: Entry[]; hasMore: boolean }): void {
    this.#resuming = false
    for (const entry of entries) if (entry.seq > this.appliedSeq) this.#ahead.set(entry.seq, entry)
    this.#drain(hasMore)
  }

  /** Foyer refused something, perhaps what was asked for last; a gap must not be waited for in vain. */
  refused(retryAfterMs: number | undefined): void {
    if (!this.#resuming) return
    this.#resuming = false
    // without a time to try again asking again would not help: reading the page says what is wrong
    if (retryAfterMs === undefined) void this.load()
    else setTimeout(() => this.#askForMore(), retryAfterMs)
  }

  applyNote(note: Note): void {
    this.#addNotes([note])
  }

  /** The line is back. Lines come over it; notes are no lines, so they are read with the newest page. */
  catchUp(): void {
    this.#resuming = false
    if (this.#status === 'ready') this.#askForMore()
    void this.load()
  }

  #drain(moreExpected = false): void {
    const applied: Entry[] = []
    let next = this.appliedSeq + 1
    for (let entry = this.#ahead.get(next); entry; entry = this.#ahead.get(next)) {
      applied.push(entry)
      this.#ahead.delete(next)
      next++
    }
    if (applied.length > 0) this.#entries = [...this.#entries, ...applied]
    for (const seq of this.#ahead.keys()) if (seq < next) this.#ahead.delete(seq)
    if (this.#ahead.size > 0 || moreExpected) this.#askForMore()
  }

  #askForMore(): void {
    if (this.#resuming) return
    this.#resuming = this.#source.resume(this.appliedSeq)
  }

  /** The newest page meets what is here. Should it begin beyond our last line, what is here is let go: a hole is
   *  worse than scrolling back. */
  #join(page: EntryPage): void {
    const first = page.entries[0]
    const held = this.#entries
    if (held.length === 0 || !first || first.seq > this.appliedSeq + 1) {
      this.#entries = page.entries
      this.#hasEarlier = page.hasMore
      // a note acknowledged while the page was on its way is not on that page
      this.#notes = this.#notes.filter(({ afterSeq }) => afterSeq >= (first?.seq ?? 1) - 1)
    } else {
      this.#entries = [...held, ...page.entries.filter(({ seq }) => seq > this.appliedSeq)]
    }
    this.#addNotes(page.notes ?? [])
  }

  /** One's own note shows as soon as it is stored, before Foyer's copy with its id is here: they meet by author and
   *  client id. */
  #addNotes(notes: Note[]): void {
    if (notes.length === 0) return
    const byKey = new Map(
      [...this.#notes, ...notes].map((note) => [`${note.agent.id} ${note.clientId}`, note]),
    )
    this.#notes = [...byKey.values()].sort(
      (a, b) => a.afterSeq - b.afterSeq || (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : 1),
    )
  }
}
