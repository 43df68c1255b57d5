import { SvelteMap } from 'svelte/reactivity'
import type { EntryPage } from '../../core/contracts/conversations.ts'
import type { Api } from '../app/api.ts'
import { ConversationLog } from './conversation-log.svelte.ts'

const logsHeld = 30

/** The logs that were looked at lately, so that going back to one shows it at once. The last used come last, and the first ones
 *  are let go. */
export class HeldLogs {
  readonly #api: Api
  readonly #resume: (conversationId: string, afterSeq: number) => boolean
  readonly #logs = new SvelteMap<string, ConversationLog>()

  /** @param resume asks for what comes after a seq; false where it could not be asked. */
  constructor(api: Api, resume: (conversationId: string, afterSeq: number) => boolean) {
    this.#api = api
    this.#resume = resume
  }

  get(conversationId: string): ConversationLog | undefined {
    return this.#logs.get(conversationId)
  }

  /** Somebody looks at it now: read, unless it has been. */
  open(conversationId: string): void {
    const held = this.#logs.get(conversationId)
    if (!held) return this.#hold(conversationId)
    this.#logs.delete(conversationId)
    this.#logs.set(conversationId, held)
    if (held.status === 'failed' || held.status === 'missing') void held.load()
  }

  letGo(conversationId: string): void {
    this.#logs.delete(conversationId)
  }

  /** After a line that broke: those that are followed ask for what they missed, the others are let go. */
  catchUp(isFollowed: (conversationId: string) => boolean): void {
    for (const [id, log] of this.#logs)
      if (isFollowed(id)) log.catchUp()
      else this.letGo(id)
  }

  /** Something that was asked for was refused; it is not said for which of them. */
  refused(retryAfterMs: number | undefined): void {
    for (const log of this.#logs.values()) log.refused(retryAfterMs)
  }

  #hold(conversationId: string): void {
    const log = new ConversationLog({
      read: (range) => this.#api.get<EntryPage>(`/conversations/${conversationId}/messages`, range),
      resume: (afterSeq) => this.#resume(conversationId, afterSeq),
    })
    this.#logs.set(conversationId, log)
    for (const id of [...this.#logs.keys()].slice(0, -logsHeld)) this.letGo(id)
    void log.load()
  }
}
