import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { VisitorFields, WidgetConversation } from '#core/contracts/widget.ts'
import type { Refusal } from '../api.ts'
import type { Log } from './log.ts'
import { asksForChat, isOver, Outbox, type Unsent } from './outbox.ts'
import type { Parts, Socket } from './parts.ts'
import { goesOn } from './phase.ts'
import { clean, type FormErrors, formErrors, isRejected, mayPass, Pauses } from './problems.ts'
import type { Thread } from './thread.svelte.ts'
import { Timers } from './timers.ts'
import type { Visit } from './visit.svelte.ts'

type Surroundings = {
  parts: Parts
  socket: Socket
  visit: Visit
  thread: Thread
  /** A request has become a conversation, or was one already. */
  onbegun: (conversation: WidgetConversation, fields: VisitorFields) => void
  /** Foyer has a message for later. */
  onleft: (conversation: WidgetConversation, fields: VisitorFields) => void
  /** Foyer takes no more in the conversation something was sent to. */
  onover: () => void
  /** What is on its way has changed. */
  onchange: () => void
}

const ackPatienceMs = 10_000
/** Another tab had its time to send what it keeps. */
const adoptAfterMs = 10_000

// A text is unsent → (a line) flying → (ack, or seen in the log) settled;  flying → (the line is lost) unsent;
// flying → refused → (again) unsent | (remove) gone.  A request and a message for later go over HTTP, one at a time.
/** Sends what the visitor says, in order and once, whatever happens to line and page. */
export class Sending {
  #around: Surroundings
  #outbox: Outbox
  #timers = new Timers()
  #pauses = new Pauses()
  /** Sent on this line and not answered yet. */
  #flying = new Set<string>()
  #posting = false
  /** On its way from a form, which shows it as long as it may come back to it. */
  #asked: string | null = null

  unsent = $state.raw<readonly Unsent[]>([])
  /** A form is on its way. */
  busy = $state(false)

  constructor(around: Surroundings) {
    this.#around = around
    this.#outbox = new Outbox(around.parts.keep)
    this.adopt()
  }

  get any() {
    return this.#outbox.own.length > 0
  }

  say(text: string) {
    const { conversation } = this.#around.thread
    this.#outbox.add(clean(text), conversation && goesOn(conversation) ? conversation.id : null)
    this.#changed()
    this.flush()
  }

  /** Asks for a chat. Null when it is on its way, which it is offline too; else what is wrong with the form. */
  request(fields: VisitorFields, text: string, consent?: boolean): Promise<FormErrors | null> {
    return this.#ask(this.#outbox.add(clean(text), null, { fields, consent }))
  }

  /** Leaves a message for later, in `to` or on its own. Answers like `request`. */
  leave(
    fields: VisitorFields & { email: string },
    text: string,
    { to, consent }: { to: string | null; consent?: boolean },
  ): Promise<FormErrors | null> {
    const words = clean(text)
    return this.#ask(this.#outbox.add(words.trim() && words, to, { fields, consent, left: true }))
  }

  async #ask(unsent: Unsent): Promise<FormErrors | null> {
    this.busy = true
    this.#asked = unsent.clientId
    // Should the page go now, the next one has to bring the frame back for it.
    this.#around.onchange()
    const refused = await this.#post(unsent)
    this.busy = false
    this.#asked = null
    if (refused) this.#outbox.settle(unsent.clientId)
    this.#changed()
    this.#around.onchange()
    return refused && formErrors(refused)
  }

  /** Sends a refused one again; where its conversation is over, it and what stood with it ask for a new one. */
  again(unsent: Unsent) {
    const { conversation } = this.#around.thread
    const current = conversation && goesOn(conversation) ? conversation.id : null
    const group = isOver(unsent)
      ? this.#outbox.all.filter((one) => isOver(one) && one.to === unsent.to)
      : [unsent]
    for (const { clientId } of group) this.#outbox.retry(clientId, current)
    this.#changed()
    this.flush()
  }

  drop({ clientId }: Unsent) {
    this.#outbox.settle(clientId)
    this.#changed()
  }

  /** Takes over what other tabs have left. */
  adopt() {
    this.#outbox.adopt()
    this.#changed()
  }

  /** Another tab has put something in, or has sent something. */
  keptElsewhere() {
    this.#changed()
    if (this.#outbox.all.length === this.#outbox.own.length) return
    this.#timers.set('adopt', adoptAfterMs, () => {
      this.#outbox.adopt()
      this.flush()
    })
  }

  /** What the log holds is stored. */
  logChanged(log: Log) {
    for (const { clientId } of this.#outbox.all) if (log.has(clientId)) this.#outbox.settle(clientId)
    this.#changed()
  }

  lineChanged() {
    this.#flying.clear()
  }

  /** Sends what waits, in order. One that goes over HTTP holds up those behind it. */
  flush() {
    const { visit, thread, socket } = this.#around
    const { conversation } = thread
    if (!visit.session || this.#timers.runs('calm')) return
    if (conversation && goesOn(conversation) && !this.#posting) {
      if (this.#outbox.own.some(asksForChat)) this.#outbox.address(conversation.id)
    }
    for (const unsent of this.#outbox.own) {
      if (unsent.refused || this.#flying.has(unsent.clientId)) continue
      if (unsent.to === null || unsent.left) {
        // What goes over HTTP must not overtake what is on its way over the line.
        if (!unsent.left || this.#flying.size === 0) void this.#post(unsent)
        break
      }
      const { clientId, text, to: conversationId } = unsent
      if (!socket.send({ type: 'send', conversationId, clientId, text })) break
      this.#flying.add(clientId)
      this.#timers.set('ack', ackPatienceMs, () => this.#flying.size > 0 && socket.retry())
    }
    this.#around.onchange()
  }

  /** Asks for a conversation, or leaves a message. The refusal, if it is one; without an answer it is tried again later. */
  async #post(unsent: Unsent): Promise<Refusal | null> {
    const { visit } = this.#around
    if (!visit.session || this.#posting) return null
    this.#posting = true
    try {
      const done = await (unsent.left ? this.#postLeft : this.#postRequest)(visit.session.token, unsent)
      this.#posting = false
      this.#pauses.reset()
      done()
      return null
    } catch (problem) {
      this.#posting = false
      if (isRejected(problem)) await visit.begin()
      if (isRejected(problem) || mayPass(problem)) {
        this.#timers.set('post', this.#pauses.after(problem), () => this.flush())
        return null
      }
      const refusal = problem as Refusal
      this.#outbox.refuse(unsent.clientId, { code: refusal.problem.code, message: refusal.message })
      this.#changed()
      return refusal
    }
  }

  #postRequest = async (token: string, { clientId, text, fields = {}, consent }: Unsent) => {
    const { parts, visit, onbegun } = this.#around
    const page = visit.page ?? undefined
    const begun = await parts.api.start(token, { fields, text, clientId, page, consent })
    return () => {
      // Its text is not taken as stored before the log shows it: where a conversation was open already, Foyer answers
      // with that one, and the text goes there as an ordinary message under the same id.
      this.#outbox.address(begun.id)
      onbegun(begun, fields)
    }
  }

  #postLeft = async (token: string, { clientId, text, to, fields, consent }: Unsent) => {
    const { parts, onleft } = this.#around
    const kept = await parts.api.leave(token, {
      conversationId: to ?? undefined,
      fields: { ...fields, email: fields?.email ?? '' },
      text: text || undefined,
      clientId,
      consent,
    })
    return () => {
      this.#outbox.settle(clientId)
      this.#changed()
      onleft(kept, fields ?? {})
      this.flush()
    }
  }

  acknowledged({ conversationId, clientId, seq, at }: Extract<ToVisitor, { type: 'ack' }>) {
    const { visit, thread } = this.#around
    this.#flying.delete(clientId)
    const unsent = this.#outbox.all.find((one) => one.clientId === clientId)
    if (conversationId !== thread.conversation?.id) {
      this.#outbox.settle(clientId)
      this.#changed()
    } else if (unsent) {
      const sender = { type: 'visitor' as const, id: visit.session?.visitorId ?? null }
      thread.add({ seq, kind: 'message', sender, at, text: unsent.text, data: null, clientId })
    }
    if (this.#flying.size === 0) this.flush()
  }

  refused(clientId: string, { code, message, retryAfterMs }: Extract<ToVisitor, { type: 'refused' }>) {
    this.#flying.delete(clientId)
    if (retryAfterMs !== undefined) this.#timers.set('calm', retryAfterMs, () => this.flush())
    else this.#outbox.refuse(clientId, { code, message })
    this.#changed()
    if (code === 'conversation_ended') this.#around.onover()
  }

  #changed() {
    this.unsent = this.#outbox.all.filter(({ clientId }) => clientId !== this.#asked)
  }
}
