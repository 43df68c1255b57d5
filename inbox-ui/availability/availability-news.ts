import type { Availability } from '../../core/contracts/availability.ts'

export interface NewsReader {
  /** Somebody's availability was changed. */
  changed: (agentId: string, availability: Availability) => void
  /** The line was broken: what has changed meanwhile is not known. */
  missed: () => void
}

/** Hands what the socket says about anybody's availability to the lists on the screen. */
export class AvailabilityNews {
  readonly #readers = new Set<NewsReader>()

  /** @returns stops following */
  follow(reader: NewsReader): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  changed(agentId: string, availability: Availability): void {
    for (const reader of this.#readers) reader.changed(agentId, availability)
  }

  missed(): void {
    for (const reader of this.#readers) reader.missed()
  }
}
