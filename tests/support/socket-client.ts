import { once } from 'node:events'
import { WebSocket } from 'ws'
import { HopelessError, waitFor } from './wait.ts'

/** One socket as a browser would hold it: every frame that came is kept, in order. */
export class SocketClient<Frame extends { type: string }> {
  readonly frames: Frame[] = []
  readonly raw: WebSocket
  /** Set once the socket is gone: the close code and reason. */
  closed: { code: number; reason: string } | undefined
  readonly #listeners = new Set<(frame: Frame) => void>()

  private constructor(raw: WebSocket) {
    this.raw = raw
    raw.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame
      this.frames.push(frame)
      for (const listener of this.#listeners) listener(frame)
    })
    raw.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
    // a refused upgrade or a killed server: `closed` tells
    raw.on('error', () => undefined)
  }

  /** Connects; says nothing yet. Throws if the upgrade is refused, with the HTTP status. */
  static async connect<Frame extends { type: string }>(
    url: string,
    headers: Record<string, string> = {},
  ): Promise<SocketClient<Frame>> {
    const raw = new WebSocket(url, { headers })
    const client = new SocketClient<Frame>(raw)
    await once(raw, 'open')
    return client
  }

  send(frame: object): void {
    this.raw.send(JSON.stringify(frame))
  }

  on(listener: (frame: Frame) => void): void {
    this.#listeners.add(listener)
  }

  /** The first frame of this type that fits, whether it has come already or comes later. */
  frame<Type extends Frame['type']>(
    type: Type,
    fits: (frame: Extract<Frame, { type: Type }>) => boolean = () => true,
    options: { timeoutMs?: number } = {},
  ): Promise<Extract<Frame, { type: Type }>> {
    return waitFor(
      `a "${type}" frame`,
      () => {
        const found = this.ofType(type).find(fits)
        if (!found && this.closed)
          throw new HopelessError(`The socket closed with ${this.closed.code} ${this.closed.reason}`)
        return found
      },
      { everyMs: 5, ...options },
    ) as Promise<Extract<Frame, { type: Type }>>
  }

  ofType<Type extends Frame['type']>(type: Type): Extract<Frame, { type: Type }>[] {
    return this.frames.filter((frame): frame is Extract<Frame, { type: Type }> => frame.type === type)
  }

  async close(): Promise<void> {
    if (this.raw.readyState === WebSocket.CLOSED) return
    const closed = once(this.raw, 'close')
    this.raw.close()
    await closed
  }

  /** The line is cut: no closing handshake. */
  async cut(): Promise<void> {
    if (this.raw.readyState === WebSocket.CLOSED) return
    const closed = once(this.raw, 'close')
    this.raw.terminate()
    await closed
  }
}
