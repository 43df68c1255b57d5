import type { Connection } from './connection.ts'

const beatMs = 200
/** Silence is noticed this much late at most. */
const roundMs = 4_000

/**
 * Looks after every connection once in 4 s, a share of them every 200 ms: pinging all of them in one go kept the process
 * from answering anybody for 27 to 60 ms with 1,200 sockets open.
 */
export class Heartbeat {
  readonly #shares = Array.from({ length: roundMs / beatMs }, () => new Set<Connection>())
  readonly #timer = setInterval(() => this.#beat(), beatMs)
  #filled = 0
  #due = 0

  /** @returns a function that takes the connection out again. */
  add(connection: Connection): () => void {
    const share = this.#share(this.#filled++)
    share.add(connection)
    return () => share.delete(connection)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    for (const connection of this.#share(this.#due++)) connection.check()
  }

  #share(n: number): Set<Connection> {
    return this.#shares[n % this.#shares.length] as Set<Connection>
  }
}
