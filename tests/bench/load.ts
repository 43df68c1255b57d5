import type { WebSocket } from 'ws'
import type { Load, Server } from './drivers/driver.ts'

/** What a run proved besides its speed; all must be zero. */
export interface Faults {
  lost: number
  /** Stands twice in a log. */
  doubled: number
  reordered: number
}

/** Sent to a reader once more under the same seq, which readers drop: allowed, but not free. */
interface Repeats {
  repeated: number
}

export interface LatencyResult extends Faults, Repeats {
  sent: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
}

export interface SaturationResult extends Faults, Repeats {
  sent: number
  perSecond: number
}

const mostMessages = 2_000_000
const quietMs = 20_000

/** Drives one server: visitors send, agents read, and every message is followed to its acknowledgement and its
 *  delivery. Uses one process and no timers on the way, because it shares its cores with what it measures. */
export class LoadGenerator {
  readonly #server: Server
  readonly #visitors: WebSocket[]
  readonly #agents: WebSocket[]
  readonly #sentAt = new Float64Array(mostMessages)
  readonly #latencyMs = new Float32Array(mostMessages)
  readonly #conversationOf = new Int32Array(mostMessages)
  readonly #acked = new Uint8Array(mostMessages)
  /** The seq a message was delivered with; 0 before. */
  readonly #deliveredSeq = new Int32Array(mostMessages)
  /** Of each conversation: the seq and the message delivered last. */
  readonly #lastSeq: Int32Array
  readonly #lastMessage: Int32Array
  #sent = 0
  #done = 0
  #doubled = 0
  #repeated = 0
  #reordered = 0
  #onDone: (message: number) => void = () => undefined

  private constructor(server: Server, visitors: WebSocket[], agents: WebSocket[]) {
    this.#server = server
    this.#visitors = visitors
    this.#agents = agents
    this.#lastSeq = new Int32Array(visitors.length).fill(-1)
    this.#lastMessage = new Int32Array(visitors.length).fill(-1)
    for (const socket of visitors) socket.on('message', (frame) => this.#onVisitorFrame(String(frame)))
    for (const socket of agents) socket.on('message', (frame) => this.#onAgentFrame(String(frame)))
  }

  static async connect(server: Server, load: Load): Promise<LoadGenerator> {
    const agents = await inTurns(load.agents, (n) => server.openAgent(n))
    const visitors = await inTurns(load.visitors, (n) => server.openVisitor(n))
    return new LoadGenerator(server, visitors, agents)
  }

  /** Open loop: messages leave at their time, whatever became of those before; conversations come at random. */
  async atRate(perSecond: number, seconds: number): Promise<LatencyResult> {
    const first = this.#begin()
    const random = randomNumbers(perSecond * seconds)
    const start = performance.now()
    const total = perSecond * seconds
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * perSecond))
        while (this.#sent - first < due) this.#send(Math.floor(random() * this.#visitors.length))
        if (this.#sent - first < total) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
    const faults = await this.#settle(first)
    const latencies = this.#latencyMs.slice(first, this.#sent).sort()
    const at = (share: number) =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN
    return { sent: total, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), ...faults }
  }

  /** Closed loop: `bursts` conversations at a time each send five messages at once, and another conversation takes
   *  the turn when all five have been acknowledged and delivered. */
  async saturate(bursts: number, seconds: number): Promise<SaturationResult> {
    const first = this.#begin()
    const start = performance.now()
    const openOf = new Int32Array(this.#visitors.length)
    let next = 0
    let running = true
    const burst = () => {
      while (openOf[next] !== 0) next = (next + 1) % this.#visitors.length
      const conversation = next
      next = (next + 1) % this.#visitors.length
      openOf[conversation] = burstLength
      for (let n = 0; n < burstLength; n++) this.#send(conversation)
    }
    let doneInTime = 0
    const finished = new Promise<void>((resolve) => {
      // messages that are never done would keep their bursts open for ever
      const timer = setTimeout(resolve, seconds * 1_000 + quietMs)
      this.#onDone = (message) => {
        if (running) doneInTime++
        const conversation = this.#conversationOf[message] as number
        openOf[conversation] = (openOf[conversation] as number) - 1
        if (openOf[conversation] !== 0) return
        if (running && performance.now() - start < seconds * 1_000) return burst()
        running = false
        clearTimeout(timer)
        resolve()
      }
    })
    for (let n = 0; n < bursts; n++) burst()
    await finished
    const elapsedSeconds = (performance.now() - start) / 1_000
    const perSecond = doneInTime / elapsedSeconds
    return { sent: this.#sent - first, perSecond, ...(await this.#settle(first)) }
  }

  close(): void {
    for (const socket of [...this.#visitors, ...this.#agents]) socket.terminate()
  }

  #begin(): number {
    this.#doubled = 0
    this.#repeated = 0
    this.#reordered = 0
    this.#onDone = () => undefined
    return this.#sent
  }

  #send(conversation: number): void {
    const message = this.#sent++
    this.#conversationOf[message] = conversation
    const frame = this.#server.sendFrame(conversation, message)
    this.#sentAt[message] = performance.now()
    this.#visitors[conversation]?.send(frame)
  }

  #onVisitorFrame(frame: string): void {
    const ack = this.#server.readAck(frame)
    if (!ack) return
    if (this.#acked[ack.message]) return
    this.#acked[ack.message] = 1
    if (this.#deliveredSeq[ack.message]) this.#isDone(ack.message)
  }

  #onAgentFrame(frame: string): void {
    const delivery = this.#server.readDelivery(frame)
    if (!delivery) return
    const { message, seq } = delivery
    if (this.#deliveredSeq[message]) {
      if (this.#deliveredSeq[message] === seq) this.#repeated++
      else this.#doubled++
      return
    }
    this.#deliveredSeq[message] = seq
    this.#latencyMs[message] = performance.now() - (this.#sentAt[message] as number)
    const conversation = this.#conversationOf[message] as number
    const before = this.#lastSeq[conversation] as number
    const inOrder =
      message > (this.#lastMessage[conversation] as number) && (before < 0 || seq === before + 1)
    if (!inOrder) this.#reordered++
    this.#lastSeq[conversation] = seq
    this.#lastMessage[conversation] = message
    if (this.#acked[message]) this.#isDone(message)
  }

  #isDone(message: number): void {
    this.#done++
    this.#onDone(message)
  }

  /** Waits until every message sent is acknowledged and delivered; what never is, is lost. */
  async #settle(first: number): Promise<Faults & Repeats> {
    const deadline = performance.now() + quietMs
    while (this.#done < this.#sent && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10))
    let lost = 0
    for (let message = first; message < this.#sent; message++)
      if (!this.#acked[message] || !this.#deliveredSeq[message]) lost++
    return { lost, doubled: this.#doubled, reordered: this.#reordered, repeated: this.#repeated }
  }

  get sent(): number {
    return this.#sent
  }
}

const burstLength = 5

/** Runs `count` tasks, a few at a time, so that a thousand handshakes do not overrun the listen queue. */
export async function inTurns<T>(count: number, task: (n: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count)
  let next = 0
  const worker = async () => {
    while (next < count) {
      const n = next++
      results[n] = await task(n)
    }
  }
  await Promise.all(Array.from({ length: 50 }, worker))
  return results
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
