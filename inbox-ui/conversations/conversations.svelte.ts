import { SvelteMap } from 'svelte/reactivity'
import type { Conversation, Entry } from '../../core/contracts/conversations.ts'
import { byWaiting, withEntry, withRead } from './summary.ts'

/** Every conversation this inbox knows something about, by id; lists hold ids and read from here. */
export class Conversations {
  readonly #agentId: string
  readonly #byId = new SvelteMap<string, Conversation>()
  #loaded = $state(false)

  /** The agent's own open chats, longest waiting first. */
  readonly active: Conversation[] = $derived(
    [...this.#byId.values()].filter((conversation) => this.isOwnActive(conversation)).sort(byWaiting),
  )
  readonly unread: number = $derived(this.active.reduce((sum, { unread }) => sum + unread, 0))

  constructor(agentId: string) {
    this.#agentId = agentId
  }

  /** Whether a snapshot has arrived: an empty list before it means "not known yet". */
  get loaded(): boolean {
    return this.#loaded
  }

  get(id: string): Conversation | undefined {
    return this.#byId.get(id)
  }

  isOwnActive(conversation: Conversation): boolean {
    return conversation.status === 'active' && conversation.agent?.id === this.#agentId
  }

  /** A fresh snapshot of the agent's open chats. @returns ids that were open here and no longer are */
  replace(snapshot: Conversation[]): string[] {
    const here = new Set(snapshot.map(({ id }) => id))
    const closed = this.active.filter(({ id }) => !here.has(id)).map(({ id }) => id)
    for (const id of closed) this.#byId.delete(id)
    for (const conversation of snapshot) this.#byId.set(conversation.id, conversation)
    this.#loaded = true
    return closed
  }

  /** What comes late and is older than what is here changes nothing; an answer asked for before somebody read takes
   *  nothing of that back. */
  put(conversation: Conversation): void {
    const known = this.#byId.get(conversation.id)
    if (known && (known.lastSeq > conversation.lastSeq || (known.endedAt && !conversation.endedAt))) return
    this.#byId.set(conversation.id, known ? withReadOf(known, conversation) : conversation)
  }

  /** It is no longer to be seen. */
  forget(id: string): void {
    this.#byId.delete(id)
  }

  applyEntry(id: string, entry: Entry): void {
    this.#change(id, (conversation) => withEntry(conversation, entry))
  }

  /** The agent has read up to here. */
  applyRead(id: string, readSeq: number): void {
    this.#change(id, (conversation) => withRead(conversation, readSeq))
  }

  /** The visitor has read and received up to here. */
  applySeen(id: string, readSeq: number, receivedSeq: number): void {
    this.#change(id, (conversation) => ({
      ...conversation,
      visitorReadSeq: Math.max(conversation.visitorReadSeq, readSeq),
      visitorReceivedSeq: Math.max(conversation.visitorReceivedSeq, receivedSeq),
    }))
  }

  applyPresence(visitorId: string, online: boolean): void {
    for (const conversation of this.#byId.values())
      if (conversation.visitor.id === visitorId && conversation.visitor.online !== online)
        this.#byId.set(conversation.id, { ...conversation, visitor: { ...conversation.visitor, online } })
  }

  applyVisitor(visitor: Pick<Conversation['visitor'], 'id' | 'name' | 'email' | 'company' | 'online'>): void {
    const { id, name, email, company, online } = visitor
    for (const conversation of this.#byId.values())
      if (conversation.visitor.id === id)
        this.#byId.set(conversation.id, { ...conversation, visitor: { id, name, email, company, online } })
  }

  #change(id: string, change: (conversation: Conversation) => Conversation): void {
    const conversation = this.#byId.get(id)
    if (!conversation) return
    const next = change(conversation)
    if (next !== conversation) this.#byId.set(id, next)
  }
}

/** Read marks only go forward. */
function withReadOf(known: Conversation, next: Conversation): Conversation {
  const { agentReadSeq, unread } =
    known.lastSeq === next.lastSeq && known.agentReadSeq > next.agentReadSeq ? known : next
  return {
    ...next,
    agentReadSeq,
    unread,
    visitorReadSeq: Math.max(known.visitorReadSeq, next.visitorReadSeq),
    visitorReceivedSeq: Math.max(known.visitorReceivedSeq, next.visitorReceivedSeq),
  }
}
