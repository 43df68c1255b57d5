import { RateLimitedError } from './errors.ts'
import type { LimitUsage, RateLimit } from './http.ts'

/** Live chats may use all of a limit; background work leaves the reserve alone, and waits longer for its turn. */
export type Priority = 'live' | 'background'

/** Its turn would come too late: of our own making, so nothing else needs to rest. */
export class TurnTooLateError extends RateLimitedError {}

/** What one process asks when it wants to send: a connection's limits, shared with whoever else sends for it. */
export interface Turns {
  /** Resolves when the request may be sent, with what is called when it was answered.
   *  @throws {TurnTooLateError} @throws the signal's reason */
  take(limits: readonly string[], priority: Priority, signal: AbortSignal): Promise<() => void>
  /** What the vendor's answer says of a limit, use by others included: slows down before it is used up. */
  report(usage: LimitUsage): void
}

/** Takes up to `want` turns under these limits at once; says how many it got, and when one more can be had.
 *  `resting`: the vendor asked for silence until then. */
export type TurnSource = (
  limits: readonly string[],
  priority: Priority,
  want: number,
) => Promise<{ granted: number; waitMs: number; resting?: { untilMs: number; because: string } | null }>

/** A live chat is better told that something is old than kept waiting; a job is done later. */
const patienceMs: Record<Priority, number> = { live: 3_000, background: 30_000 }

interface Waiting {
  deadline: number
  settle: (error?: Error) => void
}

/**
 * Asks a source for those who wait in this process together: one question under way at a time for each set of limits and priority,
 * for all who wait by then. So a busy process asks a few times a second, whatever it sends, and nothing is taken that
 * is not used at once.
 */
export class TurnQueue {
  readonly #source: TurnSource
  readonly #lines = new Map<string, Waiting[]>()

  constructor(source: TurnSource) {
    this.#source = source
  }

  take(limits: readonly string[], priority: Priority, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    return new Promise<void>((resolve, reject) => {
      const key = JSON.stringify([priority, ...limits])
      const line = this.#lines.get(key) ?? []
      const onAbort = () => waiting.settle(signal.reason)
      const waiting: Waiting = {
        deadline: performance.now() + patienceMs[priority],
        settle: (error) => {
          signal.removeEventListener('abort', onAbort)
          const place = line.indexOf(waiting)
          if (place >= 0) line.splice(place, 1)
          if (error) reject(error)
          else resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      line.push(waiting)
      if (this.#lines.has(key)) return
      this.#lines.set(key, line)
      void this.#serve(key, line, limits, priority)
    })
  }

  async #serve(key: string, line: Waiting[], limits: readonly string[], priority: Priority): Promise<void> {
    try {
      while (line.length > 0) {
        const asked = line.length
        const { granted, waitMs, resting } = await this.#source(limits, priority, asked)
        if (resting) {
          const error = new RateLimitedError(resting.because, resting.untilMs, 'resting')
          for (const waiting of [...line]) waiting.settle(error)
          break
        }
        // one that was aborted meanwhile leaves its turn unused
        for (const waiting of line.slice(0, granted)) waiting.settle()
        if (line.length === 0 || granted >= asked) continue
        const soonest = performance.now() + waitMs
        for (const waiting of line.filter(({ deadline }) => deadline < soonest))
          waiting.settle(tooLate(limits, waitMs))
        if (line.length > 0) await pause(waitMs)
      }
    } catch (error) {
      for (const waiting of [...line]) waiting.settle(error as Error)
    } finally {
      this.#lines.delete(key)
    }
  }
}

const tooLate = (limits: readonly string[], waitMs: number) =>
  new TurnTooLateError(
    'As much was asked of the provider as it allows. It goes on by itself.',
    Math.max(1, Math.ceil(waitMs)),
    limits.join(', '),
  )

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(1, ms)))

/**
 * How many requests may be under way at once, in this process: what a vendor counts so (Salesforce: those that take 20 s
 * and more) ends by our own time limits before it counts. Background work leaves the reserve free.
 */
export class Slots {
  readonly #limits: Record<string, RateLimit>
  readonly #running = new Map<string, number>()
  readonly #waiting = new Set<() => void>()

  constructor(limits: Record<string, RateLimit>) {
    this.#limits = limits
  }

  /** @returns what frees the places again. @throws the signal's reason */
  async enter(names: readonly string[], priority: Priority, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    while (!names.every((name) => this.#isFree(name, priority))) await this.#nextFree(signal)
    for (const name of names) this.#running.set(name, (this.#running.get(name) ?? 0) + 1)
    return () => {
      for (const name of names) this.#running.set(name, (this.#running.get(name) ?? 1) - 1)
      for (const look of [...this.#waiting]) look()
    }
  }

  #isFree(name: string, priority: Priority): boolean {
    const limit = this.#limits[name]
    if (limit?.concurrent === undefined) return true
    return (this.#running.get(name) ?? 0) < allowed({ ...limit, requests: limit.concurrent }, priority)
  }

  #nextFree(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        this.#waiting.delete(look)
        signal.removeEventListener('abort', look)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      this.#waiting.add(look)
      signal.addEventListener('abort', look)
    })
  }
}

/** A place first: a turn is to be used at once. */
export async function takeBoth(
  limits: Record<string, RateLimit>,
  queue: TurnQueue,
  slots: Slots,
  names: readonly string[],
  priority: Priority,
  signal: AbortSignal,
): Promise<() => void> {
  refuseUnknownLimits(limits, names)
  if (names.length === 0) return () => undefined
  const free = await slots.enter(names, priority, signal)
  try {
    await queue.take(names, priority, signal)
    return free
  } catch (error) {
    free()
    throw error
  }
}

/** Limits kept in memory, for one process: stand-alone tests of connectors. Keeps the instant of every turn. */
export class MemoryTurns implements Turns {
  readonly #limits: Record<string, RateLimit>
  readonly #now: () => Date
  readonly #taken = new Map<string, number[]>()
  readonly #queue: TurnQueue
  readonly #slots: Slots
  /** What was reported last, by limit. */
  readonly reports = new Map<string, LimitUsage>()

  constructor(limits: Record<string, RateLimit>, now: () => Date) {
    this.#limits = limits
    this.#now = now
    this.#queue = new TurnQueue(async (names, priority, want) => this.#grant(names, priority, want))
    this.#slots = new Slots(limits)
  }

  take(limits: readonly string[], priority: Priority, signal: AbortSignal): Promise<() => void> {
    return takeBoth(this.#limits, this.#queue, this.#slots, limits, priority, signal)
  }

  report(usage: LimitUsage): void {
    this.reports.set(usage.limit, usage)
  }

  #grant(names: readonly string[], priority: Priority, want: number) {
    const now = this.#now().getTime()
    let granted = want
    let waitMs = 0
    for (const name of names) {
      const limit = this.#limits[name]
      if (!limit) continue
      const recent = (this.#taken.get(name) ?? []).filter((at) => at > now - limit.perMs)
      this.#taken.set(name, recent)
      const free = allowed(limit, priority) - recent.length
      granted = Math.min(granted, Math.max(0, free))
      if (free < want) waitMs = Math.max(waitMs, (recent[Math.max(0, -free)] ?? now) + limit.perMs - now)
    }
    for (const name of names) for (let turn = 0; turn < granted; turn++) this.#taken.get(name)?.push(now)
    return { granted, waitMs }
  }
}

/** What of a limit this priority may use: background work at least one turn, or it would never come. */
export const allowed = ({ requests, reserve }: RateLimit, priority: Priority): number =>
  priority === 'live' ? requests : Math.max(1, Math.floor(requests * (1 - reserve)))

/** A mistake of the connector's author. @throws */
function refuseUnknownLimits(limits: Record<string, RateLimit>, names: readonly string[]): void {
  for (const name of names)
    if (!Object.hasOwn(limits, name)) throw new Error(`The connector declares no limit "${name}"`)
}
