import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import { type Bus, type Listener, MemoryBus, type Topic } from './bus.ts'

const prefix = 'foyer:bus:'

/** Frames between processes over Redis pub/sub. Local listeners hear a frame at once, before Redis does, so an absent
 *  Redis costs only what other processes hold; they are told of the gap when it is back. */
export class RedisBus implements Bus {
  readonly #local = new MemoryBus()
  readonly #publisher: Redis
  readonly #subscriber: Redis
  readonly #processId = randomUUID()
  readonly #gapListeners: (() => void)[] = []

  constructor(url: string, log: FastifyBaseLogger) {
    const options = {
      // a frame that cannot be sent now is lost, and resumed from the log: never pile up memory for it
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
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
    let connectedBefore = false
    this.#subscriber.on('ready', () => {
      if (connectedBefore) for (const listener of this.#gapListeners) listener()
      connectedBefore = true
    })
    this.#subscriber.on('message', (channel: string, payload: string) => {
      const [from, exceptSocketId, frame] = splitPayload(payload)
      if (from !== this.#processId)
        this.#local.publish(channel.slice(prefix.length) as Topic, frame, exceptSocketId || null)
    })
  }

  publish(topic: Topic, frame: string, exceptSocketId: string | null = null): void {
    this.#local.publish(topic, frame, exceptSocketId)
    // lost while Redis is away; receivers resume from the log
    this.#publisher
      .publish(prefix + topic, `${this.#processId}|${exceptSocketId ?? ''}|${frame}`)
      .catch(() => undefined)
  }

  subscribe(topic: Topic, listener: Listener): () => void {
    const first = !this.#local.has(topic)
    const leave = this.#local.subscribe(topic, listener)
    if (first) this.#subscriber.subscribe(prefix + topic).catch(() => undefined)
    return () => {
      leave()
      if (!this.#local.has(topic)) this.#subscriber.unsubscribe(prefix + topic).catch(() => undefined)
    }
  }

  onGap(listener: () => void): void {
    this.#gapListeners.push(listener)
  }

  async close(): Promise<void> {
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
    await this.#local.close()
  }
}

function splitPayload(payload: string): [from: string, exceptSocketId: string, frame: string] {
  const first = payload.indexOf('|')
  const second = payload.indexOf('|', first + 1)
  return [payload.slice(0, first), payload.slice(first + 1, second), payload.slice(second + 1)]
}
