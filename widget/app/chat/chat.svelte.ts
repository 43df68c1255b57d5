import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { PageView, VisitorFields, WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import type { ChatEvent } from '../../protocol.ts'
import { Refusal } from '../api.ts'
import type { Line } from './connection.ts'
import type { Draft } from './draft.svelte.ts'
import { applyFrame } from './frames.ts'
import { LongWait } from './long-wait.svelte.ts'
import type { Parts, Socket } from './parts.ts'
import { goesOn, type Phase, phaseOf } from './phase.ts'
import { Sending } from './sending.svelte.ts'
import { Thread } from './thread.svelte.ts'
import { Typing } from './typing.svelte.ts'
import { Unread } from './unread.ts'
import { Visit } from './visit.svelte.ts'
import { Writing } from './writing.svelte.ts'

export type Screen = 'opening' | 'failed' | 'greeting' | 'form' | 'leave' | 'book' | 'chat'
/** How long an ended chat is still what one comes back to. */
const recentMs = 60 * 60_000

// screen: opening → greeting | chat | failed;  greeting → form → chat;  greeting → leave → chat;  chat (ended) → greeting;
//         greeting | chat (waiting, fallback) → book → where it came from
/** Everything the panel shows and does: who is here (visit), what is shown (thread), what is on its way (sending). */
export class Chat {
  #parts: Parts
  #socket: Socket
  #unread: Unread
  #consented = false

  readonly visit: Visit
  readonly thread: Thread
  readonly sending: Sending
  readonly typing: Typing
  readonly longWait = new LongWait()
  readonly writing: Writing
  screen = $state<Screen>('opening')
  earlier = $state.raw<readonly WidgetConversation[]>([])
  line = $state<Line>('off')
  /** Counts what was heard of this visitor's meetings. */
  meetingNews = $state(0)
  /** The panel is open. */
  open = $state(false)

  constructor(parts: Parts) {
    this.#parts = parts
    const visit = new Visit(parts, {
      onsession: (session, again) => this.#sessionIs(session, again),
      onfailure: () => {
        if (!this.session) this.screen = 'failed'
      },
    })
    const socket = parts.connect({
      hello: () =>
        visit.session && { token: visit.session.token, type: 'hello', page: visit.page ?? undefined },
      onframe: (frame) => this.#apply(frame),
      online: (line) => this.#lineIs(line),
      onrejected: () => void visit.begin().then(() => socket.retry()),
    })
    const thread = new Thread({
      api: parts.api,
      socket,
      token: () => visit.session?.token,
      onlog: () => {
        this.sending.logChanged(thread.log)
        this.#publish()
      },
      oncaughtup: () => this.sending.flush(),
    })
    this.#socket = socket
    this.#unread = new Unread(socket, parts.tell)
    this.visit = visit
    this.thread = thread
    this.sending = new Sending({
      parts,
      socket,
      visit,
      thread,
      onbegun: (conversation, fields) => this.#begun(conversation, fields),
      onleft: (conversation, fields) => this.#left(conversation, fields),
      onover: () => void this.#isOver(),
      onchange: () => this.#publish(),
    })
    this.typing = new Typing((typing) => {
      const { conversation } = thread
      if (conversation && goesOn(conversation))
        socket.send({ type: 'typing', conversationId: conversation.id, typing })
    })
    const { keep } = parts
    const { sending, typing } = this
    const onsubmitted = () => {
      this.screen = 'chat'
    }
    this.writing = new Writing({ keep, sending, thread, typing, onsubmitted })
  }

  get keep() {
    return this.#parts.keep
  }
  get session() {
    return this.visit.session
  }
  get conversation() {
    return this.thread.conversation
  }
  get entries() {
    return this.thread.entries
  }
  get unsent() {
    return this.sending.unsent
  }

  get phase(): Phase {
    return phaseOf(this.conversation, this.unsent)
  }

  opens(open: boolean) {
    this.open = open
    if (open && !this.session) void this.visit.begin()
    this.#publish()
  }

  /** The page withdrew consent: unless a chat goes on, nothing stays on the device. */
  consent(given: boolean) {
    this.#consented = given
    if (given) void (this.session ?? this.visit.begin())
    else if (!this.open && !goesOn(this.conversation)) {
      this.#socket.want(false)
      this.#parts.keep.clear()
      this.visit.session = null
      this.thread.conversation = null
      this.screen = 'opening'
      return
    }
    this.#publish()
  }

  identify(jwt: string) {
    this.visit.identify(jwt)
    if (this.session) void this.visit.begin().then(() => this.#socket.retry())
  }

  looksAt(page: PageView) {
    this.visit.page = page
    this.#socket.send({ type: 'page', page })
  }

  /** The page is looked at again, maybe after a night's sleep: is the line still alive? */
  wakes() {
    if (this.line === 'open') this.thread.catchUp()
    this.#publish()
  }

  /** Something changed what is kept, in another tab. */
  keptElsewhere() {
    const token = this.#parts.keep.get('token')
    // a tab that is named and one that is not would take the place from each other for ever
    const isNews = token !== this.session?.token && !this.visit.isNamed
    if (token && this.session && isNews && !goesOn(this.conversation)) void this.visit.begin()
    this.sending.keptElsewhere()
  }

  #sessionIs({ conversation }: WidgetSession, again: boolean) {
    if (conversation && goesOn(conversation)) this.#conversationIs(conversation)
    else if (!again) this.#arrive(conversation)
    this.#publish()
  }

  #arrive(latest: WidgetConversation | null) {
    const recent = latest?.endedAt && this.visit.now() - Date.parse(latest.endedAt) < recentMs
    if (latest && (latest.unread > 0 || recent || this.visit.resume || this.sending.any)) this.#show(latest)
    else {
      this.thread.conversation = null
      this.screen = this.sending.any ? 'chat' : 'greeting'
      this.sending.flush()
    }
    void this.#listEarlier()
  }

  async #listEarlier() {
    if (!this.session) return
    // The list is an extra: without an answer the first screen simply has none.
    const list = await this.#parts.api.list(this.session.token).catch(() => null)
    if (list) this.earlier = list.conversations
  }

  go(screen: Screen) {
    this.screen = screen
    if (screen === 'form') this.emit('engaged')
    if (screen === 'greeting') {
      this.thread.hide()
      void this.#listEarlier()
    }
    this.#publish()
  }

  /** From booking to where one came from: a request keeps its place meanwhile. */
  back() {
    this.go(this.conversation || this.sending.any ? 'chat' : 'greeting')
  }

  /** Looks at an earlier conversation. */
  read(conversation: WidgetConversation) {
    this.#show(conversation)
  }

  /** Leaves what is written in `draft` for later, in the chat shown if it waits or nobody came. Answers like a request. */
  leave(fields: VisitorFields & { email: string }, draft: Draft, consent?: boolean) {
    const to = this.phase === 'waiting' || this.phase === 'fallback' ? this.conversation?.id : undefined
    return this.writing.leave(fields, draft, { to: to ?? null, consent })
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

  #gave(fields: VisitorFields, conversation: WidgetConversation) {
    this.visit.gave(fields, conversation)
    if (fields.email) this.emit('emailGiven')
    if (fields.phone) this.emit('phoneGiven')
  }

  #begun(conversation: WidgetConversation, fields: VisitorFields) {
    this.#gave(fields, conversation)
    this.writing.addition.clear()
    this.emit('liveChatRequested', conversation.id)
    this.#show(conversation)
    this.#publish()
  }

  #left(conversation: WidgetConversation, fields: VisitorFields) {
    this.#gave(fields, conversation)
    if (conversation.id === this.conversation?.id) this.#conversationIs(conversation)
    else this.#show(conversation)
  }

  #show(conversation: WidgetConversation) {
    this.#unread.shows(conversation)
    this.screen = 'chat'
    this.typing.peer(false)
    this.longWait.watch(conversation, this.visit.now())
    this.thread.show(conversation)
  }

  #conversationIs(next: WidgetConversation) {
    const before = this.conversation
    if (before?.id !== next.id) {
      // Begun in another tab, or by this one in an answer that got lost.
      if (goesOn(next)) this.#show(next)
      return
    }
    this.thread.update(next)
    if (before.status === 'waiting' && next.status === 'active') this.emit('connected', next.id)
    if (goesOn(before) && !goesOn(next)) {
      this.typing.peer(false)
      const timedOut = next.endReason === 'timeout' || next.endReason === 'no_answer'
      this.emit(timedOut ? 'timedOut' : 'ended', next.id)
    }
    this.longWait.watch(next, this.visit.now())
    this.thread.fill()
    this.#publish()
  }

  /** The news of the end got lost: take Foyer's word for it now, and read how it ended. */
  async #isOver() {
    const { session, conversation } = this
    if (!session || !conversation || !goesOn(conversation)) return
    this.#conversationIs({ ...conversation, status: 'ended' })
    this.thread.catchUp()
    await this.#listEarlier()
    const known = this.earlier.find(({ id }) => id === conversation.id)
    if (known) this.#conversationIs(known)
  }

  #lineIs(line: Line) {
    this.line = line
    this.sending.lineChanged()
    this.thread.lineChanged()
    if (line !== 'open') this.typing.peer(false)
  }

  #apply(frame: ToVisitor) {
    const { visit, thread, sending, typing } = this
    const onconversation = (next: WidgetConversation) => this.#conversationIs(next)
    const onmeeting = () => {
      this.meetingNews++
    }
    applyFrame(frame, { visit, thread, sending, typing, unread: this.#unread, onconversation, onmeeting })
  }

  /** Tells Foyer what was seen, the host page what is unread, and keeps the line where it is needed. */
  #publish() {
    const looking = this.open && this.screen === 'chat' && document.visibilityState === 'visible'
    this.#unread.update(this.conversation, this.thread.log, looking)
    if (!this.session) return
    const needed = goesOn(this.conversation) || this.sending.any
    this.#parts.keep.goesOn(needed || this.#unread.count > 0)
    this.#socket.want(needed || this.open || this.#consented)
  }

  emit(event: ChatEvent, conversationId: string | null = this.conversation?.id ?? null) {
    this.#parts.tell({ foyer: 'event', event, conversationId })
  }
}
