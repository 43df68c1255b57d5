import type { Activity, ActivityKind, ActivityPage, Visitor } from '../../core/contracts/visitors.ts'
import { type Api, sentence } from '../app/api.ts'

export type CorrectableField = 'name' | 'jobTitle' | 'email' | 'phone' | 'company'

/** Who one visitor is, and what happened with them in the last 90 days. */
export class VisitorPanel {
  readonly visitorId: string
  readonly #api: Api
  #visitor = $state.raw<Visitor | null>(null)
  #error = $state('')
  #refreshing = $state(false)
  readonly history: History

  constructor(api: Api, visitorId: string) {
    this.#api = api
    this.visitorId = visitorId
    this.history = new History(api, visitorId)
  }

  get visitor(): Visitor | null {
    return this.#visitor
  }
  /** Why there is no visitor; empty while loading and when there is one. */
  get error(): string {
    return this.#error
  }
  /** Some CRM is being asked at this moment. */
  get refreshing(): boolean {
    return this.#refreshing || Boolean(this.#visitor?.crms.some(({ refreshing }) => refreshing))
  }

  reload = async (): Promise<void> => {
    this.#error = ''
    await Promise.all([this.#load(), this.history.load()])
  }

  apply(visitor: Visitor): void {
    if (visitor.id !== this.visitorId) return
    const isNews = this.#visitor !== null && visitor.crms.length > 0
    this.#visitor = visitor
    // a CRM that told of the person tells of activities after that, and nothing of the visitor shows that it has
    if (isNews) void this.history.load()
  }

  applyPresence(visitorId: string, online: boolean): void {
    if (visitorId === this.visitorId && this.#visitor) this.#visitor = { ...this.#visitor, online }
  }

  /** Asks where the facts come from once more. */
  refresh = async (): Promise<void> => {
    if (this.#refreshing) return
    this.#refreshing = true
    try {
      this.apply(await this.#api.send<Visitor>('POST', `/visitors/${this.visitorId}/refresh`))
      // where a CRM is asked, its answer brings the history
      if (!this.#visitor?.crms.some(({ refreshing }) => refreshing)) await this.history.load()
    } catch (error) {
      this.#error = sentence(error)
    } finally {
      this.#refreshing = false
    }
  }

  /** @throws what Foyer refused, for the field to show */
  async correct(field: CorrectableField, value: string): Promise<void> {
    this.apply(
      await this.#api.send<Visitor>('PATCH', `/visitors/${this.visitorId}`, { [field]: value.trim() }),
    )
  }

  async #load(): Promise<void> {
    try {
      this.#visitor = await this.#api.get<Visitor>(`/visitors/${this.visitorId}`)
    } catch (error) {
      this.#error = sentence(error)
    }
  }
}

export class History {
  readonly #api: Api
  readonly #path: string
  #activities = $state.raw<Activity[]>([])
  #status = $state<'loading' | 'ready' | 'failed'>('loading')
  #error = $state('')
  #cursor = $state<string | null>(null)
  #kind = $state<ActivityKind | null>(null)
  #loadingMore = $state(false)
  /** Whether it was a further page that did not come, not the first one. */
  #moreFailed = false
  #request = 0

  constructor(api: Api, visitorId: string) {
    this.#api = api
    this.#path = `/visitors/${visitorId}/activities`
  }

  get activities(): readonly Activity[] {
    return this.#activities
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
  get loadingMore(): boolean {
    return this.#loadingMore
  }
  /** Null: all of them. */
  get kind(): ActivityKind | null {
    return this.#kind
  }

  show(kind: ActivityKind | null): Promise<void> {
    this.#kind = kind
    this.#activities = []
    return this.load()
  }

  load = async (): Promise<void> => {
    const request = ++this.#request
    this.#status = 'loading'
    try {
      const page = await this.#api.get<ActivityPage>(this.#path, { kind: this.#kind })
      if (request !== this.#request) return
      this.#activities = page.activities
      this.#cursor = page.nextCursor
      this.#status = 'ready'
    } catch (error) {
      if (request === this.#request) this.#fail(error, false)
    }
  }

  more = async (): Promise<void> => {
    if (this.#cursor === null || this.#loadingMore) return
    const request = this.#request
    this.#loadingMore = true
    try {
      const page = await this.#api.get<ActivityPage>(this.#path, { kind: this.#kind, cursor: this.#cursor })
      if (request !== this.#request) return
      this.#activities = [...this.#activities, ...page.activities]
      this.#cursor = page.nextCursor
      this.#status = 'ready'
    } catch (error) {
      if (request === this.#request) this.#fail(error, true)
    } finally {
      this.#loadingMore = false
    }
  }

  retry = (): Promise<void> => (this.#moreFailed ? this.more() : this.load())

  #fail(error: unknown, more: boolean): void {
    this.#status = 'failed'
    this.#moreFailed = more
    this.#error = sentence(error)
  }
}
