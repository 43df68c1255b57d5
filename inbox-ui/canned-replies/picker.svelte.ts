import type { CannedReply } from '../../core/contracts/canned-replies.ts'
import { type CannedReplies, matching } from './canned-replies.svelte.ts'

/** Drawn at once; the rest comes with typing. */
const drawnAtOnce = 50

/**
 * The list that opens above the composer. States:
 *   closed   -> open (a "/" begins the message, or the button), not while an input method composes
 *   open     -> closed (one chosen, Escape, the "/" is gone, the field is left)
 */
export class ReplyPicker {
  readonly #replies: CannedReplies
  /** What is looked for; null while closed. */
  #query = $state<string | null>(null)
  #index = $state(0)
  /** Escape keeps it closed for as long as the text begins with the same "/". */
  #dismissed = false
  /** Opened by the button, in the middle of a text: what is chosen replaces nothing. */
  #apart = false

  readonly found: CannedReply[] = $derived.by(() =>
    this.#query === null ? [] : matching(this.#replies.list ?? [], this.#query).slice(0, drawnAtOnce),
  )
  readonly chosen: CannedReply | undefined = $derived.by(() => this.found[this.#index])

  constructor(replies: CannedReplies) {
    this.#replies = replies
  }

  get isOpen(): boolean {
    return this.#query !== null
  }
  get query(): string {
    return this.#query ?? ''
  }
  get index(): number {
    return this.#index
  }
  /** The characters before the caret that what is chosen replaces. */
  get replaces(): number {
    return this.#query === null || this.#apart ? 0 : this.#query.length + 1
  }

  /** The text or the caret is another one. */
  look(text: string, caret: number): void {
    const before = text.slice(0, caret)
    const command = /^\/([^\n]*)$/.exec(before)?.[1]
    if (command === undefined) {
      this.#dismissed = text.startsWith('/') && this.#dismissed
      return this.close()
    }
    if (this.#dismissed) return
    if (this.#query !== command) this.#index = 0
    this.#query = command
    this.#apart = false
    this.#fetch()
  }

  /** By the button, at the caret. */
  open(): void {
    this.#query = ''
    this.#index = 0
    this.#apart = true
    this.#dismissed = false
    this.#fetch()
  }

  move(step: 1 | -1): void {
    const count = this.found.length
    if (count > 0) this.#index = (this.#index + step + count) % count
  }

  pointAt(index: number): void {
    this.#index = index
  }

  close(): void {
    this.#query = null
    this.#index = 0
    this.#apart = false
  }

  dismiss(): void {
    this.#dismissed = true
    this.close()
  }

  #fetch(): void {
    if (!this.#replies.list) void this.#replies.load()
  }
}
