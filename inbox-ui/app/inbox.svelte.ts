import type { Conversation, Entry } from '../../core/contracts/conversations.ts'
import type { MeetingsToNote } from '../../core/contracts/meetings.ts'
import type { ToAgent } from '../../core/contracts/sockets.ts'
import { AvailabilityNews } from '../availability/availability-news.ts'
import { OwnAvailability } from '../availability/own-availability.svelte.ts'
import { Blocks } from '../blocks/blocks.svelte.ts'
import { CannedReplies } from '../canned-replies/canned-replies.svelte.ts'
import type { ConversationLog } from '../conversations/conversation-log.svelte.ts'
import { ConversationPages } from '../conversations/conversation-pages.svelte.ts'
import { Conversations } from '../conversations/conversations.svelte.ts'
import { Drafts } from '../conversations/drafts.svelte.ts'
import { HeldLogs } from '../conversations/held-logs.svelte.ts'
import { ListChoice } from '../conversations/list-choice.svelte.ts'
import { Outbox } from '../conversations/outbox.svelte.ts'
import { Typing } from '../conversations/typing.svelte.ts'
import { openFileKeep } from '../files/kept-files.ts'
import { Uploads } from '../files/uploads.svelte.ts'
import { Offers } from '../offers/offers.svelte.ts'
import { Outcomes } from '../outcomes/outcomes.svelte.ts'
import { VisitorPanel } from '../visitors/visitor-panel.svelte.ts'
import { isMissing } from './api.ts'
import type { App } from './app.svelte.ts'
import { addresses } from './router.svelte.ts'
import { AgentSocket } from './socket.svelte.ts'

/** How often somebody who watches a chat asks for what is new. */
const watchMs = 2_000

/** The live inbox of the signed-in agent: applies what comes over the socket to its parts, and sends what goes out. */
export class Inbox {
  readonly #app: App
  readonly socket: AgentSocket
  readonly conversations: Conversations
  readonly pages: ConversationPages
  readonly list: ListChoice
  readonly offers: Offers
  readonly availability: OwnAvailability
  /** Of everybody's availability, for lists of agents. */
  readonly availabilityNews = new AvailabilityNews()
  readonly drafts: Drafts
  readonly outbox: Outbox
  readonly typing: Typing
  readonly cannedReplies: CannedReplies
  readonly outcomes: Outcomes
  readonly blocks: Blocks
  readonly uploads: Uploads
  readonly #logs: HeldLogs
  readonly #seen = new Map<string, number>()
  /** Counts the snapshots that came: one with each welcome. */
  #snapshots = 0
  /** Rows that have missed lines and have not been read again yet. */
  readonly #torn = new Set<string>()
  #missed = $state<number | null>(null)
  #meetingNews = $state(0)
  #meetingsToNote = $state(0)
  #panel = $state.raw<VisitorPanel | null>(null)
  /** The conversation on the screen. */
  readonly openId: string | null = $derived.by(() => {
    const { place } = this.#app.router
    return place.page === 'inbox' ? place.conversationId : null
  })
  /** The chat just accepted: whoever accepts wants to write. The composer that has taken the focus clears it. */
  justAccepted: string | null = null
  /** The missed request somebody wants to answer at once. Its foot opens the answer and clears this. */
  replyTo = $state<string | null>(null)
  /** The chat on the screen that has gone to somebody else, or is being routed again. */
  left = $state.raw<{ conversationId: string; to: string | null; who: string | null } | null>(null)
  /** Called for each message of a visitor that was not there before. */
  onvisitormessage: (conversation: Conversation) => void = () => {}

  constructor(app: App, options: { socketUrl: string; WebSocket?: typeof WebSocket; storage?: Storage }) {
    this.#app = app
    const { api, clock, session, text } = app
    const { id, availability } = session.me
    const { storage } = options
    this.conversations = new Conversations(id)
    this.pages = new ConversationPages(api, this.conversations)
    this.list = new ListChoice(this.conversations, this.pages)
    this.cannedReplies = new CannedReplies(api)
    this.outcomes = new Outcomes(api)
    this.blocks = new Blocks(api)
    this.uploads = new Uploads({
      api,
      words: text.files,
      ...('indexedDB' in globalThis ? { keep: openFileKeep(id) } : {}),
      onstored: (conversationId, entry) => this.apply({ type: 'entry', conversationId, entry }),
    })
    this.availability = new OwnAvailability(api, clock.now, availability)
    this.drafts = new Drafts(storage, `foyer.draft.${id}.`)
    this.offers = new Offers({ api, text, onaccepted: (conversation) => this.#accepted(conversation) })
    this.socket = new AgentSocket({
      url: options.socketUrl,
      WebSocket: options.WebSocket,
      token: session.socketToken,
      onframe: (frame) => this.apply(frame),
      onbroken: () => this.#broken(),
    })
    this.outbox = new Outbox({
      send: (frame) => {
        const left = this.socket.send(frame)
        if (left) this.socket.expectAnswer()
        return left
      },
      now: clock.now,
      storage,
      prefix: `foyer.outbox.${id}.`,
    })
    this.#logs = new HeldLogs(api, (conversationId, afterSeq) => {
      const left = this.socket.send({ type: 'resume', conversationId, afterSeq })
      if (left) this.socket.expectAnswer()
      return left
    })
    this.typing = new Typing((conversationId, typing) => {
      this.socket.send({ type: 'typing', conversationId, typing })
    })
  }

  /** How many requests nobody accepted; null until Foyer has said. */
  get missed(): number | null {
    return this.#missed
  }
  /** Counts what was heard of one's own meetings. */
  get meetingNews(): number {
    return this.#meetingNews
  }
  /** How many of one's meetings have something that one was not told elsewhere. */
  get meetingsToNote(): number {
    return this.#meetingsToNote
  }
  /** Who the visitor of the open conversation is. */
  get panel(): VisitorPanel | null {
    return this.#panel
  }

  log(conversationId: string): ConversationLog | undefined {
    return this.#logs.get(conversationId)
  }

  start(): () => void {
    this.socket.open()
    void this.uploads.restore()
    return () => {
      this.socket.close()
      this.offers.stop()
      this.availability.stop()
      this.outbox.stop()
      this.uploads.stop()
      this.typing.clear()
    }
  }

  /** Somebody looks at this conversation now. */
  open(conversationId: string): void {
    if (this.left?.conversationId !== conversationId) this.left = null
    this.#logs.open(conversationId)
    const conversation = this.conversations.get(conversationId)
    if (conversation) this.#showVisitor(conversation)
    else void this.#fetch(conversationId)
  }

  /** What could not be shown may be by now: a colleague has ended it, say. */
  openAgain(conversationId: string): void {
    this.left = null
    this.open(conversationId)
  }

  /** Whoever is signed in has seen this conversation to its end. */
  sawAll(conversationId: string): void {
    const log = this.#logs.get(conversationId)
    const conversation = this.conversations.get(conversationId)
    if (!log || !conversation || !this.conversations.isOwnActive(conversation)) return
    const readSeq = log.appliedSeq
    if (readSeq <= Math.max(conversation.agentReadSeq, this.#seen.get(conversationId) ?? 0)) return
    if (!this.socket.send({ type: 'seen', conversationId, readSeq, receivedSeq: readSeq })) return
    this.#seen.set(conversationId, readSeq)
    this.conversations.applyRead(conversationId, readSeq)
  }

  /** Follows an active chat of somebody else's, as long as it is looked at: no frames of it come by themselves.
   *  @returns how to stop */
  watch(conversationId: string): () => void {
    const timer = setInterval(() => {
      this.#logs.get(conversationId)?.catchUp()
      void this.#fetch(conversationId)
    }, watchMs)
    return () => clearInterval(timer)
  }

  /** Puts what a call answered with in its place. */
  put(conversation: Conversation): void {
    const before = this.conversations.get(conversation.id)
    this.conversations.put(conversation)
    this.pages.noticed(conversation)
    if (conversation.id === this.openId) this.#showVisitor(conversation)
    // what was begun or ended is part of the history
    if (before && before.status !== conversation.status && this.#panel?.visitorId === conversation.visitor.id)
      void this.#panel.history.load()
  }

  apply(frame: ToAgent): void {
    switch (frame.type) {
      case 'welcome':
        return this.#welcome(frame)
      case 'offer':
        return this.offers.made(frame.offer)
      case 'offer_closed':
        return this.offers.closed(frame.offerId)
      case 'conversation':
        return this.put(frame.conversation)
      case 'entry':
        return this.#entry(frame)
      case 'entries':
        for (const entry of frame.entries) this.#applyToRow(frame.conversationId, entry)
        for (const { clientId } of frame.entries) if (clientId) this.outbox.acknowledged(clientId)
        return this.#logs.get(frame.conversationId)?.applyEntries(frame)
      case 'conversation_left':
        return this.#left(frame)
      case 'note':
        this.outbox.acknowledged(frame.note.clientId)
        return this.#logs.get(frame.conversationId)?.applyNote(frame.note)
      case 'ack':
        return this.#acknowledged(frame)
      case 'refused':
        if (frame.clientId) this.outbox.refused(frame.clientId, frame.message, frame.retryAfterMs)
        else this.#logs.refused(frame.retryAfterMs)
        return
      case 'typing':
        return this.typing.apply(frame.conversationId, frame.typing)
      case 'seen':
        return this.conversations.applySeen(frame.conversationId, frame.readSeq, frame.receivedSeq)
      case 'presence':
        this.conversations.applyPresence(frame.visitorId, frame.online)
        return this.#panel?.applyPresence(frame.visitorId, frame.online)
      case 'visitor':
        this.conversations.applyVisitor(frame.visitor)
        return this.#panel?.apply(frame.visitor)
      case 'availability':
        return this.availability.apply(frame.availability)
      case 'agent_availability':
        return this.availabilityNews.changed(frame.agentId, frame.availability)
      case 'counts':
        this.#missed = frame.counts.missed
        return
      case 'settings_changed':
        if (frame.what === 'canned_replies') return this.cannedReplies.changed()
        return void this.outcomes.load()
      case 'meeting':
        this.#meetingNews++
        return void this.#countMeetings()
      default:
        return frame satisfies never
    }
  }

  #welcome(frame: Extract<ToAgent, { type: 'welcome' }>): void {
    this.#app.clock.sync(frame.now)
    this.availabilityNews.missed()
    this.availability.apply(frame.availability)
    this.offers.replace(frame.offers)
    this.#missed = frame.counts.missed
    const closed = this.conversations.replace(frame.conversations)
    this.#snapshots++
    this.#seen.clear()
    this.#torn.clear()
    this.outbox.opened()
    void this.pages.refresh()
    void this.outcomes.load()
    void this.#countMeetings()
    this.cannedReplies.changed()
    this.#logs.catchUp((id) => {
      const conversation = this.conversations.get(id)
      return (
        id === this.openId || (conversation !== undefined && this.conversations.isOwnActive(conversation))
      )
    })
    if (this.openId) {
      const conversation = this.conversations.get(this.openId)
      if (closed.includes(this.openId) || !conversation) void this.#fetch(this.openId)
      else this.#showVisitor(conversation)
      void this.#panel?.reload()
    }
  }

  async #countMeetings(): Promise<void> {
    const { api, session } = this.#app
    if (!session.may('meetings.view')) return
    // the next that is heard of a meeting, and each welcome, asks again
    const answer = await api.get<MeetingsToNote>('/meetings/to-note').catch(() => null)
    if (answer) this.#meetingsToNote = answer.count
  }

  /** The chat is a colleague's now, or waits for one: nothing more of it comes. */
  #left({ conversationId, to }: Extract<ToAgent, { type: 'conversation_left' }>): void {
    const conversation = this.conversations.get(conversationId)
    // told once more: it may be watched by now
    if (conversation && !this.conversations.isOwnActive(conversation)) return
    this.conversations.forget(conversationId)
    this.#logs.letGo(conversationId)
    this.typing.apply(conversationId, false)
    if (this.openId !== conversationId) return
    this.#panel = null
    const known = this.left?.conversationId === conversationId ? this.left.who : null
    this.left = { conversationId, to, who: conversation?.visitor.name ?? known }
  }

  #entry({ conversationId, entry }: Extract<ToAgent, { type: 'entry' }>): void {
    if (entry.clientId && entry.sender.id === this.#app.session.me.id) {
      this.outbox.acknowledged(entry.clientId)
      this.uploads.settled(entry.clientId)
    }
    const before = this.conversations.get(conversationId)
    this.#applyToRow(conversationId, entry)
    this.#logs.get(conversationId)?.apply(entry)
    if (entry.sender.type !== 'visitor') return
    this.typing.apply(conversationId, false)
    const after = this.conversations.get(conversationId)
    if (after && entry.seq > (before?.lastSeq ?? 0)) this.onvisitormessage(after)
  }

  /** The sender gets no echo: the line is made of what was sent and where it was stored. */
  #acknowledged({ conversationId, clientId, seq, at }: Extract<ToAgent, { type: 'ack' }>): void {
    const sent = this.outbox.acknowledged(clientId)
    if (!sent) return
    const { id, name } = this.#app.session.me
    const log = this.#logs.get(conversationId)
    if (sent.kind === 'note') {
      log?.applyNote({ id: clientId, afterSeq: seq, agent: { id, name }, at, text: sent.text, clientId })
      return
    }
    const sender = { type: 'agent' as const, id }
    const entry = { seq, kind: 'message' as const, sender, at, text: sent.text, data: null, clientId }
    this.#applyToRow(conversationId, entry)
    log?.apply(entry)
  }

  /** A log asks for lost lines by itself. A row only counts them, so after a hole it is read again, until what is
   *  read is no older than what has come meanwhile. */
  #applyToRow(conversationId: string, entry: Entry): void {
    const row = this.conversations.get(conversationId)
    this.conversations.applyEntry(conversationId, entry)
    if (row && entry.seq > row.lastSeq + 1) this.#torn.add(conversationId)
    if (this.#torn.has(conversationId)) void this.#mend(conversationId)
  }

  async #mend(conversationId: string): Promise<void> {
    const fresh = await this.#fetch(conversationId)
    const row = this.conversations.get(conversationId)
    // an older answer was not taken; whatever made it old comes by here again
    if (fresh && row && fresh.lastSeq >= row.lastSeq) this.#torn.delete(conversationId)
  }

  #accepted(conversation: Conversation): void {
    this.put(conversation)
    this.justAccepted = conversation.id
    this.#app.router.go(addresses.conversation(conversation.id))
  }

  async #fetch(conversationId: string): Promise<Conversation | undefined> {
    try {
      const snapshot = this.#snapshots
      const conversation = await this.#app.api.get<Conversation>(`/conversations/${conversationId}`)
      // an answer from before the last snapshot may speak of a chat that has ended since, unheard
      if (snapshot !== this.#snapshots) return this.#fetch(conversationId)
      this.put(conversation)
      return conversation
    } catch (error) {
      // the log of the same conversation shows the failure and offers to try again
      if (isMissing(error) && this.openId === conversationId) this.#panel = null
      return undefined
    }
  }

  #showVisitor({ visitor }: Conversation): void {
    if (this.#panel?.visitorId === visitor.id) return
    this.#panel = new VisitorPanel(this.#app.api, visitor.id)
    void this.#panel.reload()
  }

  #broken(): void {
    this.outbox.broken()
    this.typing.clear()
  }
}
