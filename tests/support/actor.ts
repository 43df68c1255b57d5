import { randomUUID } from 'node:crypto'
import type { ToAgent, ToVisitor } from '#core/contracts/sockets.ts'
import { FollowedLog } from './followed-log.ts'
import type { HttpClient } from './http-client.ts'
import { SocketClient } from './socket-client.ts'
import { HopelessError, waitFor } from './wait.ts'

interface Entrance {
  path: string
  headers?: Record<string, string>
  /** What it says hello with. */
  token: string
}

/** Somebody with Foyer open: speaks HTTP and the socket, and follows the logs of conversations. */
export abstract class Actor<Frame extends ToVisitor | ToAgent> {
  readonly http: HttpClient
  readonly #logs = new Map<string, FollowedLog>()
  #socket: SocketClient<Frame> | undefined

  constructor(http: HttpClient) {
    this.http = http
  }

  protected abstract get name(): string
  protected abstract get entrance(): Entrance
  /** What it makes of a frame; those about logs have been applied. */
  protected abstract apply(frame: Frame): void

  get socket(): SocketClient<Frame> {
    if (!this.#socket) throw new Error(`${this.name} has no socket open`)
    return this.#socket
  }

  /** A new socket, as after a reload: a fresh snapshot, and every log followed from where it was. */
  async connect(): Promise<void> {
    const { path, headers, token } = this.entrance
    const url = this.http.origin.replace(/^http/, 'ws') + path
    const socket = await SocketClient.connect<Frame>(url, headers)
    this.#socket = socket
    socket.on((frame) => {
      this.#applyToLog(frame)
      this.apply(frame)
    })
    socket.send({ type: 'hello', token })
    await socket.frame('welcome' as Frame['type'])
    for (const log of this.#logs.values()) log.resume()
  }

  async leaves(): Promise<void> {
    await this.#socket?.close()
    this.#socket = undefined
  }

  /** Follows a conversation's log from its start. */
  follow(conversationId: string): FollowedLog {
    const known = this.#logs.get(conversationId)
    if (known) return known
    const log = new FollowedLog((afterSeq) => this.socket.send({ type: 'resume', conversationId, afterSeq }))
    this.#logs.set(conversationId, log)
    log.resume()
    return log
  }

  /** Sends over the socket; resolves with the acknowledgement, which follows the commit.
   *  @throws {SendRefusedError} */
  protected async send(
    type: 'send' | 'note',
    conversationId: string,
    text: string,
    clientId: string = randomUUID(),
  ) {
    const { socket } = this
    socket.send({ type, conversationId, clientId, text })
    // what came before the send may be the answer to an earlier try
    return acknowledged(socket, socket.frames.length, clientId)
  }

  protected async hasHeard(conversationId: string, text: string): Promise<void> {
    const log = this.follow(conversationId)
    await waitFor(`${this.name} hears "${text}"`, () => log.texts.includes(text))
  }

  #applyToLog(frame: ToVisitor | ToAgent): void {
    if (frame.type === 'entry') this.#logs.get(frame.conversationId)?.applyEntry(frame.entry)
    if (frame.type === 'ack') this.#logs.get(frame.conversationId)?.applyAck(frame.seq)
    if (frame.type === 'entries')
      this.#logs.get(frame.conversationId)?.applyEntries(frame.entries, frame.hasMore)
  }
}

/** A send that Foyer did not store, and when a later try may go through. */
export class SendRefusedError extends Error {
  override name = 'SendRefusedError'
  readonly retryAfterMs: number | undefined

  constructor(code: string, message: string, retryAfterMs: number | undefined) {
    super(`${code}: ${message}`)
    this.retryAfterMs = retryAfterMs
  }
}

/** @param since how many frames had come before the send. */
async function acknowledged(
  socket: { frames: readonly (ToVisitor | ToAgent)[]; closed: { code: number } | undefined },
  since: number,
  clientId: string,
) {
  const answer = await waitFor(
    'an acknowledgement',
    () => {
      for (const frame of socket.frames.slice(since))
        if ((frame.type === 'ack' || frame.type === 'refused') && frame.clientId === clientId) return frame
      if (socket.closed) throw new HopelessError(`The socket closed with ${socket.closed.code}`)
      return undefined
    },
    { everyMs: 2 },
  )
  if (answer.type === 'refused') throw new SendRefusedError(answer.code, answer.message, answer.retryAfterMs)
  return answer
}
