import type { AgentFrame } from '../../core/contracts/sockets.ts'

/**
 * Something written that Foyer has not yet stored. States:
 *   waiting  the line is down, or Foyer asked to try later   -> sending
 *   sending  on its way                                      -> gone (ack), failed (refused), waiting (line broken)
 *   failed   Foyer refused it; `error` says why              -> sending (Send again), gone (Discard)
 */
export interface Pending {
  clientId: string
  conversationId: string
  kind: 'message' | 'note'
  text: string
  /** Server time in ms at which it was written. */
  at: number
  state: 'waiting' | 'sending' | 'failed'
  error: string
}

export interface OutboxOptions {
  /** False when the line is down. */
  send: (frame: AgentFrame) => boolean
  now: () => number
  makeId?: () => string
  /** One key an item: two tabs of one agent must not overwrite each other's. */
  storage?: Pick<Storage, 'setItem' | 'removeItem' | 'getItem' | 'key' | 'length'>
  prefix?: string
}

/** What is sent waits here until it is acknowledged, through lost lines and reloads, each item under the one client
 *  id it was born with, so that a repeated send is still one message. Behind one that Foyer asked to try later nothing of
 *  its conversation goes first, so that Foyer stores them in the order of writing. */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #prefix: string
  #items = $state.raw<Pending[]>([])
  /** Those that Foyer asked to try later, by client id. */
  readonly #resting = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#prefix = options.prefix ?? 'foyer.outbox.'
    this.#items = this.#restore()
  }

  get items(): readonly Pending[] {
    return this.#items
  }

  of(conversationId: string): Pending[] {
    return this.#items.filter((item) => item.conversationId === conversationId)
  }

  add(conversationId: string, kind: Pending['kind'], text: string): void {
    const clientId = (this.#options.makeId ?? newId)()
    const item: Pending = {
      clientId,
      conversationId,
      kind,
      text,
      at: this.#options.now(),
      state: 'waiting',
      error: '',
    }
    this.#items = [...this.#items, item]
    this.#keep(item)
    this.#flush(conversationId)
  }

  /** The line is up: everything unacknowledged goes out again, in the order it was written. */
  opened(): void {
    this.stop()
    this.broken()
    for (const id of new Set(this.#items.map(({ conversationId }) => conversationId))) this.#flush(id)
  }

  broken(): void {
    this.#items = this.#items.map((item) => (item.state === 'sending' ? { ...item, state: 'waiting' } : item))
  }

  /** Foyer has it. @returns what it was, if it was ours */
  acknowledged(clientId: string): Pending | undefined {
    const item = this.#find(clientId)
    if (item) this.#remove(clientId)
    return item
  }

  refused(clientId: string, message: string, retryAfterMs?: number): void {
    const item = this.#find(clientId)
    if (!item) return
    if (retryAfterMs === undefined) {
      this.#change(clientId, { state: 'failed', error: message })
      return
    }
    this.#change(clientId, { state: 'waiting', error: message })
    this.#wake(clientId)
    const timer = setTimeout(() => {
      this.#wake(clientId)
      this.#flush(item.conversationId)
    }, retryAfterMs)
    this.#resting.set(clientId, timer)
  }

  /** At once, with what waits behind it. */
  retry(clientId: string): void {
    const item = this.#find(clientId)
    if (!item) return
    this.#wake(clientId)
    this.#change(clientId, { state: 'waiting', error: '' })
    this.#flush(item.conversationId)
  }

  discard(clientId: string): void {
    this.#remove(clientId)
  }

  stop(): void {
    for (const timer of this.#resting.values()) clearTimeout(timer)
    this.#resting.clear()
  }

  /** Sends what waits in a conversation, up to the first that rests. */
  #flush(conversationId: string): void {
    for (const item of this.of(conversationId)) {
      if (this.#resting.has(item.clientId)) return
      if (item.state === 'waiting') this.#try(item)
    }
  }

  #wake(clientId: string): void {
    clearTimeout(this.#resting.get(clientId))
    this.#resting.delete(clientId)
  }

  #try({ clientId, conversationId, kind, text }: Pending): void {
    const type = kind === 'note' ? 'note' : 'send'
    const left = this.#options.send({ type, conversationId, clientId, text })
    this.#change(clientId, { state: left ? 'sending' : 'waiting', error: '' })
  }

  #find(clientId: string): Pending | undefined {
    return this.#items.find((item) => item.clientId === clientId)
  }

  #change(clientId: string, change: Partial<Pending>): void {
    this.#items = this.#items.map((item) => (item.clientId === clientId ? { ...item, ...change } : item))
    const item = this.#find(clientId)
    if (item) this.#keep(item)
  }

  #remove(clientId: string): void {
    const conversationId = this.#find(clientId)?.conversationId
    this.#items = this.#items.filter((item) => item.clientId !== clientId)
    try {
      this.#options.storage?.removeItem(this.#prefix + clientId)
    } catch {
      // storage may be shut; the item was only kept for a reload
    }
    // what waited behind it need not any more
    if (this.#resting.has(clientId) && conversationId) {
      this.#wake(clientId)
      this.#flush(conversationId)
    }
  }

  #keep(item: Pending): void {
    try {
      this.#options.storage?.setItem(this.#prefix + item.clientId, JSON.stringify(item))
    } catch {
      // full or shut storage: the item lives as long as this page
    }
  }

  #restore(): Pending[] {
    const { storage } = this.#options
    const items: Pending[] = []
    try {
      for (let index = 0; index < (storage?.length ?? 0); index++) {
        const key = storage?.key(index)
        if (!key?.startsWith(this.#prefix)) continue
        const item = JSON.parse(storage?.getItem(key) ?? 'null') as Pending | null
        if (item) items.push({ ...item, state: item.state === 'failed' ? 'failed' : 'waiting' })
      }
    } catch {
      return []
    }
    return items.sort((a, b) => a.at - b.at)
  }
}

/** 128 bits of chance. Without TLS a page has no crypto.randomUUID. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')
