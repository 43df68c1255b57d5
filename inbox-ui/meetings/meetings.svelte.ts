import type { Meeting, MeetingPage } from '../../core/contracts/meetings.ts'
import { type Api, sentence } from '../app/api.ts'

export type Scope = 'mine' | 'all'
export type When = 'upcoming' | 'past'

/** A list of meetings, one's own or everybody's, a page at a time. */
export class Meetings {
  readonly #api: Api
  #scope = $state<Scope>('mine')
  #when = $state<When>('upcoming')
  #list = $state.raw<Meeting[]>([])
  #cursor = $state<string | null>(null)
  #status = $state<'loading' | 'ready' | 'failed'>('loading')
  #error = $state('')
  #request = 0

  constructor(api: Api) {
    this.#api = api
  }

  get scope() {
    return this.#scope
  }
  get when() {
    return this.#when
  }
  get list(): readonly Meeting[] {
    return this.#list
  }
  get status() {
    return this.#status
  }
  get error(): string {
    return this.#error
  }
  get hasMore(): boolean {
    return this.#cursor !== null
  }

  show({ scope = this.#scope, when = this.#when }: { scope?: Scope; when?: When }): Promise<void> {
    this.#scope = scope
    this.#when = when
    this.#list = []
    return this.load()
  }

  load = (): Promise<void> => this.#read(null)
  more = (): Promise<void> => this.#read(this.#cursor)

  /** One of them as it is now. */
  put(meeting: Meeting): void {
    if (!this.#list.some(({ id }) => id === meeting.id)) return
    this.#list = this.#list.map((one) => (one.id === meeting.id ? meeting : one))
  }

  async #read(cursor: string | null): Promise<void> {
    const request = ++this.#request
    this.#status = 'loading'
    try {
      const query = { scope: this.#scope, when: this.#when, cursor }
      const page = await this.#api.get<MeetingPage>('/meetings', query)
      if (request !== this.#request) return
      this.#list = cursor ? [...this.#list, ...page.meetings] : page.meetings
      this.#cursor = page.nextCursor
      this.#status = 'ready'
    } catch (error) {
      if (request !== this.#request) return
      this.#status = 'failed'
      this.#error = sentence(error)
    }
  }
}
