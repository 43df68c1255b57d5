import type { Conversation, Outcome } from '../../core/contracts/conversations.ts'
import type { ConversationPages } from './conversation-pages.svelte.ts'
import type { Conversations } from './conversations.svelte.ts'

export type ListView = 'active' | 'all' | 'missed'

interface Filters {
  agentId: string | null
  outcome: Outcome | null
  /** Calendar dates here, both included: "2026-11-24". */
  from: string | null
  to: string | null
}
const noFilters: Filters = { agentId: null, outcome: null, from: null, to: null }

/** Pause in typing after which a search starts. */
const debounceMs = 250

/** What the left column shows: which view, searched for what, filtered how. Searching and filtering look through
 *  everything, so they leave Active, and come back to it when cleared. */
export class ListChoice {
  readonly #conversations: Conversations
  readonly #pages: ConversationPages
  #view = $state<ListView>('active')
  #query = $state('')
  #filters = $state.raw(noFilters)
  #cameFromActive = false
  #timer: ReturnType<typeof setTimeout> | undefined

  readonly rows: Conversation[] = $derived.by(() =>
    this.#view === 'active' ? this.#conversations.active : this.#pages.rows,
  )
  readonly filtered: boolean = $derived.by(() =>
    Object.values(this.#filters).some((filter) => filter !== null),
  )

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
  get filters(): Filters {
    return this.#filters
  }

  show(view: ListView): void {
    this.#view = view
    this.#cameFromActive = false
    if (view === 'active') {
      this.#query = ''
      this.#filters = noFilters
    }
    this.#ask(0)
  }

  search(query: string): void {
    this.#query = query
    this.#widen()
    this.#ask(debounceMs)
  }

  /** Sets some filters and leaves the others. */
  filter(filters: Partial<Filters>): void {
    this.#filters = { ...this.#filters, ...filters }
    this.#widen()
    this.#ask(0)
  }

  clearFilters = (): void => this.filter(noFilters)

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
        agentId: this.#filters.agentId,
        outcome: this.#filters.outcome,
        from: midnight(this.#filters.from, 0),
        to: midnight(this.#filters.to, 1),
      })
    }
    if (afterMs === 0) ask()
    else this.#timer = setTimeout(ask, afterMs)
  }
}

/** The instant at which a date begins here, or one of the days after it. */
function midnight(date: string | null, daysLater: number): string | null {
  if (date === null) return null
  const at = new Date(`${date}T00:00`)
  if (Number.isNaN(at.getTime())) return null
  at.setDate(at.getDate() + daysLater)
  return at.toISOString()
}
