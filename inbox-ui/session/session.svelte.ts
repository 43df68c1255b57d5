import type { Me, Permission, Preferences } from '../../core/contracts/agents.ts'
import { type Api, ApiError, sentence } from '../app/api.ts'

/**
 * Who is signed in. States:
 *   loading     asking Foyer at the start
 *   signed-out  nobody; `ended` when there was a session that is over
 *   signed-in   `me` is there
 *   failed      Foyer did not answer; `error` says why
 */
export type SessionStatus = 'loading' | 'signed-out' | 'signed-in' | 'failed'

export class Session {
  readonly #api: Api
  #me = $state.raw<Me | null>(null)
  #status = $state<SessionStatus>('loading')
  #error = $state('')
  #ended = $state(false)
  #preferences = $state<Preferences>({
    theme: 'system',
    singleKeys: true,
    sounds: true,
    missedMail: 'asked',
    failureMail: true,
  })

  constructor(api: Api) {
    this.#api = api
    api.onSignedOut = () => this.over()
  }

  get status(): SessionStatus {
    return this.#status
  }
  get error(): string {
    return this.#error
  }
  get ended(): boolean {
    return this.#ended
  }
  /** Only to be asked while signed in. */
  get me(): Me {
    if (!this.#me) throw new Error('Nobody is signed in')
    return this.#me
  }
  get preferences(): Readonly<Preferences> {
    return this.#preferences
  }

  may(permission: Permission): boolean {
    return this.#me?.permissions.includes(permission) ?? false
  }

  async load(): Promise<void> {
    this.#status = 'loading'
    try {
      this.enter(await this.#api.get<Me>('/me'))
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#status = 'signed-out'
        this.#ended = false
      } else {
        this.#status = 'failed'
        this.#error = sentence(error)
      }
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    this.enter(await this.#api.send<Me>('POST', '/sign-in', { email, password }))
  }

  async signOut(): Promise<void> {
    try {
      await this.#api.send('POST', '/sign-out')
    } finally {
      this.over()
      this.#ended = false
    }
  }

  enter(me: Me): void {
    this.#me = me
    this.#preferences = me.preferences
    this.#status = 'signed-in'
    this.#ended = false
  }

  over(): void {
    if (this.#status !== 'signed-in') return
    this.#status = 'signed-out'
    this.#ended = true
  }

  /** The socket's token. `fresh` asks Foyer again, after the one at hand was refused. Null: signed out. */
  socketToken = async (fresh: boolean): Promise<string | null> => {
    if (this.#status !== 'signed-in') return null
    if (fresh) {
      try {
        this.#me = await this.#api.get<Me>('/me')
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
          this.over()
          return null
        }
        throw error
      }
    }
    return this.me.socketToken
  }

  /** Shows at once, and goes back if Foyer refuses. */
  async prefer(change: Partial<Preferences>): Promise<void> {
    const before = this.#preferences
    this.#preferences = { ...before, ...change }
    try {
      this.#preferences = await this.#api.send<Preferences>('PUT', '/me/preferences', change)
    } catch (error) {
      this.#preferences = before
      throw error
    }
  }
}
