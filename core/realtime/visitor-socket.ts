import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { closeCodes, VisitorFrame, VisitorHello } from '../contracts/sockets.ts'
import { readEntries } from '../features/conversations/entries.ts'
import { currentOf } from '../features/conversations/for-visitor.ts'
import { say } from '../features/conversations/service.ts'
import { visitorSeen, visitorTyping } from '../features/conversations/signals.ts'
import { hashToken } from '../features/sign-in/tokens.ts'
import type { ReachabilityWatch } from '../features/widget/reachability.ts'
import { findVisitor, liveTokens } from '../features/widget/tokens.ts'
import { ownConversation, recordPage } from '../features/widget/visitor.ts'
import type { Services } from '../services.ts'
import { Connection, type Protocol } from './connection.ts'
import type { Presence } from './presence.ts'
import { acknowledge, answer, refuseEarly, refuseInvalid } from './replies.ts'
import type { VisitorLimits } from './visitor-limits.ts'

export class VisitorConnection extends Connection {
  visitorId = ''
  tokenHash: Buffer | undefined
  leave: (() => void) | undefined
}

const checkedAtOnce = 1_000

const hasToken = (connection: VisitorConnection): connection is VisitorConnection & { tokenHash: Buffer } =>
  connection.tokenHash !== undefined

/** /ws/visitor: the token in the first frame says who it is; cookies mean nothing here. */
export class VisitorProtocol implements Protocol<VisitorConnection> {
  readonly #services: Services
  readonly #presence: Presence
  readonly #limits: VisitorLimits
  readonly #reachability: ReachabilityWatch
  readonly #connections = new Set<VisitorConnection>()

  constructor(
    services: Services,
    presence: Presence,
    limits: VisitorLimits,
    reachability: ReachabilityWatch,
  ) {
    this.#services = services
    this.#presence = presence
    this.#limits = limits
    this.#reachability = reachability
  }

  accept(socket: WebSocket, line: Duplex, address: string): VisitorConnection {
    const connection = new VisitorConnection(socket, line, address)
    connection.start(this)
    if (!this.#limits.openSocket(address))
      connection.close(closeCodes.tooMany, 'Too many sockets from this address')
    return connection
  }

  async hello(connection: VisitorConnection, frame: unknown): Promise<boolean> {
    const hello = VisitorHello.safeParse(frame)
    if (!hello.success) return false
    const { db, clock, bus } = this.#services
    const { token } = hello.data
    const { found: visitor, waitMs } = await this.#limits.strangers.look(connection.address, token, () =>
      findVisitor(this.#services, db, token),
    )
    if (waitMs > 0) connection.close(closeCodes.tooMany, 'Too many unknown tokens from this address')
    // a line that broke meanwhile has said its goodbye already: nothing may be left behind for it
    if (!visitor || connection.isClosed) return false
    if (!this.#limits.come(visitor.id)) {
      connection.close(closeCodes.tooMany, 'Too many sockets of one visitor')
      return false
    }
    if (this.#limits.take(visitor.id, connection.address, 'hello') > 0) {
      this.#limits.leave(visitor.id)
      connection.close(closeCodes.tooMany, 'Too many sockets opened in a short time')
      return false
    }
    connection.visitorId = visitor.id
    connection.tokenHash = hashToken(token)
    this.#connections.add(connection)
    // first listen, then read: whatever is not in the snapshot comes after it
    connection.leave = bus.subscribe(`visitor:${visitor.id}`, (text, except) => {
      if (except !== connection.id) connection.write(text)
    })
    await bus.listening(`visitor:${visitor.id}`)
    const [conversation, reachability] = await Promise.all([
      currentOf(db, visitor.id),
      this.#reachability.current(),
      this.#presence.connect(connection.id, { type: 'visitor', id: visitor.id }),
      hello.data.page ? recordPage(this.#services, visitor.id, hello.data.page) : undefined,
    ])
    connection.welcome({ type: 'welcome', now: clock.now().toISOString(), reachability, conversation })
    return true
  }

  frame(connection: VisitorConnection, raw: unknown): void {
    if (!connection.isOpen) return refuseEarly(connection, raw)
    const parsed = VisitorFrame.safeParse(raw)
    if (!parsed.success) return refuseInvalid(connection, raw, parsed.error)
    const frame = parsed.data
    const take = () => this.#limits.take(connection.visitorId, connection.address, frame.type)
    const waitMs = frame.type === 'send' ? connection.takeTurn(frame, take) : take()
    if (waitMs > 0) {
      if (frame.type === 'send' || frame.type === 'resume')
        connection.refuse('rate_limited', 'This goes out again in a moment.', {
          clientId: frame.type === 'send' ? frame.clientId : null,
          retryAfterMs: waitMs,
        })
      return
    }
    const { visitorId } = connection
    switch (frame.type) {
      case 'send':
        return acknowledge(
          connection,
          frame,
          say(this.#services, { ...frame, senderType: 'visitor', senderId: visitorId }, connection.id),
        )
      case 'resume':
        return answer(connection, this.#resume(connection, frame))
      case 'typing':
        return answer(connection, visitorTyping(this.#services, visitorId, frame))
      case 'seen':
        return answer(connection, visitorSeen(this.#services, visitorId, frame, connection.id))
      case 'page':
        return answer(connection, recordPage(this.#services, visitorId, frame.page))
      default:
        frame satisfies never
    }
  }

  closed(connection: VisitorConnection): void {
    this.#limits.closeSocket(connection.address)
    connection.leave?.()
    if (!connection.visitorId) return
    this.#connections.delete(connection)
    this.#limits.leave(connection.visitorId)
    void this.#presence.drop(connection.id, { type: 'visitor', id: connection.visitorId })
  }

  /** Closes the sockets whose token was taken back; the browser then asks for a new session.
   *  @param visitorId only this visitor's; else everybody's. */
  async checkTokens(visitorId?: string): Promise<void> {
    const asked: (VisitorConnection & { tokenHash: Buffer })[] = []
    for (const connection of this.#connections)
      if (hasToken(connection) && (visitorId === undefined || connection.visitorId === visitorId))
        asked.push(connection)
    for (let from = 0; from < asked.length; from += checkedAtOnce) {
      const some = asked.slice(from, from + checkedAtOnce)
      const live = await liveTokens(
        this.#services.db,
        some.map(({ tokenHash }) => tokenHash),
      )
      for (const connection of some)
        if (!live.has(connection.tokenHash.toString('hex')))
          connection.close(closeCodes.notSignedIn, 'This browser has another session now')
    }
  }

  async #resume(
    connection: VisitorConnection,
    { conversationId, afterSeq }: { conversationId: string; afterSeq: number },
  ) {
    await ownConversation(this.#services.db, connection.visitorId, conversationId)
    const page = await readEntries(this.#services.db, conversationId, { afterSeq })
    connection.send({ type: 'entries', conversationId, ...page })
  }
}
