import type { ConnectionAttention } from '../../core/contracts/connections.ts'
import type { Api } from '../app/api.ts'

const everyMs = 15_000

/** Whether connections wait for an admin: for the dot in the list of settings. */
export class Attention {
  readonly #api: Api
  #known = $state.raw<ConnectionAttention | null>(null)

  constructor(api: Api) {
    this.#api = api
  }

  /** Null: nothing does, or nobody knows yet. */
  get waiting(): ConnectionAttention | null {
    const known = this.#known
    return known && (known.broken.length > 0 || known.failedWrites > 0) ? known : null
  }

  /** Looks now and then, until the returned function is called. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout>
    let isOver = false
    const look = async () => {
      // a dot that is a moment late is better than one more message that something is wrong
      if (document.visibilityState === 'visible')
        this.#known = await this.#api
          .get<ConnectionAttention>('/connections/attention')
          .catch(() => this.#known)
      if (!isOver) timer = setTimeout(look, everyMs)
    }
    void look()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }
}
