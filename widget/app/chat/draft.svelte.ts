import type { Keep } from '../keep.ts'

const restMs = 300

/** What is written and not sent yet, kept on the device under `name` a moment after each key. */
export class Draft {
  #keep: Keep
  #name: string
  #timer: ReturnType<typeof setTimeout> | undefined
  #text = $state('')

  constructor(keep: Keep, name: string) {
    this.#keep = keep
    this.#name = name
    this.#text = keep.get(name) ?? ''
  }

  get text() {
    return this.#text
  }

  writes(text: string) {
    this.#text = text
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.rests(), restMs)
  }

  /** The page may go for good now: what was written a moment ago stays. */
  rests() {
    if (this.#timer === undefined) return
    this.#store(this.#text)
  }

  /** In the outbox now, so a reload must not find it here as well; it still shows, and `writes` takes it back. */
  handOver() {
    this.#store('')
  }

  clear() {
    this.#text = ''
    this.#store('')
  }

  #store(text: string) {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#keep.set(this.#name, text || null)
  }
}
