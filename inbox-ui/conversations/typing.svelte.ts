import { SvelteMap } from 'svelte/reactivity'

/** How long "typing" holds without a fresh sign. The widget repeats it every 3 s, as this side does: well below, or
 *  the dots flicker. */
const expiryMs = 8_000
const repeatMs = 3_000
const pauseMs = 5_000

/** Typing both ways: which visitors write, and telling them that the agent does. */
export class Typing {
  readonly #send: (conversationId: string, typing: boolean) => void
  readonly #visitors = new SvelteMap<string, ReturnType<typeof setTimeout>>()
  #said: { conversationId: string; at: number } | null = null
  #pause: ReturnType<typeof setTimeout> | undefined

  constructor(send: (conversationId: string, typing: boolean) => void) {
    this.#send = send
  }

  /** Whether the visitor of this conversation is writing. */
  in(conversationId: string): boolean {
    return this.#visitors.has(conversationId)
  }

  apply(conversationId: string, typing: boolean): void {
    clearTimeout(this.#visitors.get(conversationId))
    if (!typing) this.#visitors.delete(conversationId)
    else
      this.#visitors.set(
        conversationId,
        setTimeout(() => this.#visitors.delete(conversationId), expiryMs),
      )
  }

  /** The agent pressed a key. */
  wrote(conversationId: string): void {
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => this.stopped(), pauseMs)
    const now = performance.now()
    if (this.#said?.conversationId === conversationId && now - this.#said.at < repeatMs) return
    if (this.#said && this.#said.conversationId !== conversationId) this.stopped()
    this.#said = { conversationId, at: now }
    this.#send(conversationId, true)
  }

  /** The agent sent it, emptied the field, or went elsewhere. */
  stopped(): void {
    clearTimeout(this.#pause)
    if (!this.#said) return
    this.#send(this.#said.conversationId, false)
    this.#said = null
  }

  clear(): void {
    clearTimeout(this.#pause)
    this.#said = null
    for (const timer of this.#visitors.values()) clearTimeout(timer)
    this.#visitors.clear()
  }
}
