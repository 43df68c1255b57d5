import type {
  KnownFields,
  PageView,
  VisitorFields,
  WidgetConversation,
  WidgetSession,
} from '#core/contracts/widget.ts'
import { Refusal } from '../api.ts'
import type { Parts } from './parts.ts'
import { mayPass, Pauses } from './problems.ts'
import { Timers } from './timers.ts'

type Handlers = {
  /** `again`: it is the visitor there was before. */
  onsession: (session: WidgetSession, again: boolean) => void
  onfailure: () => void
}

/** Who is here: the session with Foyer, asked for again after a while where nobody answers. */
export class Visit {
  #parts: Parts
  #handlers: Handlers
  #identity: string | null = null
  #beginning: Promise<void> | null = null
  #pauses = new Pauses()
  #timers = new Timers()
  /** Server time minus this device's, in ms. */
  #clockOffsetMs = $state(0)

  session = $state.raw<WidgetSession | null>(null)
  /** What Foyer said where it gave no session; '' where nobody answered. */
  failure = $state('')
  page: PageView | null = null
  /** From the link of a mail, until a session has begun with it. */
  resume: string | undefined

  constructor(parts: Parts, handlers: Handlers) {
    this.#parts = parts
    this.#handlers = handlers
  }

  /** Foyer's time, in ms. */
  now() {
    return Date.now() + this.#clockOffsetMs
  }

  clockIs(now: string) {
    this.#clockOffsetMs = Date.parse(now) - Date.now()
  }

  /** Gets a session, new or the one of before. Never fails: without one, it is tried again later. */
  begin(): Promise<void> {
    const beginning =
      this.#beginning ??
      this.#begin().finally(() => {
        this.#beginning = null
      })
    this.#beginning = beginning
    return beginning
  }

  async #begin(): Promise<void> {
    const { api, keep, siteKey, languages } = this.#parts
    this.#timers.stop('begin')
    try {
      const session = await api.openSession({
        siteKey,
        token: keep.get('token') ?? undefined,
        identity: this.#identity ?? undefined,
        resume: this.resume,
        page: this.page ?? undefined,
        timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        language: languages?.[0]?.slice(0, 35),
      })
      const again = this.session?.visitorId === session.visitorId
      this.#pauses.reset()
      this.session = session
      this.clockIs(session.now)
      keep.set('token', session.token)
      this.#handlers.onsession(session, again)
      this.resume = undefined
    } catch (problem) {
      if (problem instanceof Refusal && problem.problem.code === 'invalid_identity') {
        // A signature that does not hold makes nobody anonymous mute: go on without it.
        console.warn(`Foyer: ${problem.message}`)
        this.#identity = null
        return this.#begin()
      }
      this.failure = problem instanceof Refusal ? problem.message : ''
      this.#handlers.onfailure()
      if (mayPass(problem)) this.#timers.set('begin', this.#pauses.after(problem), () => this.begin())
    }
  }

  /** The page says who is here, so what another tab keeps does not matter. */
  get isNamed() {
    return this.#identity !== null
  }

  /** From the next session on. */
  identify(jwt: string) {
    this.#identity = jwt
  }

  reachable(reachability: WidgetSession['reachability']) {
    if (this.session) this.session = { ...this.session, reachability }
  }

  /** What the visitor has just given is not asked again, nor what is asked only of who was in no conversation yet. */
  gave(fields: VisitorFields, conversation: WidgetConversation) {
    if (!this.session) return
    const given = Object.entries(fields).filter(([, value]) => value)
    const known: KnownFields = { ...this.session.known, ...Object.fromEntries(given) }
    this.session = { ...this.session, known, conversation }
  }
}
