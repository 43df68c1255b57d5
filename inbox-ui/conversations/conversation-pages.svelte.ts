import type {
  Conversation,
  ConversationPage,
  FoundWords,
  Outcome,
} from '../../core/contracts/conversations.ts'
import { type Api, sentence } from '../app/api.ts'
import type { Conversations } from './conversations.svelte.ts'

export interface Wanted {
  view: 'all' | 'missed'
  query: string
  agentId: string | null
  outcome: Outcome | null
  /** Instants; `to` is the one after it. */
  from: string | null
  to: string | null
}

/**
 * A list too long to hold: the server's pages, read on as somebody scrolls. States:
 *   idle     nothing asked yet
 *   loading  the first page of what is wanted is on its way; rows are those of before, if the view is the same
 *   ready    there are rows, or there are none
 *   failed   the last request failed; `error` says why and `retry()` asks again
 */
export type PagesStatus = 'idle' | 'loading' | 'ready' | 'failed'

export class ConversationPages {
  readonly #api: Api
  readonly #store: Conversations
  #wanted = $state.raw<Wanted>({
    view: 'all',
    query: '',
    agentId: null,
    outcome: null,
    from: null,
    to: null,
  })
  #ids = $state.raw<string[]>([])
  #found = $state.raw<Record<string, FoundWords>>({})
  #status = $state<PagesStatus>('idle')
  #error = $state('')
  #cursor = $state<string | null>(null)
  #loadingMore = $state(false)
  /** Whether it was a further page that did not come, not the first one. */
  #moreFailed = false
  /** Counts requests for a first page, so that a slow old answer does not replace a newer one. */
  #request = 0

  /** In the server's order, which a chat that ends moves in: own open ones, then by their end. Found ones stay as
   *  they were found. */
  readonly rows: Conversation[] = $derived.by(() => {
    const rows = this.#ids
      .map((id) => this.#store.get(id))
      .filter((conversation) => conversation !== undefined)
    return this.#wanted.query ? rows : rows.sort(byEnd)
  })

  constructor(api: Api, store: Conversations) {
    this.#api = api
    this.#store = store
  }

  get status(): PagesStatus {
    return this.#status
  }
  get error(): string {
    return this.#error
  }
  get wanted(): Wanted {
    return this.#wanted
  }
  /** Where what is searched for was said; undefined for a chat that was found by its visitor. */
  foundIn(id: string): FoundWords | undefined {
    return this.#wanted.query ? this.#found[id] : undefined
  }
  get hasMore(): boolean {
    return this.#cursor !== null
  }
  get loadingMore(): boolean {
    return this.#loadingMore
  }

  show(wanted: Wanted): Promise<void> {
    if (!same(wanted, this.#wanted)) this.#ids = []
    this.#wanted = wanted
    return this.#first()
  }

  retry = (): Promise<void> => (this.#moreFailed ? this.more() : this.#first())

  /** After a break nobody knows what was missed: reads the first page again, leaving what is shown in place. */
  refresh(): Promise<void> | undefined {
    return this.#status === 'idle' ? undefined : this.#first()
  }

  async more(): Promise<void> {
    if (this.#cursor === null || this.#loadingMore) return
    const request = this.#request
    this.#loadingMore = true
    try {
      const page = await this.#read(this.#cursor)
      if (request !== this.#request) return
      for (const conversation of page.conversations) this.#store.put(conversation)
      this.#ids = [...new Set([...this.#ids, ...page.conversations.map(({ id }) => id)])]
      this.#cursor = page.nextCursor
      this.#status = 'ready'
    } catch (error) {
      if (request === this.#request) this.#fail(error, true)
    } finally {
      this.#loadingMore = false
    }
  }

  /** A conversation changed or became visible. With a search or filter only the server knows whether it belongs. */
  noticed(conversation: Conversation): void {
    const { view, query, agentId, outcome, from, to } = this.#wanted
    const narrowed = query || agentId || outcome || from || to
    if (this.#status === 'idle' || narrowed || this.#ids.includes(conversation.id)) return
    if (conversation.status === 'waiting' || (view === 'missed' && conversation.status !== 'missed')) return
    this.#ids = [conversation.id, ...this.#ids]
  }

  async #first(): Promise<void> {
    const request = ++this.#request
    this.#status = 'loading'
    try {
      const page = await this.#read(null)
      if (request !== this.#request) return
      for (const conversation of page.conversations) this.#store.put(conversation)
      this.#ids = page.conversations.map(({ id }) => id)
      this.#found = page.found ?? {}
      this.#cursor = page.nextCursor
      this.#status = 'ready'
    } catch (error) {
      if (request === this.#request) this.#fail(error, false)
    }
  }

  #read(cursor: string | null): Promise<ConversationPage> {
    return this.#api.get<ConversationPage>('/conversations', { ...this.#wanted, cursor })
  }

  #fail(error: unknown, more: boolean): void {
    this.#status = 'failed'
    this.#moreFailed = more
    this.#error = sentence(error)
  }
}

function byEnd(a: Conversation, b: Conversation): number {
  const [first, second] = [a.endedAt ?? a.lastAt, b.endedAt ?? b.lastAt]
  if (Boolean(a.endedAt) !== Boolean(b.endedAt)) return a.endedAt ? 1 : -1
  return first < second ? 1 : first > second ? -1 : a.id < b.id ? 1 : -1
}

const same = (a: Wanted, b: Wanted) =>
  a.view === b.view &&
  a.query === b.query &&
  a.agentId === b.agentId &&
  a.outcome === b.outcome &&
  a.from === b.from &&
  a.to === b.to
