import type { Duplex } from 'node:stream'
import { sql } from 'kysely'
import type { WebSocket } from 'ws'
import { AgentFrame, AgentHello, closeCodes, type ToAgent } from '../contracts/sockets.ts'
import { describeAvailability } from '../features/availability/service.ts'
import { countMissed } from '../features/conversations/endings.ts'
import { readEntries } from '../features/conversations/entries.ts'
import { summaries, visibleSummary } from '../features/conversations/repository.ts'
import { addNote, say } from '../features/conversations/service.ts'
import { agentSeen, agentTyping } from '../features/conversations/signals.ts'
import { noteWatching } from '../features/conversations/watching.ts'
import { pendingOffersOfAgent } from '../features/routing/repository.ts'
import { liveSessions, type SignedIn } from '../features/sign-in/sessions.ts'
import { sameToken, socketTokenOf } from '../features/sign-in/tokens.ts'
import type { Services } from '../services.ts'
import { Connection, type Protocol } from './connection.ts'
import { Buckets } from './limits.ts'
import type { Presence } from './presence.ts'
import { acknowledge, answer, refuseEarly, refuseInvalid } from './replies.ts'

export class AgentConnection extends Connection {
  readonly agent: SignedIn
  readonly socketToken: string
  leave: (() => void)[] = []

  constructor(socket: WebSocket, line: Duplex, address: string, agent: SignedIn, socketToken: string) {
    super(socket, line, address)
    this.agent = agent
    this.socketToken = socketToken
  }
}

/** /ws/agent: opened with the session cookie from one of Foyer's own pages; the first frame repeats the token from
 *  /me. The session is looked at again every few seconds for as long as the socket is open. */
export class AgentProtocol implements Protocol<AgentConnection> {
  readonly #services: Services
  readonly #presence: Presence
  readonly #connections = new Set<AgentConnection>()
  readonly #sends: Buckets
  /** Reading up, typing and seen; an inbox that comes in reads up each of its chats. */
  readonly #signals = new Buckets(500, 100)

  constructor(services: Services, presence: Presence, sends: Buckets) {
    this.#services = services
    this.#presence = presence
    this.#sends = sends
  }

  accept(
    socket: WebSocket,
    line: Duplex,
    address: string,
    agent: SignedIn,
    sessionToken: string,
  ): AgentConnection {
    const connection = new AgentConnection(socket, line, address, agent, socketTokenOf(sessionToken))
    this.#connections.add(connection)
    connection.start(this)
    const open = [...this.#connections].filter((one) => one.agent.id === agent.id).length
    if (open > this.#services.settings.limits.agentSockets)
      connection.close(closeCodes.tooMany, 'Too many inboxes of one agent')
    return connection
  }

  async hello(connection: AgentConnection, frame: unknown): Promise<boolean> {
    const hello = AgentHello.safeParse(frame)
    if (!hello.success || !sameToken(hello.data.token, connection.socketToken)) return false
    const { bus } = this.#services
    const hear = (text: string, except: string | null) => {
      if (except !== connection.id) connection.write(text)
    }
    connection.leave.push(bus.subscribe(`agent:${connection.agent.id}`, hear), bus.subscribe('agents', hear))
    await Promise.all([
      bus.listening(`agent:${connection.agent.id}`),
      bus.listening('agents'),
      this.#presence.connect(connection.id, { type: 'agent', id: connection.agent.id }, hello.data.visible),
    ])
    connection.welcome(await this.#snapshot(connection.agent))
    return true
  }

  frame(connection: AgentConnection, raw: unknown): void {
    if (!connection.isOpen) return refuseEarly(connection, raw)
    const parsed = AgentFrame.safeParse(raw)
    if (!parsed.success) return refuseInvalid(connection, raw, parsed.error)
    const frame = parsed.data
    const { agent } = connection
    if (frame.type === 'send' || frame.type === 'note') {
      if (!agent.permissions.has('conversations.reply'))
        return connection.refuse('forbidden', 'Your profile does not include writing in chats.', frame)
      const retryAfterMs = connection.takeTurn(frame, () => this.#sends.take(agent.id))
      if (retryAfterMs > 0)
        return connection.refuse('rate_limited', 'This goes out again in a moment.', {
          clientId: frame.clientId,
          retryAfterMs,
        })
    } else {
      const retryAfterMs = this.#signals.take(agent.id)
      if (retryAfterMs > 0)
        return connection.refuse('rate_limited', 'This was asked for very often. Try again in a moment.', {
          retryAfterMs,
        })
    }
    switch (frame.type) {
      case 'send':
        return acknowledge(
          connection,
          frame,
          say(this.#services, { ...frame, senderType: 'agent', senderId: agent.id }, connection.id),
        )
      case 'note':
        return acknowledge(
          connection,
          frame,
          addNote(this.#services, agent, frame).then(({ afterSeq, at }) => ({ seq: afterSeq, at })),
        )
      case 'resume':
        return answer(connection, this.#resume(connection, frame))
      case 'typing':
        return answer(connection, agentTyping(this.#services, agent.id, frame))
      case 'seen':
        return answer(connection, agentSeen(this.#services, agent.id, frame, connection.id))
      case 'visible':
        return answer(connection, this.#presence.setVisible(connection.id, frame.visible))
      default:
        frame satisfies never
    }
  }

  closed(connection: AgentConnection): void {
    this.#connections.delete(connection)
    for (const leave of connection.leave) leave()
    if (connection.leave.length > 0)
      void this.#presence.drop(connection.id, { type: 'agent', id: connection.agent.id })
  }

  /** Closes the sockets of sessions that were revoked, ran out, or whose agent was deactivated or given another
   *  profile; the browser then asks /me what is left. */
  async checkSessions(): Promise<void> {
    // those who come in while the database answers were not asked about
    const asked = [...this.#connections]
    if (asked.length === 0) return
    const { db, clock } = this.#services
    const live = await liveSessions(
      db,
      clock.now(),
      asked.map(({ agent }) => agent.sessionHash),
    )
    for (const connection of asked) {
      const { sessionHash, profile, supervises } = connection.agent
      const now = live.get(sessionHash.toString('hex'))
      if (now?.profile !== profile || now.supervises !== supervises)
        connection.close(closeCodes.revoked, 'Signed out')
    }
  }

  /** Sends everybody here a fresh snapshot, for when frames of other processes may have been lost. */
  async refreshAll(): Promise<void> {
    for (const connection of this.#connections) if (connection.isOpen) await this.#refresh(connection)
  }

  async #refresh(connection: AgentConnection): Promise<void> {
    let snapshot: Extract<ToAgent, { type: 'welcome' }> | undefined
    // an offer told of while the snapshot is read would be wiped by it
    connection.holdBack()
    try {
      snapshot = await this.#snapshot(connection.agent)
    } finally {
      connection.welcome(snapshot)
    }
  }

  async #snapshot(agent: SignedIn) {
    const { db, clock } = this.#services
    const now = clock.now()
    const [availability, offers, conversations, missed] = await Promise.all([
      describeAvailability(db, now, agent.id),
      pendingOffersOfAgent(db, now, agent.id),
      summaries(db, now, sql`c.agent_id = ${agent.id} and c.status = 'active'`, sql`order by c.last_at desc`),
      countMissed(db),
    ])
    return {
      type: 'welcome',
      now: now.toISOString(),
      availability,
      offers,
      conversations,
      counts: { missed },
    } as const
  }

  async #resume(
    connection: AgentConnection,
    { conversationId, afterSeq }: { conversationId: string; afterSeq: number },
  ) {
    const { db, clock } = this.#services
    const { id } = await visibleSummary(db, clock.now(), connection.agent, conversationId)
    await noteWatching(this.#services, connection.agent, [id])
    const page = await readEntries(db, conversationId, { afterSeq })
    connection.send({ type: 'entries', conversationId, ...page })
  }
}
