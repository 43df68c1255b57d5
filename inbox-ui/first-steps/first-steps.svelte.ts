import type { Agent } from '../../core/contracts/agents.ts'
import type { ConversationPage } from '../../core/contracts/conversations.ts'
import type { Site } from '../../core/contracts/sites.ts'
import type { Api } from '../app/api.ts'

export interface StepsDone {
  /** Somebody has written from a page, so the line stands in it. */
  site: boolean
  /** Some chat has come to its end, be it a test. */
  chat: boolean
  colleagues: boolean
}

/** What a new organisation has yet to do before visitors can be answered. */
export class FirstSteps {
  readonly #api: Api
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined
  readonly #key: string
  #site = $state.raw<Site | null>(null)
  #done = $state.raw<StepsDone | null>(null)
  #hidden = $state(false)

  constructor(api: Api, options: { agentId: string; storage?: Pick<Storage, 'getItem' | 'setItem'> }) {
    this.#api = api
    this.#storage = options.storage
    this.#key = `foyer.first-steps.${options.agentId}`
    try {
      this.#hidden = this.#storage?.getItem(this.#key) === 'hidden'
    } catch {
      // no storage: the steps come back with each visit
    }
  }

  /** Null until known, and when there is nothing left to do or nobody wants to see it. */
  get left(): { site: Site | null; done: StepsDone } | null {
    const done = this.#done
    if (this.#hidden || !done || (done.site && done.colleagues)) return null
    return { site: this.#site, done }
  }

  load = async (): Promise<void> => {
    if (this.#hidden) return
    try {
      const [chats, { sites }, { agents }] = await Promise.all([
        this.#api.get<ConversationPage>('/conversations', { view: 'all' }),
        this.#api.get<{ sites: Site[] }>('/sites'),
        this.#api.get<{ agents: Agent[] }>('/agents'),
      ])
      this.#site = sites[0] ?? null
      this.#done = {
        site: chats.conversations.some(({ page }) => page !== null),
        chat: chats.conversations.length > 0,
        colleagues: agents.length > 1,
      }
    } catch {
      // a help that does not come is not missed; the inbox itself says when Foyer does not answer
    }
  }

  hide = (): void => {
    this.#hidden = true
    try {
      this.#storage?.setItem(this.#key, 'hidden')
    } catch {
      // no storage: hidden until the next visit
    }
  }
}
