import type { Conversation, Offer } from '#core/contracts/conversations.ts'
import type { ToAgent, ToVisitor } from '#core/contracts/sockets.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { SocketClient } from '#tests/support/socket-client.ts'
import { withEntry } from '../../../inbox-ui/conversations/summary.ts'

/** A second tab that is only looked at: what it was told at first, and every live event since. */
export class AgentTab {
  readonly #offers = new Map<string, Offer>()
  readonly #conversations = new Map<string, Conversation>()
  #missed = 0
  #availability: unknown

  constructor(socket: SocketClient<ToAgent>) {
    for (const frame of socket.frames) this.#apply(frame)
    socket.on((frame) => this.#apply(frame))
  }

  /** What a person would see. A chat's time-out is not told with every message: the warning line names it. */
  get shown() {
    const own = [...this.#conversations.values()].filter(({ status }) => status === 'active')
    return {
      availability: this.#availability,
      missed: this.#missed,
      offers: [...this.#offers.values()].sort(byId),
      conversations: own.map((one) => ({ ...one, idleAt: null })).sort(byId),
    }
  }

  #apply(frame: ToAgent): void {
    if (frame.type === 'welcome') {
      for (const offer of frame.offers) this.#offers.set(offer.id, offer)
      for (const conversation of frame.conversations) this.#conversations.set(conversation.id, conversation)
      this.#missed = frame.counts.missed
      this.#availability = frame.availability
    }
    if (frame.type === 'offer') this.#offers.set(frame.offer.id, frame.offer)
    if (frame.type === 'offer_closed') this.#offers.delete(frame.offerId)
    if (frame.type === 'availability') this.#availability = frame.availability
    if (frame.type === 'counts') this.#missed = frame.counts.missed
    if (frame.type === 'conversation') {
      const known = this.#conversations.get(frame.conversation.id)
      if (!known || known.lastSeq <= frame.conversation.lastSeq)
        this.#conversations.set(frame.conversation.id, frame.conversation)
    }
    if (frame.type === 'entry')
      this.#change(frame.conversationId, (conversation) => withEntry(conversation, frame.entry))
    if (frame.type === 'seen')
      this.#change(frame.conversationId, (conversation) => ({
        ...conversation,
        visitorReadSeq: Math.max(conversation.visitorReadSeq, frame.readSeq),
        visitorReceivedSeq: Math.max(conversation.visitorReceivedSeq, frame.receivedSeq),
      }))
    if (frame.type === 'presence')
      for (const { id, visitor } of this.#conversations.values())
        if (visitor.id === frame.visitorId)
          this.#change(id, (one) => ({ ...one, visitor: { ...visitor, online: frame.online } }))
  }

  #change(id: string, change: (conversation: Conversation) => Conversation): void {
    const conversation = this.#conversations.get(id)
    if (conversation) this.#conversations.set(id, change(conversation))
  }
}

export class VisitorTab {
  #conversation: WidgetConversation | null = null

  constructor(socket: SocketClient<ToVisitor>) {
    for (const frame of socket.frames) this.#apply(frame)
    socket.on((frame) => this.#apply(frame))
  }

  get shown(): WidgetConversation | null {
    return this.#conversation
  }

  #apply(frame: ToVisitor): void {
    const known = this.#conversation
    if (frame.type === 'welcome') this.#conversation = frame.conversation
    if (frame.type === 'conversation') {
      const { conversation } = frame
      const isNews =
        known?.id === conversation.id ? known.lastSeq <= conversation.lastSeq : isNewer(conversation, known)
      if (isNews) this.#conversation = conversation
    }
    if (!known || !('conversationId' in frame) || frame.conversationId !== known.id) return
    if (frame.type === 'seen')
      this.#conversation = { ...known, agentReadSeq: Math.max(known.agentReadSeq, frame.readSeq) }
    if (frame.type === 'entry' && frame.entry.seq > known.lastSeq) {
      const { seq, at, kind, text, sender } = frame.entry
      const isMessage = kind === 'message'
      const isNews = isMessage && sender.type === 'agent' && seq > known.visitorReadSeq
      this.#conversation = {
        ...known,
        lastSeq: seq,
        lastAt: at,
        lastText: isMessage ? text : known.lastText,
        unread: known.unread + (isNews ? 1 : 0),
      }
    }
  }
}

/** Of two conversations a visitor sees the later one, whichever was told of last. */
const isNewer = (next: WidgetConversation, known: WidgetConversation | null) =>
  !known || next.requestedAt >= known.requestedAt

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
