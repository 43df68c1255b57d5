/** Which conversation each open tab of this browser shows, so that the one tab that sounds does not for a message that
 *  somebody is looking at in another. */
export class Viewed {
  readonly #own = crypto.randomUUID()
  readonly #others = new Map<string, string>()
  #channel: BroadcastChannel | null = null
  #current: string | null = null

  start(): () => void {
    if (!('BroadcastChannel' in window)) return () => {}
    const channel = new BroadcastChannel('foyer.viewed')
    this.#channel = channel
    channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data.type === 'who') this.#tell()
      else if (data.id === null) this.#others.delete(data.tab)
      else this.#others.set(data.tab, data.id)
    }
    const left = () => channel.postMessage({ type: 'shows', tab: this.#own, id: null } satisfies Said)
    addEventListener('pagehide', left)
    channel.postMessage({ type: 'who' } satisfies Said)
    this.#tell()
    return () => {
      removeEventListener('pagehide', left)
      left()
      channel.close()
      this.#channel = null
    }
  }

  /** @param conversationId what this tab shows to somebody; null: nothing, or nobody sees it. */
  shows(conversationId: string | null): void {
    if (conversationId === this.#current) return
    this.#current = conversationId
    this.#tell()
  }

  /** Whether somebody looks at it, here or in another tab. */
  has(conversationId: string): boolean {
    return this.#current === conversationId || [...this.#others.values()].includes(conversationId)
  }

  #tell(): void {
    this.#channel?.postMessage({ type: 'shows', tab: this.#own, id: this.#current } satisfies Said)
  }
}

type Said = { type: 'who' } | { type: 'shows'; tab: string; id: string | null }
