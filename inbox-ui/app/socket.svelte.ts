import type { AgentFrame, ToAgent } from '../../core/contracts/sockets.ts'

/**
 * The line to Foyer. States:
 *   closed      not wanted: before `open()` and after `close()`
 *   connecting  a socket is being opened and greeted         -> open on `welcome`, waiting on any failure
 *   open        `welcome` has arrived; frames go both ways   -> waiting when the line breaks
 *   waiting     broken; tries again at `retryAt`, at once when the browser comes back online or somebody asks
 */
export type SocketStatus = 'closed' | 'connecting' | 'open' | 'waiting'

export interface SocketOptions {
  url: string
  /** For the first frame; null when nobody is signed in any more. `fresh`: Foyer is to be asked, the last one may be over. */
  token: (fresh: boolean) => Promise<string | null>
  onframe: (frame: ToAgent) => void
  onbroken: () => void
  WebSocket?: typeof WebSocket
  random?: () => number
}

// as in core/contracts/sockets.ts, which a browser takes types from only
const notSignedIn = 4401
const revoked = 4403

const greetingMs = 10_000
const answerMs = 10_000
const firstPauseMs = 400
const longestPauseMs = 15_000

const isVisible = () => document.visibilityState === 'visible'

export class AgentSocket {
  #status = $state<SocketStatus>('closed')
  #retryAt = $state<number | null>(null)
  readonly #options: SocketOptions
  #socket: WebSocket | null = null
  #failures = 0
  #fresh = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #answerTimer: ReturnType<typeof setTimeout> | undefined
  /** Counts the tries: what an older try still has to say is not heard. */
  #try = 0
  /** What Foyer was told last of whether somebody can see this page. */
  #visible = true

  constructor(options: SocketOptions) {
    this.#options = options
  }

  get status(): SocketStatus {
    return this.#status
  }
  /** This machine's time in ms of the next try. */
  get retryAt(): number | null {
    return this.#retryAt
  }

  open(): void {
    if (this.#status === 'closed') void this.#connect()
  }

  close(): void {
    this.#status = 'closed'
    this.#drop()
  }

  /** Skips the pause before the next try. */
  retryNow = (): void => {
    if (this.#status === 'waiting') void this.#connect()
  }

  /** After a sleep or a change of network the old line may be dead without the browser knowing. */
  renew = (): void => {
    if (this.#status === 'open' || this.#status === 'waiting') {
      if (this.#status === 'open') this.#options.onbroken()
      void this.#connect()
    }
  }

  /** False when the line is down; the frame is then not kept. */
  send(frame: AgentFrame): boolean {
    if (this.#status !== 'open' || !this.#socket) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  /** Whatever was just sent is answered; a line that stays silent is dead, though the browser may not know it yet. */
  expectAnswer(): void {
    if (this.#status !== 'open') return
    this.#answerTimer ??= setTimeout(() => this.#broken(), answerMs)
  }

  async #connect(): Promise<void> {
    this.#drop()
    this.#status = 'connecting'
    this.#retryAt = null
    const attempt = this.#try
    this.#timer = setTimeout(() => this.#broken(), greetingMs)
    let token: string | null
    try {
      token = await this.#options.token(this.#fresh)
    } catch {
      if (attempt === this.#try) this.#broken()
      return
    }
    if (attempt !== this.#try) return
    if (token === null) return this.close()
    const socket = new (this.#options.WebSocket ?? WebSocket)(this.#options.url)
    this.#socket = socket
    // browsers do not say why an upgrade failed: the session may be over
    let refused = true
    socket.onopen = () => {
      refused = false
      this.#visible = isVisible()
      socket.send(JSON.stringify({ type: 'hello', token, visible: this.#visible }))
    }
    socket.onmessage = ({ data }) => {
      if (attempt !== this.#try) return
      clearTimeout(this.#answerTimer)
      this.#answerTimer = undefined
      this.#received(JSON.parse(String(data)))
    }
    socket.onclose = ({ code }) => {
      if (attempt !== this.#try) return
      this.#fresh = refused || code === notSignedIn || code === revoked
      this.#broken()
    }
  }

  #received(frame: ToAgent): void {
    if (frame.type === 'welcome') {
      clearTimeout(this.#timer)
      this.#failures = 0
      this.#fresh = false
      this.#status = 'open'
      this.tellVisible()
    }
    this.#options.onframe(frame)
  }

  /** Says whether this page has come into view or gone out of it since it was said last. */
  tellVisible = (): void => {
    if (this.#visible === isVisible()) return
    if (this.send({ type: 'visible', visible: isVisible() })) this.#visible = isVisible()
  }

  #broken(): void {
    const wasOpen = this.#status === 'open'
    this.#drop()
    this.#status = 'waiting'
    // full jitter: a restarted server must not see all inboxes in the same second
    const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures++)
    const pause = ceiling * (0.3 + 0.7 * (this.#options.random ?? Math.random)())
    this.#retryAt = Date.now() + pause
    this.#timer = setTimeout(() => void this.#connect(), pause)
    if (wasOpen) this.#options.onbroken()
  }

  #drop(): void {
    this.#try++
    clearTimeout(this.#timer)
    clearTimeout(this.#answerTimer)
    this.#answerTimer = undefined
    const socket = this.#socket
    this.#socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }
}
