import type { Problem } from '#core/contracts/common.ts'
import type { Entry } from '#core/contracts/conversations.ts'
import type { ToVisitor, VisitorFrame } from '#core/contracts/sockets.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { Api } from '../../widget/app/api.ts'
import { NoAnswer, Refusal } from '../../widget/app/api.ts'
import type { Parts } from '../../widget/app/chat/parts.ts'
import { aConversation, anEntry, aSession } from './samples.ts'

type ConnectionOptions = Parameters<Parts['connect']>[0]
/** What becomes of the next frame or call: it gets through; it is lost on the way; it arrives and its answer is lost. */
export type Fate = 'arrives' | 'lost' | 'answer lost'

const problem = (status: number, code: string, detail: string, errors: Problem['errors'] = []) =>
  new Refusal({ type: 'about:blank', title: detail, status, code, detail, errors })

/** Foyer as one visitor's tabs see it, kept in memory: one log a conversation, a client id taken once. */
export class ModelFoyer {
  readonly logs = new Map<string, Entry[]>()
  #conversations: WidgetConversation[] = []
  #lines = new Set<Line>()
  /** Fates in the order they will be dealt; afterwards all arrives. */
  fates: Fate[] = []
  up = true
  /** The site asks for a name, and this visitor has given none. */
  needsName = false

  get current(): WidgetConversation | null {
    const latest = this.#conversations.at(-1)
    return latest ? { ...latest, lastSeq: this.logs.get(latest.id)?.length ?? 0 } : null
  }
  get all(): Entry[] {
    return this.#conversations.flatMap(({ id }) => this.logs.get(id) ?? [])
  }
  get lineCount() {
    return this.#lines.size
  }

  agentSays(text: string) {
    const { current } = this
    if (current) this.#append(current.id, { text, sender: { type: 'agent', id: current.agent?.id ?? null } })
  }

  end() {
    const latest = this.#conversations.at(-1)
    if (!latest || latest.status === 'ended') return
    this.#append(latest.id, {
      kind: 'ended',
      sender: { type: 'system', id: null },
      text: null,
      data: { reason: 'agent', by: 'Dana' },
    })
    Object.assign(latest, { status: 'ended', endReason: 'agent', endedAt: latest.requestedAt })
    this.#tell({ type: 'conversation', conversation: this.current as WidgetConversation })
  }

  cutLines() {
    for (const line of this.#lines) line.cut()
  }

  connect(options: ConnectionOptions): Line {
    return new Line(this, this.#lines, options)
  }

  /** Takes the next fate for a call: throws where nobody answers. */
  async #call<T>(work: () => T): Promise<T> {
    await Promise.resolve()
    const fate = this.fate()
    if (fate === 'lost') throw new NoAnswer('lost')
    const answer = work()
    if (fate === 'answer lost') throw new NoAnswer('answer lost')
    return structuredClone(answer)
  }

  fate(): Fate {
    return this.up ? (this.fates.shift() ?? 'arrives') : 'lost'
  }

  api: Api = {
    openSession: () =>
      this.#call(() => aSession({ conversation: this.current, now: new Date().toISOString() })),
    start: (_token, { text, clientId }) =>
      this.#call(() => {
        const { current } = this
        if (current?.status === 'active') return current
        const asked = this.#conversations.find(({ id }) => this.logs.get(id)?.[0]?.clientId === clientId)
        if (asked) return asked
        const { id } = this.#make({})
        this.store(id, clientId, text)
        this.#tell({ type: 'conversation', conversation: this.current as WidgetConversation })
        return this.current as WidgetConversation
      }),
    list: () => this.#call(() => ({ conversations: this.#conversations.toReversed() })),
    entries: (_token, id, query) =>
      this.#call(() => this.page(id, Number(new URLSearchParams(query).get('afterSeq')))),
    end: () =>
      this.#call(() => {
        this.end()
        return this.current as WidgetConversation
      }),
    leave: (_token, { conversationId, text = '', clientId, fields }) =>
      this.#call(() => {
        if (this.needsName && !fields.name)
          throw problem(422, 'invalid_input', 'Some fields are still empty.', [
            { field: 'fields.name', message: 'This is needed.' },
          ])
        const there = this.#conversations.find(({ id }) => this.#isIn(id, clientId) || id === conversationId)
        const missed = there ?? this.#make({ status: 'missed', endReason: 'left_message' })
        if (text && !this.#isIn(missed.id, clientId))
          this.#append(missed.id, { clientId, text, sender: { type: 'visitor', id: aSession().visitorId } })
        missed.messageLeft = true
        return { ...missed, lastSeq: this.logs.get(missed.id)?.length ?? 0 }
      }),
  }

  #make(changes: Partial<WidgetConversation>): WidgetConversation {
    const id = `01a00000-0000-7000-8000-${String(this.#conversations.length).padStart(12, '0')}`
    const made = aConversation({
      id,
      requestedAt: new Date().toISOString(),
      routedAt: new Date().toISOString(),
      ...changes,
    })
    this.#conversations.push(made)
    this.logs.set(id, [])
    return made
  }

  #isIn = (id: string, clientId: string) => this.logs.get(id)?.some((entry) => entry.clientId === clientId)

  /** Small pages, so that reading takes several. */
  page(id: string, afterSeq: number) {
    const log = this.logs.get(id) ?? []
    const entries = log.slice(afterSeq, afterSeq + 3)
    return { entries, lastSeq: log.length, hasMore: afterSeq + entries.length < log.length }
  }

  /** The entry of this client id: the one already there, or a new one. Null where the conversation is over. */
  store(id: string, clientId: string, text: string, except?: Line): Entry | null {
    const there = this.logs.get(id)?.find((entry) => entry.clientId === clientId)
    if (there) return there
    if (this.#conversations.find((one) => one.id === id)?.status !== 'active') return null
    return this.#append(id, { clientId, text, sender: { type: 'visitor', id: aSession().visitorId } }, except)
  }

  #append(id: string, changes: Partial<Entry>, except?: Line): Entry {
    const log = this.logs.get(id) ?? []
    const entry = anEntry(log.length + 1, changes)
    log.push(entry)
    this.#tell({ type: 'entry', conversationId: id, entry }, except)
    return entry
  }

  #tell(frame: ToVisitor, except?: Line) {
    for (const line of this.#lines) if (line !== except) line.hear(frame)
  }
}

/** A tab's socket. A frame lost on its way to Foyer, or its answer, takes the line with it; one lost by fan-out does not. */
class Line {
  #foyer: ModelFoyer
  #open: Set<Line>
  #options: ConnectionOptions
  #wanted = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(foyer: ModelFoyer, open: Set<Line>, options: ConnectionOptions) {
    this.#foyer = foyer
    this.#open = open
    this.#options = options
  }

  want(wanted: boolean) {
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    if (wanted) this.retry()
    else {
      this.#open.delete(this)
      this.#options.online('off')
    }
  }

  retry() {
    this.cut(0)
  }

  cut(afterMs = 300) {
    clearTimeout(this.#timer)
    this.#open.delete(this)
    if (!this.#wanted) return
    this.#options.online('connecting')
    this.#timer = setTimeout(() => this.#welcome(), afterMs)
  }

  #welcome() {
    if (!this.#wanted) return
    if (!this.#options.hello() || this.#foyer.fate() !== 'arrives') return this.cut()
    this.#open.add(this)
    this.#options.online('open')
    const { current } = this.#foyer
    const now = new Date().toISOString()
    this.#options.onframe({
      type: 'welcome',
      now,
      reachability: { open: true, backAt: null },
      conversation: current,
    })
  }

  send(frame: VisitorFrame): boolean {
    if (!this.#open.has(this)) return false
    if (frame.type !== 'send' && frame.type !== 'resume') return true
    queueMicrotask(() => this.#take(frame))
    return true
  }

  #take(frame: Extract<VisitorFrame, { type: 'send' | 'resume' }>) {
    if (!this.#open.has(this)) return
    const fate = this.#foyer.fate()
    if (fate === 'lost') return this.cut()
    const answer = this.#answer(frame)
    if (fate === 'answer lost') return this.cut()
    this.#options.onframe(structuredClone(answer))
  }

  #answer(frame: Extract<VisitorFrame, { type: 'send' | 'resume' }>): ToVisitor {
    const { conversationId } = frame
    if (frame.type === 'resume') {
      return { type: 'entries', conversationId, ...this.#foyer.page(conversationId, frame.afterSeq) }
    }
    const { clientId, text } = frame
    const entry = this.#foyer.store(conversationId, clientId, text, this)
    if (entry) return { type: 'ack', conversationId, clientId, seq: entry.seq, at: entry.at }
    return { type: 'refused', clientId, code: 'conversation_ended', message: 'This chat has ended.' }
  }

  /** Fan-out: may lose a frame and leave the line. */
  hear(frame: ToVisitor) {
    const copy = structuredClone(frame)
    queueMicrotask(() => {
      if (this.#open.has(this) && this.#foyer.fate() === 'arrives') this.#options.onframe(copy)
    })
  }
}
