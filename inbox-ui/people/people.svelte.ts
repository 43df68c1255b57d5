import type { ImportResult, Person, PersonPage } from '../../core/contracts/visitors.ts'
import { type Api, sentence } from '../app/api.ts'

const debounceMs = 250

/** The people directory, page by page. */
export class People {
  readonly #api: Api
  #list = $state.raw<Person[]>([])
  #status = $state<'loading' | 'ready' | 'failed'>('loading')
  #error = $state('')
  #query = $state('')
  #total = $state<number | null>(null)
  #cursor = $state<string | null>(null)
  #loadingMore = $state(false)
  /** Whether it was a further page that did not come, not the first one. */
  #moreFailed = false
  #request = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: Api, query: string) {
    this.#api = api
    this.#query = query
  }

  get list(): readonly Person[] {
    return this.#list
  }
  get status() {
    return this.#status
  }
  get error(): string {
    return this.#error
  }
  get query(): string {
    return this.#query
  }
  /** How many match; null until known. */
  get total(): number | null {
    return this.#total
  }
  get hasMore(): boolean {
    return this.#cursor !== null
  }

  search(query: string): void {
    this.#query = query
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.load(), debounceMs)
  }

  load = async (): Promise<void> => {
    const request = ++this.#request
    this.#status = 'loading'
    try {
      const page = await this.#read(null)
      if (request !== this.#request) return
      this.#list = page.people
      this.#take(page)
    } catch (error) {
      if (request === this.#request) this.#fail(error, false)
    }
  }

  more = async (): Promise<void> => {
    if (this.#cursor === null || this.#loadingMore) return
    const request = this.#request
    this.#loadingMore = true
    try {
      const page = await this.#read(this.#cursor)
      if (request !== this.#request) return
      this.#list = [...this.#list, ...page.people]
      this.#take(page)
    } catch (error) {
      if (request === this.#request) this.#fail(error, true)
    } finally {
      this.#loadingMore = false
    }
  }

  retry = (): Promise<void> => (this.#moreFailed ? this.more() : this.load())

  #read(cursor: string | null): Promise<PersonPage> {
    return this.#api.get<PersonPage>('/people', { query: this.#query.trim(), cursor })
  }

  #take(page: PersonPage): void {
    this.#total = page.total
    this.#cursor = page.nextCursor
    this.#status = 'ready'
  }

  #fail(error: unknown, more: boolean): void {
    this.#status = 'failed'
    this.#moreFailed = more
    this.#error = sentence(error)
  }
}

/**
 * One file on its way in. States:
 *   choosing  no file yet, or the last one was refused (`error`)
 *   sending   `sent` of it has left, from 0 to 1; at 1 Foyer reads
 *   done      `result` is there
 */
export class PeopleImport {
  readonly #api: Api
  readonly #path: string
  #status = $state<'choosing' | 'sending' | 'done'>('choosing')
  #sent = $state(0)
  #result = $state.raw<ImportResult | null>(null)
  #error = $state('')

  constructor(api: Api, path = '/people/import') {
    this.#api = api
    this.#path = path
  }

  get status() {
    return this.#status
  }
  get sent(): number {
    return this.#sent
  }
  get result(): ImportResult | null {
    return this.#result
  }
  get error(): string {
    return this.#error
  }

  reset(error = ''): void {
    this.#status = 'choosing'
    this.#result = null
    this.#error = error
    this.#sent = 0
  }

  async send(file: File): Promise<void> {
    this.reset()
    this.#status = 'sending'
    try {
      this.#result = await this.#api.upload<ImportResult>(this.#path, file, 'text/csv', (part) => {
        this.#sent = part
      })
      this.#status = 'done'
    } catch (error) {
      this.reset(sentence(error))
    }
  }
}
