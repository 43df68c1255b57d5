import type { Me } from '../../core/contracts/agents.ts'
import type { Availability } from '../../core/contracts/availability.ts'
import type { Conversation, Entry, EntryPage, Note, Offer } from '../../core/contracts/conversations.ts'
import type { AgentFrame, ToAgent } from '../../core/contracts/sockets.ts'
import { aConversation, anOffer, byAgent, instant, me } from './samples.ts'

const bySchedule: Availability = {
  available: true,
  source: 'schedule',
  until: null,
  reason: { code: 'by_schedule', timeZone: 'UTC' },
}

/** The least of Foyer that an inbox can talk to: one agent's chats, logs and offers in memory, frames as the protocol
 *  has them, and lines that can lose what passes through them. */
export class ModelServer {
  readonly conversations = new Map<string, Conversation>()
  readonly entries = new Map<string, Entry[]>()
  readonly notes = new Map<string, Note[]>()
  offers: Offer[] = []
  missed = 0
  /** What every answer to an offer comes back with, if it is refused. */
  refuses: { status: number; code: string; detail: string } | null = null
  availability: Availability = bySchedule
  readonly sockets = new Set<ModelSocket>()
  #time = 0

  readonly me: Me = {
    ...me,
    email: 'dana@foyer.test',
    profile: 'live_agent',
    permissions: ['conversations.view', 'conversations.reply'],
    organisation: { name: 'Foyer', timeZone: 'UTC', sampleSite: null },
    availability: bySchedule,
    preferences: { theme: 'system', singleKeys: true, sounds: false, missedMail: 'asked', failureMail: true },
    socketToken: 'token',
    cap: 10,
    canMail: true,
  }

  // --- what happens ---

  offered(): void {
    const offer = anOffer(`offer-${++this.#time}`, { offeredAt: instant(this.#time) })
    this.offers.push(offer)
    this.#tell({ type: 'offer', offer })
  }

  closes(index: number, state: 'declined' | 'expired' | 'withdrawn'): void {
    const offer = this.offers[index % this.offers.length]
    if (offer) this.#close(offer, state)
  }

  accepted(index: number): void {
    const offer = this.offers[index % this.offers.length]
    if (!offer) return
    this.#close(offer, 'accepted')
    const id = `chat-${++this.#time}`
    this.conversations.set(
      id,
      aConversation(id, { acceptedAt: instant(this.#time), lastAt: instant(this.#time) }),
    )
    this.entries.set(id, [])
    this.notes.set(id, [])
    this.#tell({ type: 'conversation', conversation: this.#get(id) })
  }

  says(
    id: string,
    sender: Entry['sender'],
    text: string,
    clientId: string | null,
    except?: ModelSocket,
  ): Entry {
    const log = this.entries.get(id) ?? []
    const known = clientId && log.find((entry) => entry.clientId === clientId)
    if (known) return known
    const at = instant(++this.#time)
    const entry: Entry = { seq: log.length + 1, kind: 'message', sender, at, text, data: null, clientId }
    log.push(entry)
    const conversation = this.#get(id)
    const isVisitor = sender.type === 'visitor'
    this.conversations.set(id, {
      ...conversation,
      lastSeq: entry.seq,
      lastAt: at,
      lastText: text,
      lastSender: sender.type,
      waitingSince: isVisitor ? (conversation.waitingSince ?? at) : null,
      unread: conversation.unread + (isVisitor ? 1 : 0),
    })
    this.#tell({ type: 'entry', conversationId: id, entry }, except)
    return entry
  }

  noted(id: string, text: string, clientId: string, except?: ModelSocket): Note {
    const notes = this.notes.get(id) ?? []
    const known = notes.find((note) => note.clientId === clientId)
    if (known) return known
    const at = instant(++this.#time)
    const note: Note = { id: `n-${clientId}`, afterSeq: this.#get(id).lastSeq, agent: me, at, text, clientId }
    notes.push(note)
    this.#tell({ type: 'note', conversationId: id, note }, except)
    return note
  }

  readByVisitor(id: string): void {
    const { lastSeq } = this.#get(id)
    this.#put(id, { visitorReadSeq: lastSeq, visitorReceivedSeq: lastSeq })
    this.#tell({ type: 'seen', conversationId: id, readSeq: lastSeq, receivedSeq: lastSeq })
  }

  comesAndGoes(id: string): void {
    const { visitor } = this.#get(id)
    const online = !visitor.online
    this.#put(id, { visitor: { ...visitor, online } })
    this.#tell({ type: 'presence', visitorId: visitor.id, online })
  }

  ended(id: string): void {
    const at = instant(++this.#time)
    this.#put(id, { status: 'ended', endedAt: at, endReason: 'visitor', waitingSince: null, unread: 0 })
    this.#tell({ type: 'conversation', conversation: this.#get(id) })
  }

  missesOne(): void {
    this.missed++
    this.#tell({ type: 'counts', counts: { missed: this.missed } })
  }

  switches(): void {
    this.availability = { ...this.availability, available: !this.availability.available, source: 'override' }
    this.#tell({ type: 'availability', availability: this.availability })
  }

  openChats(): string[] {
    return [...this.conversations.values()].filter(({ status }) => status === 'active').map(({ id }) => id)
  }

  // --- what it answers ---

  readonly fetch: typeof fetch = async (input) => {
    const url = new URL(String(input), 'http://model.test')
    if (this.refuses && url.pathname.includes('/offers/'))
      return Response.json(this.refuses, { status: this.refuses.status })
    const [, id, what] = url.pathname.match(/\/conversations\/([\w-]+)(\/messages)?$/) ?? []
    if (!id) return Response.json({ conversations: [], nextCursor: null })
    const conversation = this.conversations.get(id)
    if (!conversation)
      return Response.json({ code: 'not_found', detail: 'No.', status: 404 }, { status: 404 })
    return Response.json(what ? this.read(id, url.searchParams) : conversation)
  }

  read(id: string, range: URLSearchParams): EntryPage {
    const after = range.get('afterSeq')
    const log = (this.entries.get(id) ?? []).filter(({ seq }) => seq > Number(after ?? 0))
    return { entries: log, lastSeq: this.#get(id).lastSeq, hasMore: false, notes: this.notes.get(id) ?? [] }
  }

  hears(frame: AgentFrame | { type: 'hello' }, socket: ModelSocket): void {
    if (frame.type === 'hello') {
      const conversations = this.openChats().map((id) => this.#get(id))
      const { availability, offers, missed } = this
      socket.tell({
        type: 'welcome',
        now: instant(this.#time),
        availability,
        offers,
        conversations,
        counts: { missed },
      })
    } else if (frame.type === 'resume') {
      const { conversationId, afterSeq } = frame
      const page = this.read(conversationId, new URLSearchParams({ afterSeq: String(afterSeq) }))
      socket.tell({ type: 'entries', conversationId, ...page })
    } else if (frame.type === 'send') {
      const { conversationId, clientId, text } = frame
      if (this.#get(conversationId).status !== 'active')
        return socket.tell({
          type: 'refused',
          clientId,
          code: 'conversation_ended',
          message: 'It has ended.',
        })
      const { seq, at } = this.says(conversationId, byAgent, text, clientId, socket)
      socket.tell({ type: 'ack', conversationId, clientId, seq, at })
    } else if (frame.type === 'note') {
      const { conversationId, clientId, text } = frame
      const { afterSeq, at } = this.noted(conversationId, text, clientId, socket)
      socket.tell({ type: 'ack', conversationId, clientId, seq: afterSeq, at })
    } else if (frame.type === 'seen') {
      this.#put(frame.conversationId, { agentReadSeq: frame.readSeq, unread: 0 })
      this.#tell({ type: 'conversation', conversation: this.#get(frame.conversationId) }, socket)
    }
  }

  #close(offer: Offer, state: 'accepted' | 'declined' | 'expired' | 'withdrawn'): void {
    this.offers = this.offers.filter(({ id }) => id !== offer.id)
    this.#tell({ type: 'offer_closed', offerId: offer.id, conversationId: offer.conversationId, state })
  }

  #get(id: string): Conversation {
    const conversation = this.conversations.get(id)
    if (!conversation) throw new Error(`The model has no conversation ${id}`)
    return conversation
  }

  #put(id: string, change: Partial<Conversation>): void {
    this.conversations.set(id, { ...this.#get(id), ...change })
  }

  #tell(frame: ToAgent, except?: ModelSocket): void {
    for (const socket of this.sockets) if (socket !== except) socket.tell(frame)
  }
}

/** One end of a line to the model. Frames reach the other end when `flow()` lets them. */
export class ModelSocket {
  readonly #server: ModelServer
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  #waiting: ToAgent[] = []

  constructor(server: ModelServer) {
    this.#server = server
    server.sockets.add(this)
    queueMicrotask(() => this.onopen?.())
  }

  send(text: string): void {
    if (this.#server.sockets.has(this)) this.#server.hears(JSON.parse(text), this)
  }

  tell(frame: ToAgent): void {
    // a copy, as the wire makes one
    this.#waiting.push(JSON.parse(JSON.stringify(frame)))
  }

  /** Lets through what waits; `loses` says which frames never arrive. */
  flow(loses: (frame: ToAgent) => boolean = () => false): void {
    for (let frame = this.#waiting.shift(); frame; frame = this.#waiting.shift())
      if (!loses(frame)) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  close(): void {
    this.#server.sockets.delete(this)
  }

  breaks(): void {
    this.close()
    this.#waiting = []
    this.onclose?.({ code: 1006 })
  }
}
