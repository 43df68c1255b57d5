/** Foyer hears about typing at most this often; a peer's typing that is not repeated ends after the longer time. */
const repeatMs = 3_000
const restMs = 4_000
const peerExpiryMs = 8_000

/** Who is typing: the agent, shown; the visitor, told. */
export class Typing {
  #tell: (typing: boolean) => void
  #peerTimer: ReturnType<typeof setTimeout> | undefined
  #restTimer: ReturnType<typeof setTimeout> | undefined
  #toldAt = 0
  #mine = false
  #shown = $state(false)

  constructor(tell: (typing: boolean) => void) {
    this.#tell = tell
  }

  get agent() {
    return this.#shown
  }

  peer(typing: boolean) {
    clearTimeout(this.#peerTimer)
    this.#shown = typing
    if (typing) this.#peerTimer = setTimeout(() => this.peer(false), peerExpiryMs)
  }

  /** The visitor pressed a key. */
  me() {
    clearTimeout(this.#restTimer)
    this.#restTimer = setTimeout(() => this.stop(), restMs)
    if (this.#mine && performance.now() - this.#toldAt < repeatMs) return
    this.#mine = true
    this.#toldAt = performance.now()
    this.#tell(true)
  }

  stop() {
    clearTimeout(this.#restTimer)
    if (!this.#mine) return
    this.#mine = false
    this.#tell(false)
  }
}
