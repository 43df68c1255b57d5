/** Who a frame is for. Frames are addressed to people, never to conversations: whoever may see a thing is decided
 *  once, by the publisher, from the committed row. `agents` reaches every signed-in agent, `visitors` every visitor. */
export type Topic = `agent:${string}` | `visitor:${string}` | 'agents' | 'visitors' | 'control'

/** @param exceptSocketId the socket that must not hear its own echo. */
export type Listener = (frame: string, exceptSocketId: string | null) => void

/** Carries frames to whoever listens, in this process and in the others. It may lose and repeat: durable truth is
 *  the database, and receivers resume from it. */
export interface Bus {
  /** Whether there may be other processes that tell people connected to this one. */
  readonly isShared: boolean
  publish(topic: Topic, frame: string, exceptSocketId?: string | null): void
  /** Only to those who listen in this process. */
  publishHere(topic: Topic, frame: string): void
  /** Whether anybody listens in this process. */
  has(topic: Topic): boolean
  /** What other processes publish is heard from {@link listening} on. @returns the function that ends it. */
  subscribe(topic: Topic, listener: Listener): () => void
  /** Resolves when what is subscribed here is heard from everywhere; while that cannot be, at once, and a gap is told later. */
  listening(topic: Topic): Promise<void>
  /** Called when frames from other processes may have been lost. */
  onGap(listener: () => void): void
  close(): Promise<void>
}

/** The bus of a single process, and the local half of the one over Redis. */
export class MemoryBus implements Bus {
  readonly isShared = false
  readonly #listeners = new Map<Topic, Set<Listener>>()

  publish(topic: Topic, frame: string, exceptSocketId: string | null = null): void {
    const listeners = this.#listeners.get(topic)
    if (!listeners) return
    for (const listener of listeners) listener(frame, exceptSocketId)
  }

  subscribe(topic: Topic, listener: Listener): () => void {
    let listeners = this.#listeners.get(topic)
    if (!listeners) {
      listeners = new Set()
      this.#listeners.set(topic, listeners)
    }
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic)
    }
  }

  publishHere(topic: Topic, frame: string): void {
    this.publish(topic, frame)
  }

  has(topic: Topic): boolean {
    return this.#listeners.has(topic)
  }

  async listening(): Promise<void> {}

  onGap(): void {}

  async close(): Promise<void> {
    this.#listeners.clear()
  }
}
