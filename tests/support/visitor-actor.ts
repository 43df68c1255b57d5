import { randomUUID } from 'node:crypto'
import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { StartConversation, WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import { Actor } from './actor.ts'
import { HttpClient } from './http-client.ts'

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
export class VisitorActor extends Actor<ToVisitor> {
  readonly session: WidgetSession
  conversation: WidgetConversation | undefined
  readonly #options: VisitorOptions

  private constructor(http: HttpClient, session: WidgetSession, options: VisitorOptions) {
    super(http)
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

  protected get name(): string {
    return 'The visitor'
  }

  protected get entrance() {
    return { path: '/ws/visitor', headers: this.#options.headers, token: this.session.token }
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
      // whoever asks has ticked the notice, where there is one
      consent: this.session.site.privacy.tick || undefined,
    })
    this.conversation = conversation
    this.follow(conversation.id)
    return conversation
  }

  /** Sends over the socket; resolves with the acknowledgement, which follows the commit. */
  async says(text: string, { conversationId = this.#openId(), clientId = randomUUID() as string } = {}) {
    return this.send('send', conversationId, text, clientId)
  }

  async ends(conversationId = this.#openId()): Promise<WidgetConversation> {
    return this.http.post(`/widget/conversations/${conversationId}/end`)
  }

  async hears(text: string, conversationId = this.#openId()): Promise<void> {
    return this.hasHeard(conversationId, text)
  }

  protected apply(frame: ToVisitor): void {
    if (frame.type === 'conversation') this.conversation = frame.conversation
    if (frame.type === 'welcome' && frame.conversation) this.conversation = frame.conversation
  }

  #openId(): string {
    if (!this.conversation) throw new Error('This visitor has no conversation')
    return this.conversation.id
  }
}
