import type { Conversation, ConversationPage } from '../../core/contracts/conversations.ts'
import type { Person, PersonPage } from '../../core/contracts/visitors.ts'
import type { Api } from './api.ts'
import { addresses } from './router.svelte.ts'

export interface Target {
  key: string
  kind: 'page' | 'chat' | 'person'
  label: string
  detail: string
  address: string
}

const debounceMs = 200
const shown = 5

/** Finds pages, chats and people by what is typed. */
export class GoToSearch {
  readonly #api: Api
  readonly #pages: Target[]
  readonly #mayPeople: boolean
  readonly #nameless: string
  #query = $state('')
  #found = $state.raw<Target[]>([])
  #status = $state<'idle' | 'searching' | 'failed'>('idle')
  #request = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  readonly targets: Target[] = $derived.by(() => {
    const words = this.#query.trim().toLocaleLowerCase()
    if (words === '') return this.#pages
    const isIn = (text: string) => text.toLocaleLowerCase().includes(words)
    const named = this.#pages.filter(({ label }) => isIn(label))
    const described = this.#pages.filter(({ label, detail }) => !isIn(label) && isIn(detail))
    // named pages stand first, so that what is found meanwhile moves nothing under the keyboard
    return [...named, ...this.#found, ...described]
  })

  constructor(options: { api: Api; pages: Target[]; mayPeople: boolean; nameless: string }) {
    this.#api = options.api
    this.#pages = options.pages
    this.#mayPeople = options.mayPeople
    this.#nameless = options.nameless
  }

  get query(): string {
    return this.#query
  }
  get status() {
    return this.#status
  }

  search(query: string): void {
    this.#query = query
    clearTimeout(this.#timer)
    this.#request++
    if (query.trim() === '') {
      this.#found = []
      this.#status = 'idle'
      return
    }
    this.#status = 'searching'
    this.#timer = setTimeout(() => void this.#ask(query.trim()), debounceMs)
  }

  async #ask(query: string): Promise<void> {
    const request = this.#request
    try {
      const [chats, people] = await Promise.all([
        this.#api.get<ConversationPage>('/conversations', { view: 'all', query }),
        this.#mayPeople ? this.#api.get<PersonPage>('/people', { query }) : null,
      ])
      if (request !== this.#request) return
      this.#found = [
        ...chats.conversations.slice(0, shown).map((chat) => this.#chat(chat)),
        ...(people?.people ?? []).slice(0, shown).map((person) => this.#person(person)),
      ]
      this.#status = 'idle'
    } catch {
      if (request === this.#request) this.#status = 'failed'
    }
  }

  #chat({ id, visitor, lastText, firstText }: Conversation): Target {
    const label = [visitor.name ?? this.#nameless, visitor.company].filter(Boolean).join(', ')
    return {
      key: id,
      kind: 'chat',
      label,
      detail: lastText ?? firstText,
      address: addresses.conversation(id),
    }
  }

  #person({ id, name, email, company }: Person): Target {
    const label = [name ?? email, company].filter(Boolean).join(', ')
    const address = `${addresses.people}?query=${encodeURIComponent(email)}`
    return { key: id, kind: 'person', label, detail: email, address }
  }
}
