import type { Conversation, Outcome } from '../../core/contracts/conversations.ts'
import type { ConversationPages } from './conversation-pages.svelte.ts'
import type { Conversations } from './conversations.svelte.ts'

export type ListView = 'active' | 'all' | 'missed'

/** Pause in typing after which a search starts. */
const debounceMs = 250

/** What the left column shows: which view, searched for what, filtered how. Searching and filtering look through
 *  everything, so they leave Active, and come back to it when cleared. */
export class ListChoice {
  readonly #conversations: Conversations
  readonly #pages: ConversationPages
  #view = $state<ListView>('active')
  #query = $state('')
  #agentId = $state<string | null>(null)
  #outcome = $state<Outcome | null>(null)
  #cameFromActive = false
  #timer: ReturnType<typeof setTimeout> | undefined

  readonly rows: Conversation[] = $derived.by(() =>
    this.#view === 'active' ? this.#conversations.active : this.#pages.rows,
  )
  readonly filtered: boolean = $derived.by(() => this.#agentId !== null || this.#outcome !== null)

  constructor(conversations: Conversations, pages: ConversationPages) {
    this.#conversations = conversations
    this.#pages = pages
  }

  get view(): ListView {
    return this.#view
  }
  get query(): string {
    return this.#query
  }
  get agentId(): string | null {
    return this.#agentId
  }
  get outcome(): Outcome | null {
    return this.#outcome
  }

  show(view: ListView): void {
    this.#view = view
    this.#cameFromActive = false
    if (view === 'active') {
      this.#query = ''
      this.#agentId = null
      this.#outcome = null
    }
    this.#ask(0)
  }

  search(query: string): void {
    this.#query = query
    this.#widen()
    this.#ask(debounceMs)
  }

  filter(agentId: string | null, outcome: Outcome | null): void {
    this.#agentId = agentId
    this.#outcome = outcome
    this.#widen()
    this.#ask(0)
  }

  /** The one before or after `id`; the first one when `id` is not in the list. */
  neighbour(id: string | null, step: 1 | -1): Conversation | undefined {
    const index = this.rows.findIndex((conversation) => conversation.id === id)
    return index === -1 ? this.rows[0] : this.rows[index + step]
  }

  #widen(): void {
    const looks = this.#query.trim() !== '' || this.filtered
    if (looks && this.#view === 'active') {
      this.#view = 'all'
      this.#cameFromActive = true
    } else if (!looks && this.#cameFromActive) {
      this.#view = 'active'
      this.#cameFromActive = false
    }
  }

  #ask(afterMs: number): void {
    clearTimeout(this.#timer)
    const ask = () => {
      const view = this.#view
      if (view === 'active') return
      void this.#pages.show({
        view,
        query: this.#query.trim(),
        agentId: this.#agentId,
        outcome: this.#outcome,
      })
    }
    if (afterMs === 0) ask()
    else this.#timer = setTimeout(ask, afterMs)
  }
}
