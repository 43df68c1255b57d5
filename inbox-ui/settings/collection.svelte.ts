import { type Api, sentence } from '../app/api.ts'

/** Where Foyer keeps them: GET on `path` answers with all of them under `name`, POST there adds one, and `change` on
 *  `path`/:id changes one. */
export interface Keeping {
  path: `/${string}`
  name: string
  change: 'PATCH' | 'PUT'
}

/** What an admin keeps a short list of under Settings: agents, sites. Adding and changing throw what Foyer refused,
 *  for the form to show. */
export class Collection<Item extends { id: string }, New, Change> {
  readonly #api: Api
  readonly #keeping: Keeping
  #list = $state.raw<Item[] | null>(null)
  #error = $state('')

  constructor(api: Api, keeping: Keeping) {
    this.#api = api
    this.#keeping = keeping
  }

  /** Null until loaded. */
  get list(): readonly Item[] | null {
    return this.#list
  }
  /** Why there is no list; empty while loading and when there is one. */
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    const { path, name } = this.#keeping
    this.#error = ''
    try {
      this.#list = (await this.#api.get<Record<string, Item[]>>(path))[name] ?? []
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  async add(item: New): Promise<Item> {
    const added = await this.#api.send<Item>('POST', this.#keeping.path, item)
    this.#list = [...(this.#list ?? []), added]
    return added
  }

  /** What became known of one of them without asking. */
  know(id: string, part: Partial<Item>): void {
    this.#list = this.#list?.map((item) => (item.id === id ? { ...item, ...part } : item)) ?? null
  }

  /** @param replaces the version it was made from, see {@link Api.send} */
  async change(id: string, change: Change, replaces?: string): Promise<Item> {
    const { path, change: method } = this.#keeping
    const changed = await this.#api.send<Item>(method, `${path}/${id}`, change, replaces)
    this.#list = (this.#list ?? []).map((item) => (item.id === id ? changed : item))
    return changed
  }

  async remove(id: string): Promise<void> {
    await this.#api.send('DELETE', `${this.#keeping.path}/${id}`)
    this.#list = (this.#list ?? []).filter((item) => item.id !== id)
  }
}
