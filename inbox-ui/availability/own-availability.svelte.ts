import type { Availability, AvailabilityRequest } from '../../core/contracts/availability.ts'
import { type Api, sentence } from '../app/api.ts'

/** The agent's own switch. */
export class OwnAvailability {
  readonly #api: Api
  #value = $state.raw<Availability>() as Availability
  #saving = $state(false)
  #error = $state('')

  constructor(api: Api, first: Availability) {
    this.#api = api
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
}
