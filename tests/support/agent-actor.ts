import type { Me } from '#core/contracts/agents.ts'
import type { Availability } from '#core/contracts/availability.ts'
import type { Conversation, Note, Offer } from '#core/contracts/conversations.ts'
import type { Meeting } from '#core/contracts/meetings.ts'
import type { ToAgent } from '#core/contracts/sockets.ts'
import { Actor } from './actor.ts'
import { HttpClient } from './http-client.ts'
import { waitFor } from './wait.ts'

/** An agent with the inbox open. Holds what the inbox holds: the snapshot, then every event applied to it. */
export class AgentActor extends Actor<ToAgent> {
  readonly me: Me
  offers = new Map<string, Offer>()
  conversations = new Map<string, Conversation>()
  notes: Note[] = []
  availability: Availability
  /** Of those whose availability was changed while this one looked. */
  readonly others = new Map<string, Availability>()
  /** Of one's own, each time as it was told. */
  readonly meetings: Meeting[] = []
  missed = 0

  private constructor(http: HttpClient, me: Me) {
    super(http)
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

  protected get name(): string {
    return this.me.name
  }

  protected get entrance() {
    const { cookie = '', origin } = this.http
    return { path: '/ws/agent', headers: { cookie, origin }, token: this.me.socketToken }
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

  says(conversationId: string, text: string, clientId?: string) {
    return this.send('send', conversationId, text, clientId)
  }

  writesNote(conversationId: string, text: string, clientId?: string) {
    return this.send('note', conversationId, text, clientId)
  }

  ends(conversationId: string, outcome?: Conversation['outcome']): Promise<Conversation> {
    return this.http.post(`/conversations/${conversationId}/end`, outcome ? { outcome } : {})
  }

  switchTo(status: 'available' | 'unavailable' | 'schedule', until?: Date): Promise<Availability> {
    return this.http.put('/me/availability', { status, ...(until ? { until: until.toISOString() } : {}) })
  }

  hears(conversationId: string, text: string): Promise<void> {
    return this.hasHeard(conversationId, text)
  }

  protected apply(frame: ToAgent): void {
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
        // one that was read before what has come meanwhile is not taken, as in the inbox
        if (frame.conversation.lastSeq >= (this.conversations.get(frame.conversation.id)?.lastSeq ?? 0))
          this.conversations.set(frame.conversation.id, frame.conversation)
        break
      case 'conversation_left':
        this.conversations.delete(frame.conversationId)
        break
      case 'availability':
        this.availability = frame.availability
        break
      case 'agent_availability':
        this.others.set(frame.agentId, frame.availability)
        break
      case 'counts':
        this.missed = frame.counts.missed
        break
      case 'note':
        if (this.notes.every(({ id }) => id !== frame.note.id)) this.notes.push(frame.note)
        break
      case 'meeting':
        this.meetings.push(frame.meeting)
        break
      default:
        break
    }
  }
}
