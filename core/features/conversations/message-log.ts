import type { FastifyBaseLogger } from 'fastify'
import type { Pool } from 'pg'
import type { Clock } from '../../clock.ts'
import { isConnectionProblem } from '../../db/away.ts'
import { ConversationEndedError, FoyerError, NotFoundError } from '../../errors.ts'
import { isRepeat, MessageGroups } from './message-groups.ts'

/** What somebody wants to say. `senderId` has proven who it is; whether it may speak here is decided under the lock. */
export interface OutgoingMessage {
  conversationId: string
  senderType: 'visitor' | 'agent'
  senderId: string
  clientId: string
  text: string
}

/** Where it was stored, and who is to be told. */
export interface StoredMessage {
  seq: number
  at: Date
  /** False when this send had been stored before. */
  isNew: boolean
  visitorId: string
  agentId: string | null
}

interface Waiting {
  message: OutgoingMessage
  /** Monotonic ms after which the sender is told to try again. */
  deadline: number
  resolve(stored: StoredMessage): void
  reject(error: Error): void
}

const maxGroup = 400
const maxWaiting = 50_000
const defaultPatienceMs = 15_000
/** Somebody else's change takes a few round trips. */
const busyPauseMs = 2
const brokenPauseMs = 200

/**
 * The hot path: stores messages in groups. Whatever waits is taken whenever a connection is free, with no timer in
 * between; so a lone message goes at once, and under load groups grow by themselves.
 *
 * Order: a conversation is on at most one connection at a time, and what cannot be stored yet rests for a moment with
 * everything of its conversation, so sends of one conversation are stored in the order they came, and those of others
 * go past them.
 */
export class MessageLog {
  readonly #groups: MessageGroups
  readonly #log: FastifyBaseLogger
  readonly #patienceMs: number
  #waiting: Waiting[] = []
  #unsettled = 0
  #free: number
  /** Conversations on a connection or at rest: nothing further of them is taken. */
  readonly #engaged = new Set<string>()
  #pumpIsDue = false
  /** Set while the database does not answer. */
  #pause: NodeJS.Timeout | undefined
  #closed = false

  /** @param idleMs after how long without a message an active conversation ends.
   *  @param patienceMs how long a message is tried before its sender is told that it was not stored. */
  constructor(options: {
    pool: Pool
    clock: Clock
    log: FastifyBaseLogger
    idleMs: number
    connections?: number
    patienceMs?: number
  }) {
    this.#groups = new MessageGroups(options)
    this.#log = options.log
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs
    this.#free = options.connections ?? 2
  }

  /** Messages that wait or are being stored. */
  get backlog(): number {
    return this.#unsettled
  }

  /**
   * Resolves after the commit.
   * @throws {ConversationEndedError} it takes no more messages
   * @throws {NotFoundError} it is not the sender's
   * @throws {FoyerError} `unavailable` (503): not known to be stored; sending again with the same client id is safe
   */
  append(message: OutgoingMessage): Promise<StoredMessage> {
    if (this.#closed || this.#unsettled >= maxWaiting) return Promise.reject(unavailable())
    this.#unsettled++
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, deadline: performance.now() + this.#patienceMs, resolve, reject })
      // one turn later, so that frames read from the same socket event share a group
      if (this.#free > 0 && !this.#pumpIsDue) {
        this.#pumpIsDue = true
        setImmediate(() => this.#pump())
      }
    })
  }

  /** Waits for what is under way; what comes after is refused. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#unsettled > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  #pump(): void {
    this.#pumpIsDue = false
    while (this.#free > 0 && this.#waiting.length > 0 && !this.#pause) {
      const group = this.#take()
      if (group.length === 0) return
      this.#free--
      for (const { message } of group) this.#engaged.add(message.conversationId)
      void this.#store(group).then(({ later, pauseMs }) => {
        this.#free++
        for (const { message } of group) this.#engaged.delete(message.conversationId)
        this.#rest(later, pauseMs)
        this.#pump()
      })
    }
  }

  #take(): Waiting[] {
    const group: Waiting[] = []
    const rest: Waiting[] = []
    const sends = new Set<string>()
    for (const item of this.#waiting) {
      const { conversationId, senderId, clientId } = item.message
      const send = `${conversationId} ${senderId} ${clientId}`
      // a send repeated while its first copy waits goes with the next group, which finds the first one stored
      if (group.length < maxGroup && !this.#engaged.has(conversationId) && !sends.has(send)) {
        sends.add(send)
        group.push(item)
      } else rest.push(item)
    }
    this.#waiting = rest
    return group
  }

  /** Keeps what must be tried again aside, then puts it before everything that came since. Whoever is told that a
   *  message was not stored is told so of everything they said after it in that conversation: it would overtake the
   *  one that is sent again. */
  #rest(later: Waiting[], pauseMs: number): void {
    const now = performance.now()
    const expired = new Set<string>()
    const isPatient = (item: Waiting) => {
      if (item.deadline > now && !expired.has(speakerOf(item))) return true
      expired.add(speakerOf(item))
      this.#reject(item, unavailable())
      return false
    }
    const patient = later.filter(isPatient)
    if (expired.size > 0) this.#waiting = this.#waiting.filter(isPatient)
    if (patient.length === 0) return
    for (const { message } of patient) this.#engaged.add(message.conversationId)
    setTimeout(() => {
      for (const { message } of patient) this.#engaged.delete(message.conversationId)
      this.#waiting = [...patient, ...this.#waiting]
      this.#pump()
    }, pauseMs)
  }

  #pauseAll(): void {
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      this.#pump()
    }, brokenPauseMs)
  }

  #resolve(item: Waiting, stored: StoredMessage): void {
    this.#unsettled--
    item.resolve(stored)
  }

  #reject(item: Waiting, error: Error): void {
    this.#unsettled--
    item.reject(error)
  }

  /** @returns what must be tried again, and after how long. */
  async #store(group: Waiting[]): Promise<{ later: Waiting[]; pauseMs: number }> {
    let left = group
    const later: Waiting[] = []
    try {
      left = await this.#storeFresh(group)
      if (left.length > 0) later.push(...(await this.#judge(left)))
    } catch (error) {
      if (isConnectionProblem(error)) {
        // The commit may or may not have happened. The client ids make the second try harmless.
        this.#log.warn({ error: String(error) }, 'Storing messages failed; trying again')
        this.#pauseAll()
        return { later: left, pauseMs: brokenPauseMs }
      }
      if (left.length > 1) return this.#storeInHalves(left)
      this.#log.error({ error }, 'A message could not be stored')
      for (const item of left) this.#reject(item, unavailable())
    }
    return { later, pauseMs: busyPauseMs }
  }

  /** Finds the guilty one. What has to wait in the first half holds back the rest of its conversation. */
  async #storeInHalves(group: Waiting[]): Promise<{ later: Waiting[]; pauseMs: number }> {
    const middle = group.length >> 1
    const first = await this.#store(group.slice(0, middle))
    const waits = new Set(first.later.map(({ message }) => message.conversationId))
    const rest = group.slice(middle)
    const free = rest.filter(({ message }) => !waits.has(message.conversationId))
    const held = rest.filter(({ message }) => waits.has(message.conversationId))
    const second = free.length > 0 ? await this.#store(free) : { later: [], pauseMs: 0 }
    return {
      later: [...first.later, ...held, ...second.later],
      pauseMs: Math.max(first.pauseMs, second.pauseMs),
    }
  }

  /** What nearly every message is: a new one of somebody who may speak.
   *  @returns what is left, conversations whole, so that nothing overtakes */
  async #storeFresh(group: Waiting[]): Promise<Waiting[]> {
    // with one that was stored before nothing is stored, and all of them are looked at singly
    const stored = await this.#groups.storeFresh(messagesOf(group)).catch(orNothing)
    return group.filter((item, index) => {
      const verdict = stored[index]
      if (verdict) this.#resolve(item, verdict)
      return !verdict
    })
  }

  /** @returns those whose conversation somebody else holds */
  async #judge(group: Waiting[]): Promise<Waiting[]> {
    const messages = messagesOf(group)
    const verdicts = await this.#groups.judge(messages).catch((error: unknown) => {
      // some were stored before: this time they are looked up
      if (isRepeat(error)) return this.#groups.judge(messages, true)
      throw error
    })
    return group.filter((item, index) => {
      const verdict = verdicts[index]
      if (!verdict) throw new Error('append_messages returned fewer rows than messages')
      if (verdict.status === 'stored') this.#resolve(item, verdict)
      else if (verdict.status === 'ended') this.#reject(item, new ConversationEndedError())
      else if (verdict.status === 'not_found') this.#reject(item, new NotFoundError('conversation'))
      return verdict.status === 'busy'
    })
  }
}

const messagesOf = (group: Waiting[]) => group.map(({ message }) => message)

function orNothing(error: unknown): [] {
  if (isRepeat(error)) return []
  throw error
}

const speakerOf = ({ message: { conversationId, senderId } }: Waiting) => `${conversationId} ${senderId}`

const unavailable = () =>
  new FoyerError(503, 'unavailable', 'Foyer could not store this just now. It is safe to send it again.')
