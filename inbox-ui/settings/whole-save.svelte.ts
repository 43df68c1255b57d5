import { type Overtaken, overtakenBy } from './overtaken.ts'

/** How a form stands that is saved as a whole, by which others may have saved meanwhile. */
export class WholeSave<Saved extends { version: string }> {
  /** What the form began from. */
  #replaces: string
  #saving = $state(false)
  #justSaved = $state(false)
  #overtaken = $state.raw<Overtaken<Saved> | null>(null)
  /** A sentence about why it was not saved; '' if nothing went wrong. */
  problem = $state('')

  constructor(version: string) {
    this.#replaces = version
  }

  get saving(): boolean {
    return this.#saving
  }
  /** Since then nothing was changed. */
  get justSaved(): boolean {
    return this.#justSaved
  }
  get overtaken(): Overtaken<Saved> | null {
    return this.#overtaken
  }

  /** The form shows this now. */
  begin({ version }: Saved): void {
    this.#replaces = version
    this.#overtaken = null
    this.problem = ''
  }

  /** What somebody else has saved may be replaced. */
  keep({ version }: Saved): void {
    this.#replaces = version
  }

  changed(): void {
    this.#justSaved = false
  }

  /** @param explain what Foyer refused, in a sentence; not called where somebody else was faster
   *  @returns what stands there now; null where it was not saved */
  async save(
    send: (replaces: string) => Promise<Saved>,
    explain: (error: unknown) => string,
  ): Promise<Saved | null> {
    if (this.#saving) return null
    this.#saving = true
    this.problem = ''
    this.#overtaken = null
    try {
      const saved = await send(this.#replaces)
      this.#justSaved = true
      return saved
    } catch (error) {
      this.#overtaken = overtakenBy(error)
      if (!this.#overtaken) this.problem = explain(error)
      return null
    } finally {
      this.#saving = false
    }
  }
}
