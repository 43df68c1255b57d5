import type { Preferences } from '../../core/contracts/agents.ts'
import { withReason } from '../app/api.ts'
import type { App } from '../app/app.svelte.ts'

/** Changes what the signed-in agent prefers. */
export class Preferring {
  readonly #app: Pick<App, 'session' | 'text'>
  #problem = $state('')

  constructor(app: Pick<App, 'session' | 'text'>) {
    this.#app = app
  }

  /** Why the last change was not kept; '' if it was. */
  get problem(): string {
    return this.#problem
  }

  prefer = async (change: Partial<Preferences>): Promise<void> => {
    const { session, text } = this.#app
    this.#problem = ''
    try {
      await session.prefer(change)
    } catch (error) {
      this.#problem = withReason(text.preferences.failed, error)
    }
  }
}
