import type { Entry } from '#core/contracts/conversations.ts'
import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { PageView, VisitorFields, WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import type { ChatEvent, FromFrame } from '../../protocol.ts'
import type { Api } from '../api.ts'
import { Refusal } from '../api.ts'
import type { Keep } from '../keep.ts'
import type { Connection, Line } from './connection.ts'
import { Log } from './log.ts'
import { Outbox, type Unsent } from './outbox.ts'
import { clean, type FormErrors, formErrors, isRejected, mayPass, Pauses } from './problems.ts'
import { Timers } from './timers.ts'
import { Typing } from './typing.svelte.ts'

export type Screen = 'opening' | 'failed' | 'greeting' | 'form' | 'leave' | 'chat'
export type Phase = 'starting' | 'waiting' | 'active' | 'ended' | 'fallback' | 'left' | 'cancelled'

export type Parts = {
  siteKey: string
  keep: Keep
  api: Api
  connect: (
    options: ConstructorParameters<typeof Connection>[0],
  ) => Pick<Connection, 'want' | 'retry' | 'send'>
  tell: (message: FromFrame) => void
  languages?: readonly string[]
}

/** As much of a long log as is shown before somebody asks for more. */
const firstRead = 100
const ackPatienceMs = 10_000
const answerPatienceMs = 5_000
/** How long an ended chat is still what one comes back to. */
const recentMs = 60 * 60_000
const longWaitMs = 20_000
/** Another tab had its time to send what it keeps. */
const adoptAfterMs = 10_000
const seenPauseMs = 250

export const goesOn = (conversation: WidgetConversation | null) =>
  conversation?.status === 'waiting' || conversation?.status === 'active'

// screen: opening → greeting | chat | failed;  greeting → form → chat;  greeting → leave → chat;  chat (ended) → greeting
// What is shown of a conversation: catch up (HTTP, or resume over the socket), cut over (the last page of it), stream.
/** Everything the panel shows and does. */
export class Chat {
  #parts: Parts
  #line: Pick<Connection, 'want' | 'retry' | 'send'>
  #outbox: Outbox
  #log = new Log()
  #page: PageView | null = null
  #identity: string | null = null
  #consented = false
  #beginning: Promise<void> | null = null
  #starting = false
  #catching = false
  #pauses = new Pauses()
  #readSeq = 0
  #seenTold = ''
  #unreadTold = 0
  /** Sent on this line and not answered yet. */
  #flying = new Set<string>()
  #timers = new Timers()

  readonly typing: Typing
  screen = $state<Screen>('opening')
  failure = $state('')
  session = $state.raw<WidgetSession | null>(null)
  conversation = $state.raw<WidgetConversation | null>(null)
  entries = $state.raw<readonly Entry[]>([])
  unsent = $state.raw<readonly Unsent[]>([])
  earlier = $state.raw<readonly WidgetConversation[]>([])
  line = $state<Line>('off')
  draft = $state('')
  /** The panel is open. */
  open = $state(false)
  /** Nobody has come for a while. */
  waitsLong = $state(false)
  hasEarlierEntries = $state(false)
  /** A form is on its way. */
  busy = $state(false)
  /** Server time minus this device's, in ms. */
  clockOffsetMs = $state(0)

  constructor(parts: Parts) {
    this.#parts = parts
    this.#outbox = new Outbox(parts.keep)
    this.#outbox.adopt()
    this.draft = parts.keep.get('draft') ?? ''
    this.#line = parts.connect({
      hello: () =>
        this.session && { token: this.session.token, type: 'hello', page: this.#page ?? undefined },
      onframe: (frame) => this.#apply(frame),
      online: (line) => this.#lineIs(line),
      onrejected: () => void this.begin().then(() => this.#line.retry()),
    })
    this.typing = new Typing((typing) => {
      if (this.conversation && goesOn(this.conversation)) {
        this.#line.send({ type: 'typing', conversationId: this.conversation.id, typing })
      }
    })
  }

  get phase(): Phase {
    const it = this.conversation
    if (!it || (!goesOn(it) && this.unsent.some(({ to, refused }) => to === null && !refused)))
      return 'starting'
    if (it.status === 'waiting' || it.status === 'active') return it.status
    if (it.status === 'ended') return 'ended'
    if (it.messageLeft) return 'left'
    return it.endReason === 'cancelled' || it.endReason === 'visitor_left' ? 'cancelled' : 'fallback'
  }

  // --- the session --------------------------------------------------------------------------------------------------

  /** Gets a session, new or the one of before; again after a while where nobody answers. */
  begin(): Promise<void> {
    const beginning =
      this.#beginning ??
      this.#begin().finally(() => {
        this.#beginning = null
      })
    this.#beginning = beginning
    return beginning
  }

  async #begin(): Promise<void> {
    const { api, keep, siteKey, languages } = this.#parts
    this.#timers.stop('begin')
    const identity = this.#identity ?? undefined
    try {
      const session = await api.openSession({
        siteKey,
        token: keep.get('token') ?? undefined,
        identity,
        page: this.#page ?? undefined,
        timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        language: languages?.[0]?.slice(0, 35),
      })
      this.#sessionIs(session)
    } catch (problem) {
      if (problem instanceof Refusal && problem.problem.code === 'invalid_identity') {
        // A signature that does not hold makes nobody anonymous mute: go on without it.
        console.warn(`Foyer: ${problem.message}`)
        this.#identity = null
        return this.#begin()
      }
      this.failure = problem instanceof Refusal ? problem.message : ''
      if (!this.session) this.screen = 'failed'
      if (mayPass(problem)) this.#timers.set('begin', this.#pauses.after(problem), () => this.begin())
    }
  }

  #sessionIs(session: WidgetSession) {
    const known = this.session?.visitorId === session.visitorId
    this.#pauses.reset()
    this.session = session
    this.clockOffsetMs = Date.parse(session.now) - Date.now()
    this.#parts.keep.set('token', session.token)
    if (session.conversation && goesOn(session.conversation)) this.#conversationIs(session.conversation)
    else if (!known) this.#arrive(session.conversation)
    this.#publish()
  }

  #arrive(latest: WidgetConversation | null) {
    const recent = latest?.endedAt && this.now() - Date.parse(latest.endedAt) < recentMs
    if (latest && (latest.unread > 0 || recent || this.#outbox.own.length > 0)) this.#show(latest)
    else {
      this.conversation = null
      this.screen = this.#outbox.own.length > 0 ? 'chat' : 'greeting'
      this.flush()
    }
    void this.#listEarlier()
  }

  async #listEarlier() {
    if (!this.session) return
    // The list is an extra: without an answer the first screen simply has none.
    const list = await this.#parts.api.list(this.session.token).catch(() => null)
    if (list) this.earlier = list.conversations
  }

  /** The page withdrew consent: unless a chat goes on, nothing stays on the device. */
  consent(given: boolean) {
    this.#consented = given
    if (given) void (this.session ?? this.begin())
    else if (!this.open && !goesOn(this.conversation)) {
      this.#line.want(false)
      this.#parts.keep.clear()
      this.session = null
      this.conversation = null
      this.screen = 'opening'
      return
    }
    this.#publish()
  }

  identify(jwt: string) {
    this.#identity = jwt
    if (this.session) void this.begin().then(() => this.#line.retry())
  }

  visit(page: PageView) {
    this.#page = page
    this.#line.send({ type: 'page', page })
  }

  opens(open: boolean) {
    this.open = open
    if (open && !this.session) void this.begin()
    this.#publish()
  }

  // --- moving about -------------------------------------------------------------------------------------------------

  go(screen: Screen) {
    this.screen = screen
    if (screen === 'form') this.emit('engaged')
    if (screen === 'greeting') {
      this.conversation = null
      this.entries = []
      void this.#listEarlier()
    }
  }

  /** Looks at an earlier conversation. */
  read(conversation: WidgetConversation) {
    this.#show(conversation)
  }

  #show(conversation: WidgetConversation) {
    this.#log = new Log(Math.max(0, conversation.lastSeq - firstRead), conversation.lastSeq)
    this.#readSeq = conversation.visitorReadSeq
    this.#catching = false
    this.conversation = conversation
    this.screen = 'chat'
    this.typing.peer(false)
    this.#logChanged()
    this.#watchWait()
    if (!this.#catchUp()) void this.#readLog()
  }

  async #readLog() {
    const { session, conversation } = this
    if (!session || !conversation) return
    const log = this.#log
    try {
      for (let more = true; more; ) {
        const page = await this.#parts.api.entries(session.token, conversation.id, `afterSeq=${log.applied}`)
        more = log.addAll(page.entries) && page.hasMore
        if (log !== this.#log) return
        this.#logChanged()
      }
      this.flush()
    } catch (problem) {
      if (mayPass(problem))
        this.#timers.set('read', this.#pauses.after(problem), () => this.#log === log && this.#readLog())
    }
  }

  async readEarlierEntries() {
    const { session, conversation } = this
    const log = this.#log
    if (!session || !conversation || log.from === 0) return
    const query = `beforeSeq=${log.from + 1}`
    const page = await this.#parts.api.entries(session.token, conversation.id, query).catch(() => null)
    if (page) log.prepend(page.entries)
    if (log === this.#log) this.#logChanged()
  }

  // --- what the visitor does ----------------------------------------------------------------------------------------

  writes(text: string) {
    this.draft = text
    this.#timers.set('draft', 300, () => this.#parts.keep.set('draft', text || null))
    // In the form nobody could be told, and having told would keep the first word of the chat quiet.
    if (text && goesOn(this.conversation)) this.typing.me()
  }

  /** The page may go for good now: what was written a moment ago stays. */
  rests() {
    if (this.#timers.runs('draft')) this.#parts.keep.set('draft', this.draft || null)
  }

  say(text: string) {
    this.typing.stop()
    this.#clearDraft()
    const to = this.conversation && goesOn(this.conversation) ? this.conversation.id : null
    this.#outbox.add(clean(text), to)
    this.#unsentChanged()
    this.flush()
  }

  /** Asks for a chat. Null when it is on its way, which it is offline too; else what is wrong with the form. */
  async request(
    fields: VisitorFields,
    text: string,
    consent: boolean | undefined,
  ): Promise<FormErrors | null> {
    const unsent = this.#outbox.add(clean(text), null, { fields, consent })
    this.busy = true
    const refused = await this.#start(unsent)
    this.busy = false
    if (refused) {
      this.#outbox.settle(unsent.clientId)
      this.#unsentChanged()
      return formErrors(refused)
    }
    this.#clearDraft()
    this.#unsentChanged()
    this.screen = 'chat'
    return null
  }

  /** Leaves a message for later: null when Foyer has it. */
  async leave(
    fields: VisitorFields & { email: string },
    text: string,
    consent: boolean | undefined,
    clientId: string,
  ): Promise<FormErrors | null> {
    const { session, conversation } = this
    if (!session) return { '': '' }
    const waits = conversation?.status === 'waiting' || this.phase === 'fallback'
    this.busy = true
    try {
      const kept = await this.#parts.api.leave(session.token, {
        conversationId: waits ? conversation?.id : undefined,
        fields,
        text: clean(text).trim() ? clean(text) : undefined,
        clientId,
        consent,
      })
      this.#know(fields, kept)
      this.#clearDraft()
      if (kept.id === this.conversation?.id) this.#conversationIs(kept)
      else this.#show(kept)
      this.screen = 'chat'
      return null
    } catch (problem) {
      return problem instanceof Refusal ? formErrors(problem) : { '': '' }
    } finally {
      this.busy = false
    }
  }

  /** Ends the chat, or takes the request back. False where nobody answered. */
  async end(): Promise<boolean> {
    const { session, conversation } = this
    if (!session || !conversation) return false
    try {
      this.#conversationIs(await this.#parts.api.end(session.token, conversation.id))
      return true
    } catch (problem) {
      return problem instanceof Refusal
    }
  }

  /** Sends a refused one again; where its conversation is over, it and what stood with it ask for a new one. */
  again(unsent: Unsent) {
    const current = this.conversation && goesOn(this.conversation) ? this.conversation.id : null
    const group = isOver(unsent)
      ? this.#outbox.all.filter((one) => isOver(one) && one.to === unsent.to)
      : [unsent]
    for (const { clientId } of group) this.#outbox.retry(clientId, current)
    this.#unsentChanged()
    this.flush()
  }

  drop(unsent: Unsent) {
    this.#outbox.settle(unsent.clientId)
    this.#unsentChanged()
  }

  /** Something changed what is kept, in another tab. */
  keptElsewhere() {
    this.#unsentChanged()
    const token = this.#parts.keep.get('token')
    if (token && this.session && token !== this.session.token && !goesOn(this.conversation)) void this.begin()
    if (this.unsent.length > this.#outbox.own.length) {
      this.#timers.set('adopt', adoptAfterMs, () => {
        this.#outbox.adopt()
        this.flush()
      })
    }
  }

  // --- sending ------------------------------------------------------------------------------------------------------

  /** Sends what waits, in order. One that asks for a new conversation holds up those behind it. */
  flush() {
    const { session, conversation } = this
    if (!session || this.#timers.runs('calm')) return
    if (
      conversation &&
      goesOn(conversation) &&
      this.#outbox.own.some(({ to, refused }) => to === null && !refused)
    ) {
      if (!this.#starting) this.#outbox.address(conversation.id)
    }
    for (const unsent of this.#outbox.own) {
      if (unsent.refused || this.#flying.has(unsent.clientId)) continue
      if (unsent.to === null) {
        void this.#start(unsent)
        break
      }
      const { clientId, text, to: conversationId } = unsent
      if (!this.#line.send({ type: 'send', conversationId, clientId, text })) break
      this.#flying.add(clientId)
      this.#timers.set('ack', ackPatienceMs, () => this.#flying.size > 0 && this.#line.retry())
    }
    this.#publish()
  }

  /** Asks for a conversation. The refusal, if it is one; without an answer it is tried again later. */
  async #start(unsent: Unsent): Promise<Refusal | null> {
    const { session } = this
    if (!session || this.#starting) return null
    this.#starting = true
    const { clientId, text, fields, consent } = unsent
    try {
      const page = this.#page ?? undefined
      const begun = await this.#parts.api.start(session.token, {
        fields: fields ?? {},
        text,
        clientId,
        page,
        consent,
      })
      this.#starting = false
      this.#know(fields ?? {}, begun)
      // Its text is not taken as stored before the log shows it: where a conversation was open already, Foyer answers
      // with that one, and the text goes there as an ordinary message under the same id.
      this.#outbox.address(begun.id)
      this.emit('liveChatRequested', begun.id)
      this.#show(begun)
      this.#publish()
      return null
    } catch (problem) {
      this.#starting = false
      if (isRejected(problem)) await this.begin()
      if (isRejected(problem) || mayPass(problem)) {
        this.#timers.set('start', this.#pauses.after(problem), () => this.flush())
        return null
      }
      const refusal = problem as Refusal
      this.#outbox.refuse(clientId, { code: refusal.problem.code, message: refusal.message })
      this.#unsentChanged()
      return refusal
    }
  }

  #know(fields: VisitorFields, conversation: WidgetConversation) {
    if (!this.session) return
    const given = Object.entries(fields).filter(([, value]) => value)
    this.session = {
      ...this.session,
      conversation,
      known: { ...this.session.known, ...Object.fromEntries(given) },
    }
    if (fields.email) this.emit('emailGiven')
    if (fields.phone) this.emit('phoneGiven')
  }

  // --- what Foyer says ----------------------------------------------------------------------------------------------

  #lineIs(line: Line) {
    this.line = line
    this.#flying.clear()
    this.#catching = false
    if (line !== 'open') this.typing.peer(false)
  }

  #apply(frame: ToVisitor) {
    switch (frame.type) {
      case 'welcome':
        this.clockOffsetMs = Date.parse(frame.now) - Date.now()
        this.#reachable(frame.reachability)
        this.#seenTold = ''
        this.#outbox.adopt()
        this.#unsentChanged()
        if (frame.conversation) this.#conversationIs(frame.conversation)
        if (!this.#catchUp()) this.flush()
        return
      case 'conversation':
        return this.#conversationIs(frame.conversation)
      case 'reachability':
        return this.#reachable(frame.reachability)
      case 'seen':
        return this.#agentRead(frame.conversationId, frame.readSeq)
      case 'ack':
        return this.#acknowledged(frame)
      case 'refused':
        return this.#refused(frame)
      case 'entry':
        if (frame.conversationId !== this.conversation?.id) return
        this.#log.add(frame.entry)
        if (frame.entry.sender.type === 'agent') this.typing.peer(false)
        this.#logChanged()
        if (this.#log.behind) this.#catchUp()
        return
      case 'entries':
        return this.#caughtUp(frame)
      case 'typing':
        if (frame.conversationId === this.conversation?.id) this.typing.peer(frame.typing)
        return
      default:
        // A newer server may say more than this app knows.
        frame satisfies never
    }
  }

  #reachable(reachability: WidgetSession['reachability']) {
    if (this.session) this.session = { ...this.session, reachability }
  }

  #conversationIs(next: WidgetConversation) {
    const before = this.conversation
    if (before?.id !== next.id) {
      // Begun in another tab, or by this one in an answer that got lost.
      if (goesOn(next)) this.#show(next)
      return
    }
    const agentReadSeq = Math.max(before.agentReadSeq, next.agentReadSeq)
    this.conversation = { ...next, agentReadSeq }
    this.#log.reaches(next.lastSeq)
    if (before.status === 'waiting' && next.status === 'active') this.emit('connected', next.id)
    if (goesOn(before) && !goesOn(next)) {
      this.typing.peer(false)
      this.emit(
        next.endReason === 'timeout' || next.endReason === 'no_answer' ? 'timedOut' : 'ended',
        next.id,
      )
    }
    this.#watchWait()
    if (this.#log.behind) this.#catchUp()
    this.#publish()
  }

  #agentRead(conversationId: string, readSeq: number) {
    const it = this.conversation
    if (it?.id === conversationId && readSeq > it.agentReadSeq)
      this.conversation = { ...it, agentReadSeq: readSeq }
  }

  #acknowledged({ conversationId, clientId, seq, at }: Extract<ToVisitor, { type: 'ack' }>) {
    this.#flying.delete(clientId)
    const unsent = this.#outbox.all.find((one) => one.clientId === clientId)
    if (conversationId !== this.conversation?.id) {
      this.#outbox.settle(clientId)
      return this.#unsentChanged()
    }
    if (!unsent) return
    const sender = { type: 'visitor' as const, id: this.session?.visitorId ?? null }
    this.#log.add({ seq, kind: 'message', sender, at, text: unsent.text, data: null, clientId })
    this.#logChanged()
    if (this.#log.behind) this.#catchUp()
  }

  #refused({ clientId, code, message, retryAfterMs }: Extract<ToVisitor, { type: 'refused' }>) {
    if (clientId === null) {
      if (!this.#catching) return
      this.#catching = false
      this.#timers.stop('answer')
      if (retryAfterMs !== undefined) this.#timers.set('again', retryAfterMs, () => this.#catchUp())
      else this.flush()
      return
    }
    this.#flying.delete(clientId)
    if (retryAfterMs !== undefined) this.#timers.set('calm', retryAfterMs, () => this.flush())
    else this.#outbox.refuse(clientId, { code, message })
    this.#unsentChanged()
    if (code === 'conversation_ended') void this.#isOver()
  }

  /** The news of the end got lost: take Foyer's word for it now, and read how it ended. */
  async #isOver() {
    const { session, conversation } = this
    if (!session || !conversation || !goesOn(conversation)) return
    this.#conversationIs({ ...conversation, status: 'ended' })
    this.#catchUp()
    await this.#listEarlier()
    const known = this.earlier.find(({ id }) => id === conversation.id)
    if (known) this.#conversationIs(known)
  }

  /** Asks for what stands after the last applied line. False without a line. */
  #catchUp(): boolean {
    if (!this.conversation || this.#catching) return this.#catching
    const { id: conversationId } = this.conversation
    this.#catching = this.#line.send({ type: 'resume', conversationId, afterSeq: this.#log.applied })
    if (this.#catching)
      this.#timers.set('answer', answerPatienceMs, () => this.#catching && this.#line.retry())
    return this.#catching
  }

  #caughtUp({ conversationId, entries, lastSeq, hasMore }: Extract<ToVisitor, { type: 'entries' }>) {
    if (conversationId !== this.conversation?.id) return
    this.#catching = false
    this.#timers.stop('answer')
    const moved = this.#log.addAll(entries)
    this.#log.reaches(lastSeq)
    this.#logChanged()
    if (moved && (hasMore || this.#log.behind)) this.#catchUp()
    else this.flush()
  }

  /** The page is looked at again, maybe after a night's sleep: is the line still alive? */
  wakes() {
    if (this.line === 'open' && !this.#catching) this.#catchUp()
    this.#publish()
  }

  // --- telling ------------------------------------------------------------------------------------------------------

  #logChanged() {
    this.entries = [...this.#log.entries]
    this.hasEarlierEntries = this.#log.from > 0
    for (const { clientId } of this.#outbox.all) if (this.#log.has(clientId)) this.#outbox.settle(clientId)
    this.#unsentChanged()
    this.#publish()
  }

  #unsentChanged() {
    this.unsent = this.#outbox.all
  }

  /** Tells Foyer what was seen, the host page what is unread, and keeps the line where it is needed. */
  #publish() {
    const { conversation, session } = this
    const { applied } = this.#log
    if (conversation && this.open && this.screen === 'chat' && document.visibilityState === 'visible') {
      this.#readSeq = Math.max(this.#readSeq, applied)
    }
    const unread = this.#log.entries.filter(({ seq, sender, kind }) => {
      return seq > this.#readSeq && sender.type === 'agent' && kind === 'message'
    }).length
    if (unread !== this.#unreadTold) this.#parts.tell({ foyer: 'unread', count: unread })
    this.#unreadTold = unread
    if (!session) return
    const needed = goesOn(conversation) || this.#outbox.own.length > 0
    this.#parts.keep.goesOn(needed || unread > 0)
    this.#line.want(needed || this.open || this.#consented)
    if (conversation && applied > 0) this.#timers.set('seen', seenPauseMs, () => this.#tellSeen())
  }

  #tellSeen() {
    const { conversation } = this
    if (!conversation) return
    const { applied: receivedSeq } = this.#log
    const told = `${conversation.id} ${this.#readSeq} ${receivedSeq}`
    if (told === this.#seenTold) return
    const seen = {
      type: 'seen' as const,
      conversationId: conversation.id,
      readSeq: this.#readSeq,
      receivedSeq,
    }
    if (this.#line.send(seen)) this.#seenTold = told
  }

  #watchWait() {
    this.#timers.stop('wait')
    const { conversation } = this
    if (conversation?.status !== 'waiting') {
      this.waitsLong = false
      return
    }
    const left = Date.parse(conversation.requestedAt) + longWaitMs - this.now()
    this.waitsLong = left <= 0
    if (left > 0) {
      this.#timers.set('wait', left, () => {
        this.waitsLong = true
      })
    }
  }

  emit(event: ChatEvent, conversationId: string | null = this.conversation?.id ?? null) {
    this.#parts.tell({ foyer: 'event', event, conversationId })
  }

  /** Foyer's time, in ms. */
  now() {
    return Date.now() + this.clockOffsetMs
  }

  #clearDraft() {
    this.draft = ''
    this.#timers.stop('draft')
    this.#parts.keep.set('draft', null)
  }
}

/** Its conversation takes no more; only a new one can. */
export const isOver = ({ refused }: Unsent) =>
  refused?.code === 'conversation_ended' || refused?.code === 'not_found'
