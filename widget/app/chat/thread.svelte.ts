import type { Entry } from '#core/contracts/conversations.ts'
import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { Api } from '../api.ts'
import { Log } from './log.ts'
import type { Socket } from './parts.ts'
import { mayPass, Pauses } from './problems.ts'
import { Timers } from './timers.ts'

type Surroundings = {
  api: Api
  socket: Socket
  token: () => string | undefined
  /** The log has changed. */
  onlog: () => void
  /** All that Foyer had was read. */
  oncaughtup: () => void
}

/** As much of a long log as is shown before somebody asks for more. */
const firstRead = 100
const answerPatienceMs = 5_000

// catch up (over HTTP, or resume over the socket) → cut over (the last page of it) → stream → (a gap, a new line) catch up
/** The conversation that is shown, and its log. */
export class Thread {
  #around: Surroundings
  #timers = new Timers()
  #pauses = new Pauses()
  /** A resume is on its way. */
  #catching = false

  log = new Log()
  conversation = $state.raw<WidgetConversation | null>(null)
  entries = $state.raw<readonly Entry[]>([])
  hasEarlier = $state(false)

  constructor(around: Surroundings) {
    this.#around = around
  }

  show(conversation: WidgetConversation) {
    this.log = new Log(Math.max(0, conversation.lastSeq - firstRead), conversation.lastSeq)
    this.#catching = false
    this.conversation = conversation
    this.#changed()
    if (!this.catchUp()) void this.#read()
  }

  hide() {
    this.conversation = null
    this.entries = []
  }

  /** The same conversation as Foyer knows it now. */
  update(next: WidgetConversation) {
    const agentReadSeq = Math.max(this.conversation?.agentReadSeq ?? 0, next.agentReadSeq)
    this.conversation = { ...next, agentReadSeq }
    this.log.reaches(next.lastSeq)
  }

  agentRead(conversationId: string, readSeq: number) {
    const it = this.conversation
    if (it?.id === conversationId && readSeq > it.agentReadSeq)
      this.conversation = { ...it, agentReadSeq: readSeq }
  }

  add(entry: Entry) {
    this.log.add(entry)
    this.#changed()
    this.fill()
  }

  /** Reads on if something is known to be missing. */
  fill() {
    if (this.log.behind) this.catchUp()
  }

  /** Asks for what stands after the last applied line. False without a line, or a conversation. */
  catchUp(): boolean {
    if (!this.conversation || this.#catching) return this.#catching
    const { id: conversationId } = this.conversation
    const { socket } = this.#around
    this.#catching = socket.send({ type: 'resume', conversationId, afterSeq: this.log.applied })
    if (this.#catching) this.#timers.set('answer', answerPatienceMs, () => this.#catching && socket.retry())
    return this.#catching
  }

  caughtUp({ conversationId, entries, lastSeq, hasMore }: Extract<ToVisitor, { type: 'entries' }>) {
    if (conversationId !== this.conversation?.id) return
    this.#answered()
    const moved = this.log.addAll(entries)
    this.log.reaches(lastSeq)
    this.#changed()
    if (moved && (hasMore || this.log.behind)) this.catchUp()
    else this.#around.oncaughtup()
  }

  /** Foyer refused a frame that was no message: a resume, if one is on its way. */
  refused(retryAfterMs: number | undefined) {
    if (!this.#catching) return
    this.#answered()
    if (retryAfterMs === undefined) this.#around.oncaughtup()
    else this.#timers.set('again', retryAfterMs, () => this.catchUp())
  }

  /** Another line: no answer will come on the one before. */
  lineChanged() {
    this.#catching = false
  }

  async readEarlier() {
    const { log, conversation } = this
    const { api } = this.#around
    const token = this.#around.token()
    if (!token || !conversation || log.from === 0) return
    const page = await api.entries(token, conversation.id, `beforeSeq=${log.from + 1}`).catch(() => null)
    if (page) log.prepend(page.entries)
    if (log === this.log) this.#changed()
  }

  /** All of the log over HTTP, where there is no line. */
  async #read() {
    const { log, conversation } = this
    const { api, oncaughtup } = this.#around
    const token = this.#around.token()
    if (!token || !conversation) return
    try {
      for (let more = true; more; ) {
        const page = await api.entries(token, conversation.id, `afterSeq=${log.applied}`)
        more = log.addAll(page.entries) && page.hasMore
        if (log !== this.log) return
        this.#changed()
      }
      this.#pauses.reset()
      oncaughtup()
    } catch (problem) {
      if (mayPass(problem))
        this.#timers.set('read', this.#pauses.after(problem), () => this.log === log && this.#read())
    }
  }

  #answered() {
    this.#catching = false
    this.#timers.stop('answer')
  }

  #changed() {
    this.entries = [...this.log.entries]
    this.hasEarlier = this.log.from > 0
    this.#around.onlog()
  }
}
