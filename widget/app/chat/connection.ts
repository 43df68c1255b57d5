import type { z } from 'zod'
import type { ToVisitor, VisitorFrame, VisitorHello } from '#core/contracts/sockets.ts'

/** `off`: not wanted. `connecting`: on the way, nobody needs to know yet. `open`: welcomed. `lost`: a try has failed. */
export type Line = 'off' | 'connecting' | 'open' | 'lost'

type Options = {
  /** The first frame; null while there is no session to speak for. */
  hello: () => z.input<typeof VisitorHello> | null
  onframe: (frame: ToVisitor) => void
  online: (line: Line) => void
  /** Foyer does not know the token: get another, then call `retry`. */
  onrejected: () => void
}

const notSignedIn = 4401
const revoked = 4403
const firstPauseMs = 300
const longestPauseMs = 15_000
/** A server that opens the line but says nothing. */
const welcomeMs = 10_000

// off → (want) connecting → (welcome) open → (close) connecting → … → (a try fails) lost → (welcome) open
/** The socket, and its coming back: at once when the network does, else later and later, never all at the same time. */
export class Connection {
  #options: Options
  #socket: WebSocket | null = null
  #wanted = false
  #line: Line = 'off'
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: Options) {
    this.#options = options
    addEventListener('online', () => this.retry())
    addEventListener('offline', () => this.#lose())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.#line === 'lost') this.retry()
    })
  }

  want(wanted: boolean) {
    if (this.#wanted === wanted) return
    this.#wanted = wanted
    if (wanted) this.#connect()
    else {
      this.#drop()
      this.#is('off')
    }
  }

  /** Now rather than after the pause. */
  retry() {
    this.#drop()
    this.#failures = 0
    this.#connect()
  }

  /** False where there is no line: what matters is sent again after the next welcome. */
  send(frame: VisitorFrame): boolean {
    if (this.#line !== 'open' || this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  #connect() {
    clearTimeout(this.#timer)
    const hello = this.#options.hello()
    if (!this.#wanted || !hello) return
    if (this.#line !== 'lost') this.#is('connecting')
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws/visitor`)
    this.#socket = socket
    this.#timer = setTimeout(() => this.#lose(), welcomeMs)
    socket.onopen = () => socket.send(JSON.stringify(hello))
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return
      const frame: ToVisitor = JSON.parse(data)
      if (frame.type === 'welcome') {
        clearTimeout(this.#timer)
        this.#failures = 0
        this.#is('open')
      }
      this.#options.onframe(frame)
    }
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return
      this.#lose(code === notSignedIn || code === revoked)
    }
  }

  #lose(rejected = false) {
    if (!this.#wanted) return
    const wasOpen = this.#line === 'open'
    this.#drop()
    this.#is(wasOpen && navigator.onLine ? 'connecting' : 'lost')
    if (rejected) return this.#options.onrejected()
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures++)
    this.#timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random()))
  }

  #drop() {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
  }

  #is(line: Line) {
    if (this.#line === line) return
    this.#line = line
    this.#options.online(line)
  }
}
