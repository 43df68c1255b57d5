import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ToAgent, ToVisitor } from '../contracts/sockets.ts'
import { closeCodes } from '../contracts/sockets.ts'
import { FoyerError } from '../errors.ts'
import { socketCounts } from './counts.ts'

const helloWithinMs = 5_000
const silentForMs = 45_000
/** Sockets are looked at every 4 s (heartbeat.ts): that is every 20. */
const pingEveryMs = 18_000
/** What may wait in a socket's buffer before its reader counts as too slow. */
const maxBufferedBytes = 1024 * 1024
const maxBadFrames = 10
const comesBackWithinMs = 5_000
/** Of a flood the order is not kept: looking would cost too much. */
const maxLater = 100
const shortestWaitMs = 50
/** How long a reader that is cut off for being slow has to read that it is. */
const lastWordMs = 5_000
const tryAgainLater = 1013

interface Send {
  clientId: string
  conversationId: string
}

/** What a kind of socket does with what comes in. One object for all its connections. */
export interface Protocol<C extends Connection> {
  /** The first frame. Resolving to false closes the socket as not signed in; so does throwing a FoyerError. Any other
   *  error is ours, and the peer is asked to come back. */
  hello(connection: C, frame: unknown): Promise<boolean>
  frame(connection: C, frame: unknown): void
  closed(connection: C): void
}

/**
 * One socket. States:
 *   greeting  until a valid hello; closed after 5 s without one
 *   holding   hello accepted, the snapshot is being read: frames for it are held so that none overtakes the snapshot
 *   open      frames go out as they come
 */
export class Connection {
  readonly id = randomUUID()
  readonly address: string
  readonly #socket: WebSocket
  /** The stream below the WebSocket. */
  readonly #line: Duplex
  #isCorked = false
  /** Sends that were told to come back. They hold up others of their conversation, or all. */
  #later: (Send & { holdsAll: boolean; at: number })[] = []
  #state: 'greeting' | 'holding' | 'open' | 'closed' = 'greeting'
  #held: string[] = []
  #holdsBack = false
  #heldLength = 0
  #heardAt = performance.now()
  #pingedAt = performance.now()
  #badFrames = 0
  #helloTimer: NodeJS.Timeout | undefined
  /** Called once when the line is gone. */
  onEnd: (() => void) | undefined

  constructor(socket: WebSocket, line: Duplex, address: string) {
    this.#socket = socket
    this.#line = line
    this.address = address
    this.#helloTimer = setTimeout(() => this.close(closeCodes.notSignedIn, 'No hello came'), helloWithinMs)
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  start<C extends Connection>(this: C, protocol: Protocol<C>): void {
    const socket = socketOf(this)
    socket.on('message', (data, isBinary) => this.receive(protocol, data as Buffer, isBinary))
    socket.on('pong', () => this.heard())
    socket.on('close', () => {
      this.ended()
      this.onEnd?.()
      protocol.closed(this)
    })
    // what went wrong on the line is told by the close that follows
    socket.on('error', () => undefined)
  }

  receive<C extends Connection>(this: C, protocol: Protocol<C>, data: Buffer, isBinary: boolean): void {
    // a peer that is being closed may go on talking for a while
    if (this.#state === 'closed') return
    this.heard()
    const frame = isBinary ? undefined : parse(data)
    if (frame === undefined) return this.refuseFrame('bad_frame', 'A frame is a JSON object with a "type".')
    if (!this.greet()) return protocol.frame(this, frame)
    protocol.hello(this, frame).then(
      (welcome) => {
        if (!welcome) this.close(closeCodes.notSignedIn, 'Not signed in')
      },
      (error: unknown) => {
        if (error instanceof FoyerError) this.close(closeCodes.notSignedIn, 'Not signed in')
        else this.close(tryAgainLater, 'Try again in a moment')
      },
    )
  }

  /** @returns whether this is the first frame. */
  greet(): boolean {
    if (this.#state !== 'greeting') return false
    clearTimeout(this.#helloTimer)
    this.#helloTimer = undefined
    this.#state = 'holding'
    return true
  }

  /** Holds what would go out from now on, as before the first snapshot: another one is about to be read. What comes in is
   *  taken all the same. */
  holdBack(): void {
    if (this.#state === 'open') this.#holdsBack = true
  }

  /** Sends the snapshot, then what came in meanwhile; without one, only that. */
  welcome(frame?: ToVisitor | ToAgent): void {
    if (this.#state !== 'holding' && !this.#holdsBack) return
    this.#state = 'open'
    this.#holdsBack = false
    if (frame) this.#write(JSON.stringify(frame))
    const held = this.#held
    this.#held = []
    this.#heldLength = 0
    // written one by one, since the first may show that nobody reads
    for (const frame of held) this.write(frame)
  }

  send(frame: ToVisitor | ToAgent): void {
    this.write(JSON.stringify(frame))
  }

  /** Sends a frame that is JSON already. A reader that cannot keep up is cut off: it reconnects and resumes from the
   *  log, which costs less than an unbounded buffer. */
  write(frame: string): void {
    if (this.#state === 'holding' || this.#holdsBack) this.#hold(frame)
    else if (this.#state === 'open') this.#write(frame)
  }

  #hold(frame: string): void {
    this.#held.push(frame)
    this.#heldLength += frame.length
    if (this.#heldLength > maxBufferedBytes) this.close(closeCodes.tooSlow, 'Too slow; reconnect and resume')
  }

  #write(frame: string): void {
    if (this.#socket.bufferedAmount > maxBufferedBytes) {
      this.close(closeCodes.tooSlow, 'Too slow; reconnect and resume')
      // whoever does not read does not answer a closing handshake either, and must not keep the buffer for long
      const end = setTimeout(() => this.#socket.terminate(), lastWordMs)
      this.#socket.once('close', () => clearTimeout(end))
      return
    }
    // a stored group tells one socket several things at once: they leave in one system call
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#line.cork()
      process.nextTick(uncork, this)
    }
    this.#socket.send(frame)
  }

  refuse(
    code: string,
    message: string,
    more: { clientId?: string | null; retryAfterMs?: number } = {},
  ): void {
    socketCounts.framesRefused.add(code)
    this.send({
      type: 'refused',
      clientId: more.clientId ?? null,
      code,
      message,
      ...(more.retryAfterMs ? { retryAfterMs: more.retryAfterMs } : {}),
    })
  }

  /** For frames that no client of ours sends; a peer that goes on sending them is closed. */
  refuseFrame(code: string, message: string, clientId: string | null = null): void {
    this.#badFrames++
    if (this.#badFrames > maxBadFrames || this.#state === 'greeting')
      this.close(closeCodes.badFrames, message)
    else this.refuse(code, message, { clientId })
  }

  /**
   * Lets sends through one after the other: what was told to come back goes in the order in which it first came, and
   * before all that comes after it, so that a limit delays a burst and does not reorder it. One that does not come back
   * holds up the rest for 5 s.
   * @param take asks the limit: 0, or after how many ms to try again. @returns the same.
   */
  takeTurn(send: Send, take: () => number): number {
    const now = performance.now()
    this.#later = this.#later.filter(
      ({ clientId, at }) => clientId === send.clientId || now < at + comesBackWithinMs,
    )
    const found = this.#later.findIndex(({ clientId }) => clientId === send.clientId)
    const place = found < 0 ? this.#later.length : found
    const first = this.#later
      .slice(0, place)
      .find(({ holdsAll, conversationId }) => holdsAll || conversationId === send.conversationId)
    const waitMs = first ? Math.max(Math.ceil(first.at - now), shortestWaitMs) : take()
    if (waitMs === 0) this.#later.splice(place, 1)
    else if (place < maxLater)
      this.#later[place] = { ...send, holdsAll: first?.holdsAll ?? true, at: now + waitMs }
    return waitMs
  }

  /** A send could not be stored, and comes again: until then those of its conversation are told to wait, too. */
  comesBack(send: Send, afterMs: number): void {
    if (this.#later.length < maxLater)
      this.#later.push({ ...send, holdsAll: false, at: performance.now() + afterMs })
  }

  heard(): void {
    this.#heardAt = performance.now()
  }

  /** Pings when it is time to, or ends a line on which nothing came for 45 s. */
  check(): void {
    const now = performance.now()
    if (now - this.#heardAt > silentForMs) {
      socketCounts.refused.add('silent')
      this.#socket.terminate()
    } else if (now - this.#pingedAt > pingEveryMs) {
      this.#pingedAt = now
      this.#socket.ping()
    }
  }

  close(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.ended()
    socketCounts.refused.add(reasons.get(code) ?? String(code))
    this.#socket.close(code, reason)
  }

  ended(): void {
    this.#state = 'closed'
    this.#holdsBack = false
    this.#held = []
    clearTimeout(this.#helloTimer)
  }

  static socketOf(connection: Connection): WebSocket {
    return connection.#socket
  }

  static uncork(connection: Connection): void {
    connection.#isCorked = false
    connection.#line.uncork()
  }
}

const { socketOf, uncork } = Connection

/** Close codes as /metrics names them. */
const reasons = new Map<number, string>([
  ...Object.entries(closeCodes).map(([name, code]) => [code, snakeCase(name)] as const),
  [1012, 'restarting'],
  [tryAgainLater, 'try_again_later'],
])

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function parse(data: Buffer): unknown {
  try {
    const frame: unknown = JSON.parse(data.toString('utf8'))
    return typeof frame === 'object' && frame !== null && !Array.isArray(frame) ? frame : undefined
  } catch {
    return undefined
  }
}
