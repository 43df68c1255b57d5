import { untrack } from 'svelte'
import type { ChangeConnection, Connection } from '../../core/contracts/connections.ts'
import { sentence } from '../app/api.ts'
import { type Overtaken, overtakenBy } from '../settings/overtaken.ts'
import type { Connectors } from './connectors.svelte.ts'

/**
 * A part of a connection as an admin works on it. The page reads connections again by itself: what somebody else changes
 * meanwhile comes into a draft that is as it was, and stands against one that is not until its admin decides.
 */
export class ConnectionDraft<Part, Of extends Connection | null = Connection> {
  readonly #connectors: Connectors
  readonly #now: () => Of
  readonly #read: (connection: Of) => Part
  /** What the draft was made from. */
  #began = $state.raw() as Of
  part = $state() as Part
  #overtaken = $state.raw<Overtaken<Connection> | null>(null)
  #saving = $state(false)
  #problem = $state('')
  readonly hasChanged = $derived.by(() => !isSame($state.snapshot(this.part), this.#read(this.#began)))

  /** Call while a component is made: it follows the connection as long as that is there. */
  constructor(connectors: Connectors, now: () => Of, read: (connection: Of) => Part) {
    this.#connectors = connectors
    this.#now = now
    this.#read = read
    untrack(this.discard)
    $effect(() => {
      void this.#now()
      untrack(() => {
        if (!this.hasChanged) this.discard()
      })
    })
  }

  /** Somebody else has saved it meanwhile. */
  get overtaken(): Overtaken<Connection> | null {
    return this.#overtaken
  }
  get saving(): boolean {
    return this.#saving
  }
  /** Why it was not saved, in a sentence. */
  get problem(): string {
    return this.#problem
  }

  /** As it stands now. */
  discard = (): void => {
    this.#began = this.#now()
    this.part = this.#read(this.#began)
    this.#overtaken = null
    this.#problem = ''
  }

  /** What somebody else made of it may be replaced. */
  keep(): void {
    this.#began = this.#now()
    this.#overtaken = null
  }

  /** @returns whether it was; if not, {@link overtaken} or {@link problem} says why */
  async save(change: Omit<ChangeConnection, 'version'>): Promise<boolean> {
    if (this.#saving || !this.hasChanged) return false
    this.#saving = true
    this.#problem = ''
    try {
      return await this.store(change)
    } catch (error) {
      this.#problem = sentence(error)
      return false
    } finally {
      this.#saving = false
    }
  }

  /** As {@link save}, but @throws what Foyer refused unless somebody else was faster. */
  async store(change: Omit<ChangeConnection, 'version'>): Promise<boolean> {
    const began = this.#began
    const now = this.#now()
    // what has changed in other parts does not matter to this one
    const isUntouched = isSame(this.#read(began), this.#read(now))
    if (!began || !now) return false
    this.#overtaken = null
    const { version } = isUntouched ? now : began
    try {
      await this.#connectors.change({ id: now.id, version }, change)
      this.discard()
      return true
    } catch (error) {
      this.#overtaken = overtakenBy(error)
      if (this.#overtaken) return false
      throw error
    }
  }
}

const isSame = (a: unknown, b: unknown) => inOrder(a) === inOrder(b)

/** The same content in another order of keys is the same text. */
const inOrder = (content: unknown): string =>
  JSON.stringify(content, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
