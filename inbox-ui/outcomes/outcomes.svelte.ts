import type { OutcomeChoice, OutcomeList } from '../../core/contracts/outcomes.ts'
import type { Api } from '../app/api.ts'

/** The organisation's outcomes, kept up to date while the inbox is open. */
export class Outcomes {
  readonly #api: Api
  #all = $state.raw<readonly OutcomeChoice[]>([])
  /** Those a chat can be given now. */
  readonly offered: readonly OutcomeChoice[] = $derived.by(() => this.#all.filter(({ offered }) => offered))

  constructor(api: Api) {
    this.#api = api
  }

  /** Those offered in their order, then those that old chats may have. */
  get all(): readonly OutcomeChoice[] {
    return this.#all
  }

  load = async (): Promise<void> => {
    try {
      this.replace((await this.#api.get<OutcomeList>('/outcomes')).outcomes)
    } catch {
      // asked again with the next snapshot; ending a chat without one works meanwhile
    }
  }

  replace(outcomes: readonly OutcomeChoice[]): void {
    this.#all = outcomes
  }

  /** What a chat's outcome is called. */
  label(key: string): string {
    return this.#all.find((outcome) => outcome.key === key)?.label ?? key
  }
}
