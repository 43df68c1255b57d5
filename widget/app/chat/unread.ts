import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { Log } from './log.ts'
import type { Parts, Socket } from './parts.ts'
import { Timers } from './timers.ts'

const seenPauseMs = 250

/** What the visitor has read and this browser has received: Foyer is told of it, the host page of what is unread. */
export class Unread {
  #socket: Socket
  #tell: Parts['tell']
  #timers = new Timers()
  #readSeq = 0
  #count = 0
  /** What Foyer knows on this line. */
  #seenTold = ''

  constructor(socket: Socket, tell: Parts['tell']) {
    this.#socket = socket
    this.#tell = tell
  }

  get count() {
    return this.#count
  }

  /** Another conversation is shown. */
  shows({ visitorReadSeq }: WidgetConversation) {
    this.#readSeq = visitorReadSeq
  }

  /** A new line, on which nothing was told yet. */
  welcomed() {
    this.#seenTold = ''
  }

  /** Takes in what the log holds, all of it read where the visitor is looking at it. */
  update(conversation: WidgetConversation | null, log: Log, looking: boolean) {
    if (conversation && looking) this.#readSeq = Math.max(this.#readSeq, log.applied)
    const count = log.entries.filter(({ seq, sender, kind }) => {
      return seq > this.#readSeq && sender.type === 'agent' && (kind === 'message' || kind === 'file')
    }).length
    if (count !== this.#count) this.#tell({ foyer: 'unread', count })
    this.#count = count
    if (conversation && log.applied > 0) {
      this.#timers.set('seen', seenPauseMs, () => this.#tellSeen(conversation.id, log.applied))
    }
  }

  #tellSeen(conversationId: string, receivedSeq: number) {
    const readSeq = this.#readSeq
    const told = `${conversationId} ${readSeq} ${receivedSeq}`
    if (told === this.#seenTold) return
    if (this.#socket.send({ type: 'seen', conversationId, readSeq, receivedSeq })) this.#seenTold = told
  }
}
