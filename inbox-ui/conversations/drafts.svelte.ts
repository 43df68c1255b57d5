import { SvelteMap } from 'svelte/reactivity'

export interface Draft {
  text: string
  kind: 'message' | 'note'
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

/** What is half written in each conversation; it survives switching, reloads and sign-in. */
export class Drafts {
  readonly #byId = new SvelteMap<string, Draft>()
  readonly #storage: Store | undefined
  readonly #prefix: string

  constructor(storage?: Store, prefix = 'foyer.draft.') {
    this.#storage = storage
    this.#prefix = prefix
    try {
      for (let index = 0; index < (storage?.length ?? 0); index++) {
        const key = storage?.key(index)
        if (!key?.startsWith(prefix)) continue
        const draft = JSON.parse(storage?.getItem(key) ?? 'null') as Draft | null
        if (draft?.text) this.#byId.set(key.slice(prefix.length), draft)
      }
    } catch {
      // unreadable storage: begin empty
    }
  }

  get(conversationId: string): Draft {
    return this.#byId.get(conversationId) ?? { text: '', kind: 'message' }
  }

  set(conversationId: string, draft: Draft): void {
    this.#byId.set(conversationId, draft)
    try {
      if (draft.text) this.#storage?.setItem(this.#prefix + conversationId, JSON.stringify(draft))
      else this.#storage?.removeItem(this.#prefix + conversationId)
    } catch {
      // full or shut storage: the draft lives as long as this page
    }
  }
}
