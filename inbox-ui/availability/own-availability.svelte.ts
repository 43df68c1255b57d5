import type { Availability, AvailabilityRequest } from '../../core/contracts/availability.ts'
import { type Api, sentence } from '../app/api.ts'

/** Foyer's clock may be a little behind this one: not before the end has come for both. */
const shortestMs = 500
/** A timer stands still while the machine sleeps, and the clock may be corrected: looked at again and again. */
const longestMs = 1_000
const retryMs = 15_000

/** The agent's own switch. It is told of every change that somebody makes; of one that only time makes, it asks. */
export class OwnAvailability {
  readonly #api: Api
  readonly #now: () => number
  #timer: ReturnType<typeof setTimeout> | undefined
  #value = $state.raw<Availability>() as Availability
  #saving = $state(false)
  #error = $state('')

  /** @param now Foyer's time in ms */
  constructor(api: Api, now: () => number, first: Availability) {
    this.#api = api
    this.#now = now
    this.#value = first
  }

  get value(): Availability {
    return this.#value
  }
  get saving(): boolean {
    return this.#saving
  }
  /** Why the last change did not happen; empty when it did. */
  get error(): string {
    return this.#error
  }

  apply(availability: Availability): void {
    this.#value = availability
    this.#error = ''
    if (availability.until === null) return this.stop()
    this.#askAt(new Date(availability.until).getTime(), shortestMs)
  }

  /** Says that a change did not happen. */
  failed(why: string): void {
    this.#error = why
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  toggle = (): Promise<void> => this.set({ status: this.#value.available ? 'unavailable' : 'available' })

  async set(request: AvailabilityRequest): Promise<void> {
    this.#saving = true
    try {
      this.apply(await this.#api.send<Availability>('PUT', '/me/availability', request))
    } catch (error) {
      this.#error = sentence(error)
    } finally {
      this.#saving = false
    }
  }

  /** @param at in Foyer's time @param notBeforeMs from now */
  #askAt(at: number, notBeforeMs = 0): void {
    clearTimeout(this.#timer)
    const ms = Math.min(longestMs, Math.max(notBeforeMs, at - this.#now()))
    this.#timer = setTimeout(() => {
      if (this.#now() < at) this.#askAt(at)
      else void this.#ask()
    }, ms)
  }

  async #ask(): Promise<void> {
    try {
      this.apply(await this.#api.get<Availability>('/agents/me/availability'))
    } catch {
      // nobody asked for it, so nobody is told; what is shown may be late
      this.#askAt(this.#now() + retryMs)
    }
  }
}
