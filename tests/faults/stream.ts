import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ToAgent, ToVisitor } from '#core/contracts/sockets.ts'
import { waitFor } from '#tests/support/wait.ts'

type Frames = ToVisitor | ToAgent

/** What a SocketClient of either side is. */
interface Line {
  readonly closed: object | undefined
  readonly raw: { terminate(): void }
  send(frame: object): void
  on(listener: (frame: Frames) => void): void
  close(): Promise<void>
}

/** Somebody who goes on writing whatever happens to the line, as the widget and the inbox do: keeps what is not
 *  acknowledged, comes back, and sends it again in the order of typing. */
export class Stream {
  readonly name: string
  /** By client id, in the order of typing. */
  readonly said: string[] = []
  readonly acknowledged = new Map<string, number>()
  readonly refused: string[] = []
  readonly #conversationId: string
  readonly #connect: () => Promise<Line>
  readonly #everyMs: number
  #socket: Line | undefined
  #writing = true
  #reconnects = 0

  constructor(name: string, conversationId: string, everyMs: number, connect: () => Promise<Line>) {
    this.name = name
    this.#everyMs = everyMs
    this.#conversationId = conversationId
    this.#connect = connect
  }

  get reconnects(): number {
    return this.#reconnects
  }

  get unacknowledged(): string[] {
    return this.said.filter((clientId) => !this.acknowledged.has(clientId))
  }

  /** Writes until `stop`, then until everything is acknowledged. */
  async run(): Promise<void> {
    while (this.#writing || this.unacknowledged.length > 0) {
      const socket = await this.#line()
      if (this.#writing && this.unacknowledged.length < 10) this.#send(socket, this.#type())
      // the pace of typing, which limits are about
      await pause(this.#everyMs)
    }
    await this.#socket?.close()
  }

  stop(): void {
    this.#writing = false
  }

  #type(): string {
    const clientId = randomUUID()
    this.said.push(clientId)
    return clientId
  }

  #send(socket: Line, clientId: string): void {
    socket.send({
      type: 'send',
      conversationId: this.#conversationId,
      clientId,
      text: `${this.name} ${this.said.indexOf(clientId)}`,
    })
  }

  async #line(): Promise<Line> {
    if (this.#socket && !this.#socket.closed) return this.#socket
    // whatever it breaks off with
    const connect = () => this.#connect().catch(() => undefined)
    const socket = await waitFor('the line is back', connect, { everyMs: 50 })
    if (this.#socket) this.#reconnects += 1
    this.#socket = socket
    socket.on((frame) => this.#hear(frame))
    for (const clientId of this.unacknowledged) this.#send(socket, clientId)
    return socket
  }

  #hear(frame: Frames): void {
    if (frame.type === 'ack') {
      const before = this.acknowledged.get(frame.clientId)
      if (before !== undefined && before !== frame.seq)
        this.refused.push(`${frame.clientId} was acknowledged at ${before} and at ${frame.seq}`)
      this.acknowledged.set(frame.clientId, frame.seq)
    }
    // a later try may go through; the line is renewed for it, and with it the order of typing
    if (frame.type === 'refused' && frame.retryAfterMs) this.#socket?.raw.terminate()
    else if (frame.type === 'refused') this.refused.push(`${frame.code}: ${frame.message}`)
  }
}
