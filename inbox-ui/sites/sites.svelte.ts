import type { z } from 'zod'
import type { CreateSite, SaveSite, Site } from '../../core/contracts/sites.ts'
import { type Api, sentence } from '../app/api.ts'

/** Where the widget stands. */
export class Sites {
  readonly #api: Api
  #list = $state.raw<Site[] | null>(null)
  #error = $state('')

  constructor(api: Api) {
    this.#api = api
  }

  /** Null until loaded. */
  get list(): readonly Site[] | null {
    return this.#list
  }
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      this.#list = (await this.#api.get<{ sites: Site[] }>('/sites')).sites
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  async add(site: z.input<typeof CreateSite>): Promise<Site> {
    const added = await this.#api.send<Site>('POST', '/sites', site)
    this.#list = [...(this.#list ?? []), added]
    return added
  }

  async save(id: string, site: z.input<typeof SaveSite>): Promise<Site> {
    const saved = await this.#api.send<Site>('PUT', `/sites/${id}`, site)
    this.#list = (this.#list ?? []).map((other) => (other.id === id ? saved : other))
    return saved
  }
}
