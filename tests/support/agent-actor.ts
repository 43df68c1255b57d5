import { randomUUID } from 'node:crypto'
import type { Me } from '#core/contracts/agents.ts'
import type { Availability } from '#core/contracts/availability.ts'
import type { Conversation, Note, Offer } from '#core/contracts/conversations.ts'
import type { ToAgent } from '#core/contracts/sockets.ts'
import { FollowedLog } from './followed-log.ts'
import { HttpClient } from './http-client.ts'
import { SocketClient } from './socket-client.ts'
import { acknowledged } from './visitor-actor.ts'
import { waitFor } from './wait.ts'

/** An agent with the inbox open. Holds what the inbox holds: the snapshot, then every event applied to it. */
export class AgentActor {
  readonly http: HttpClient
  readonly me: Me
  readonly logs = new Map<string, FollowedLog>()
  offers = new Map<string, Offer>()
  conversations = new Map<string, Conversation>()
  notes: Note[] = []
  availability: Availability
  missed = 0
  #socket: SocketClient<ToAgent> | undefined

  private constructor(http: HttpClient, me: Me) {
    this.http = http
    this.me = me
    this.availability = me.availability
  }

  /** Signs in and opens the inbox; with `online: false` only signs in. */
  static async signIn(
    origin: string,
    email: string,
    password: string,
    { online = true } = {},
  ): Promise<AgentActor> {
    const http = new HttpClient(origin)
    const response = await http.raw('POST', '/sign-in', { email, password })
    const body = (await response.json()) as Me & { detail?: string }
    if (!response.ok) throw new Error(`${email} cannot sign in: ${body.detail}`)
    http.useCookie(
      response.headers
        .getSetCookie()
        .map((cookie) => cookie.split(';')[0])
        .join('; '),
    )
    const agent = new AgentActor(http, body)
    if (online) await agent.connect()
    return agent
  }

  get id(): string {
    return this.me.id
  }

  get socket(): SocketClient<ToAgent> {
    if (!this.#socket) throw new Error('This agent has no inbox open')
    return this.#socket
  }

  /** A new socket, as after a reload: a fresh snapshot, and every log followed from where it was. */
  async connect(): Promise<void> {
    const url = `${this.http.origin.replace(/^http/, 'ws')}/ws/agent`
    const socket = await SocketClient.connect<ToAgent>(url, {
      cookie: this.http.cookie ?? '',
      origin: this.http.origin,
    })
    this.#socket = socket
    socket.on((frame) => this.#apply(frame))
    socket.send({ type: 'hello', token: this.me.socketToken })
    await socket.frame('welcome')
    for (const log of this.logs.values()) log.resume()
  }

  /** Waits for an offer, of this conversation or of any, and does not touch it. */
  offered(conversationId?: string): Promise<Offer> {
    return waitFor(`${this.me.name} is asked`, () =>
      [...this.offers.values()].find((offer) => !conversationId || offer.conversationId === conversationId),
    )
  }

  async accepts(conversationId?: string): Promise<Conversation> {
    const offer = await this.offered(conversationId)
    const conversation = await this.http.post<Conversation>(`/offers/${offer.id}/accept`)
    this.follow(conversation.id)
    return conversation
  }

  async declines(conversationId?: string): Promise<Offer> {
    const offer = await this.offered(conversationId)
    await this.http.post(`/offers/${offer.id}/decline`)
    return offer
  }

  /** Sends over the socket; resolves with the acknowledgement, which follows the commit. */
  async says(conversationId: string, text: string, clientId: string = randomUUID()) {
    this.socket.send({ type: 'send', conversationId, clientId, text })
    return acknowledged(this.socket, clientId)
  }

  async writesNote(conversationId: string, text: string, clientId: string = randomUUID()) {
    this.socket.send({ type: 'note', conversationId, clientId, text })
    return acknowledged(this.socket, clientId)
  }

  ends(conversationId: string, outcome?: Conversation['outcome']): Promise<Conversation> {
    return this.http.post(`/conversations/${conversationId}/end`, outcome ? { outcome } : {})
  }

  switchTo(status: 'available' | 'unavailable' | 'schedule', until?: Date): Promise<Availability> {
    return this.http.put('/me/availability', { status, ...(until ? { until: until.toISOString() } : {}) })
  }

  follow(conversationId: string): FollowedLog {
    const known = this.logs.get(conversationId)
    if (known) return known
    const log = new FollowedLog((afterSeq) => this.socket.send({ type: 'resume', conversationId, afterSeq }))
    this.logs.set(conversationId, log)
    log.resume()
    return log
  }

  async hears(conversationId: string, text: string): Promise<void> {
    const log = this.follow(conversationId)
    await waitFor(`${this.me.name} hears "${text}"`, () => log.texts.includes(text))
  }

  async leaves(): Promise<void> {
    await this.#socket?.close()
    this.#socket = undefined
  }

  #apply(frame: ToAgent): void {
    switch (frame.type) {
      case 'welcome':
        this.offers = new Map(frame.offers.map((offer) => [offer.id, offer]))
        this.conversations = new Map(frame.conversations.map((one) => [one.id, one]))
        this.availability = frame.availability
        this.missed = frame.counts.missed
        break
      case 'offer':
        this.offers.set(frame.offer.id, frame.offer)
        break
      case 'offer_closed':
        this.offers.delete(frame.offerId)
        break
      case 'conversation':
        this.conversations.set(frame.conversation.id, frame.conversation)
        break
      case 'availability':
        this.availability = frame.availability
        break
      case 'counts':
        this.missed = frame.counts.missed
        break
      case 'note':
        this.notes.push(frame.note)
        break
      case 'entry':
        this.logs.get(frame.conversationId)?.applyEntry(frame.entry)
        break
      case 'ack':
        this.logs.get(frame.conversationId)?.applyAck(frame.seq)
        break
      case 'entries':
        this.logs.get(frame.conversationId)?.applyEntries(frame.entries, frame.hasMore)
        break
      default:
        break
    }
  }
}
