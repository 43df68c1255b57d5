import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import { type Bus, type Listener, MemoryBus, type Topic } from './bus.ts'

const prefix = 'foyer:bus:'
/** Not a topic: on it a process says that frames of its own were lost. */
const gapChannel = 'foyer:gap'

const pingEveryMs = 4_000
/** A line on which nothing came back for this long is dead, whatever the operating system still believes. */
const silentForMs = 5_000

/** Frames between processes over Redis pub/sub. Local listeners hear a frame at once, before Redis does, so an absent
 *  Redis costs only what other processes hold. Who may have missed something is told of the gap: this process when
 *  its subscriptions were interrupted, the others when frames of this one could not be sent. */
export class RedisBus implements Bus {
  readonly isShared = true
  readonly #local = new MemoryBus()
  readonly #publisher: Redis
  readonly #subscriber: Redis
  readonly #processId = randomUUID()
  readonly #gapListeners: (() => void)[] = []
  readonly #pings: NodeJS.Timeout
  /** Subscriptions that Redis has not confirmed yet. */
  readonly #joining = new Map<Topic, Promise<void>>()
  #lost = false

  constructor(url: string, log: FastifyBaseLogger) {
    const options = {
      // a frame that cannot be sent now is lost, and resumed from the log: never pile up memory for it
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      socketTimeout: silentForMs,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
    }
    this.#publisher = new Redis(url, options)
    this.#subscriber = new Redis(url, {
      ...options,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      autoResubscribe: true,
    })
    for (const client of [this.#publisher, this.#subscriber])
      client.on('error', (error: Error) => log.warn({ error: error.message }, 'Redis does not answer'))
    this.#publisher.on('ready', () => this.#confessLoss())
    let connectedBefore = false
    this.#subscriber.on('ready', () => {
      if (connectedBefore) this.#tellGap()
      connectedBefore = true
    })
    this.#subscriber.subscribe(gapChannel).catch(() => undefined)
    this.#subscriber.on('message', (channel: string, payload: string) => {
      if (channel === gapChannel) {
        if (payload !== this.#processId) this.#tellGap()
        return
      }
      const [from, exceptSocketId, frame] = splitPayload(payload)
      if (from !== this.#processId)
        this.#local.publish(channel.slice(prefix.length) as Topic, frame, exceptSocketId || null)
    })
    this.#pings = setInterval(() => {
      for (const client of [this.#publisher, this.#subscriber])
        if (client.status === 'ready') client.ping().catch(() => undefined)
    }, pingEveryMs)
  }

  publish(topic: Topic, frame: string, exceptSocketId: string | null = null): void {
    this.#local.publish(topic, frame, exceptSocketId)
    this.#publisher
      .publish(prefix + topic, `${this.#processId}|${exceptSocketId ?? ''}|${frame}`)
      .catch(() => {
        this.#lost = true
        // the line may be back already: then no "ready" is to come
        if (this.#publisher.status === 'ready') this.#confessLoss()
      })
  }

  publishHere(topic: Topic, frame: string): void {
    this.#local.publish(topic, frame)
  }

  has(topic: Topic): boolean {
    return this.#local.has(topic)
  }

  subscribe(topic: Topic, listener: Listener): () => void {
    const first = !this.#local.has(topic)
    const leave = this.#local.subscribe(topic, listener)
    if (first) this.#join(topic)
    return () => {
      leave()
      if (!this.#local.has(topic)) this.#subscriber.unsubscribe(prefix + topic).catch(() => undefined)
    }
  }

  async listening(topic: Topic): Promise<void> {
    // subscribed again by the client when the line is back, which is told as a gap
    if (this.#subscriber.status === 'ready') await this.#joining.get(topic)
  }

  onGap(listener: () => void): void {
    this.#gapListeners.push(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#pings)
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
    await this.#local.close()
  }

  #join(topic: Topic): void {
    const joined = this.#subscriber
      .subscribe(prefix + topic)
      .catch(() => undefined)
      .then(() => {
        if (this.#joining.get(topic) === joined) this.#joining.delete(topic)
      })
    this.#joining.set(topic, joined)
  }

  #tellGap(): void {
    for (const listener of this.#gapListeners) listener()
  }

  #confessLoss(): void {
    if (!this.#lost) return
    this.#lost = false
    this.#publisher.publish(gapChannel, this.#processId).catch(() => {
      this.#lost = true
    })
  }
}

function splitPayload(payload: string): [from: string, exceptSocketId: string, frame: string] {
  const first = payload.indexOf('|')
  const second = payload.indexOf('|', first + 1)
  return [payload.slice(0, first), payload.slice(first + 1, second), payload.slice(second + 1)]
}
