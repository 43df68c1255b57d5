import { randomUUID } from 'node:crypto'
import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { StartConversation, WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import { FollowedLog } from './followed-log.ts'
import { HttpClient } from './http-client.ts'
import { SocketClient } from './socket-client.ts'
import { HopelessError, waitFor } from './wait.ts'

export interface VisitorOptions {
  siteKey: string
  /** What the visitor gives with the first request. */
  fields?: StartConversation['fields']
  token?: string
  page?: { url: string; title?: string | null }
  /** Further headers, as a proxy in front of Foyer would set them. */
  headers?: Record<string, string>
}

/** Somebody on a web page with the widget open, speaking HTTP and the socket as the widget does. */
export class VisitorActor {
  readonly http: HttpClient
  readonly session: WidgetSession
  readonly logs = new Map<string, FollowedLog>()
  conversation: WidgetConversation | undefined
  readonly #options: VisitorOptions
  #socket: SocketClient<ToVisitor> | undefined

  private constructor(http: HttpClient, session: WidgetSession, options: VisitorOptions) {
    this.http = http
    this.session = session
    this.conversation = session.conversation ?? undefined
    this.#options = options
  }

  /** Opens a session and the socket. */
  static async arrive(origin: string, options: VisitorOptions): Promise<VisitorActor> {
    const http = new HttpClient(origin)
    const { siteKey, token, page } = options
    const session = await http.post<WidgetSession>('/widget/sessions', { siteKey, token, page })
    http.useToken(session.token)
    const visitor = new VisitorActor(http, session, options)
    await visitor.connect()
    return visitor
  }

  get id(): string {
    return this.session.visitorId
  }

  get socket(): SocketClient<ToVisitor> {
    if (!this.#socket) throw new Error('This visitor has no socket open')
    return this.#socket
  }

  /** A new socket, as after a reload; catches up with every log it follows. */
  async connect(): Promise<void> {
    const url = `${this.http.origin.replace(/^http/, 'ws')}/ws/visitor`
    const socket = await SocketClient.connect<ToVisitor>(url, this.#options.headers)
    this.#socket = socket
    socket.on((frame) => this.#apply(frame))
    socket.send({ type: 'hello', token: this.session.token })
    await socket.frame('welcome')
    for (const log of this.logs.values()) log.resume()
  }

  /** Asks for a person. */
  async asks(
    text = 'Hello, is anybody there?',
    fields = this.#options.fields ?? {},
  ): Promise<WidgetConversation> {
    const conversation = await this.http.post<WidgetConversation>('/widget/conversations', {
      fields,
      text,
      clientId: randomUUID(),
    })
    this.conversation = conversation
    this.follow(conversation.id)
    return conversation
  }

  /** Sends over the socket; resolves with the acknowledgement, which follows the commit. */
  async says(text: string, { conversationId = this.#openId(), clientId = randomUUID() as string } = {}) {
    this.socket.send({ type: 'send', conversationId, clientId, text })
    return acknowledged(this.socket, clientId)
  }

  async ends(conversationId = this.#openId()): Promise<WidgetConversation> {
    return this.http.post(`/widget/conversations/${conversationId}/end`)
  }

  /** Follows a conversation's log from its start. */
  follow(conversationId: string): FollowedLog {
    const known = this.logs.get(conversationId)
    if (known) return known
    const log = new FollowedLog((afterSeq) => this.socket.send({ type: 'resume', conversationId, afterSeq }))
    this.logs.set(conversationId, log)
    log.resume()
    return log
  }

  async hears(text: string, conversationId = this.#openId()): Promise<void> {
    const log = this.follow(conversationId)
    await waitFor(`the visitor hears "${text}"`, () => log.texts.includes(text))
  }

  async leaves(): Promise<void> {
    await this.#socket?.close()
    this.#socket = undefined
  }

  #apply(frame: ToVisitor): void {
    if (frame.type === 'entry') this.logs.get(frame.conversationId)?.applyEntry(frame.entry)
    if (frame.type === 'ack') this.logs.get(frame.conversationId)?.applyAck(frame.seq)
    if (frame.type === 'entries')
      this.logs.get(frame.conversationId)?.applyEntries(frame.entries, frame.hasMore)
    if (frame.type === 'conversation') this.conversation = frame.conversation
    if (frame.type === 'welcome' && frame.conversation) this.conversation = frame.conversation
  }

  #openId(): string {
    if (!this.conversation) throw new Error('This visitor has no conversation')
    return this.conversation.id
  }
}

/** A send that Foyer did not store, and when a later try may go through. */
export class SendRefusedError extends Error {
  override name = 'SendRefusedError'
  readonly retryAfterMs: number | undefined

  constructor(code: string, message: string, retryAfterMs: number | undefined) {
    super(`${code}: ${message}`)
    this.retryAfterMs = retryAfterMs
  }
}

/** Call it right after the send. Resolves with its ack, or throws what it was refused with. */
export async function acknowledged<Frame extends { type: string }>(
  socket: SocketClient<Frame>,
  clientId: string,
) {
  type Answer = {
    type: string
    clientId?: string | null
    message?: string
    code?: string
    retryAfterMs?: number
  }
  // what came before the send may be the answer to an earlier try
  const before = socket.frames.length
  const answer = await waitFor(
    'an acknowledgement',
    () => {
      const found = (socket.frames.slice(before) as Answer[]).find(
        (frame) => (frame.type === 'ack' || frame.type === 'refused') && frame.clientId === clientId,
      )
      if (!found && socket.closed) throw new HopelessError(`The socket closed with ${socket.closed.code}`)
      return found
    },
    { everyMs: 2 },
  )
  if (answer.type === 'refused')
    throw new SendRefusedError(answer.code ?? '', answer.message ?? '', answer.retryAfterMs)
  return answer as { type: 'ack'; conversationId: string; clientId: string; seq: number; at: string }
}
