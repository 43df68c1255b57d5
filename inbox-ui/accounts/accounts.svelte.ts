import type { z } from 'zod'
import type { Account, AccountPage, CrmUser, SaveAccount, SetCrmUser } from '../../core/contracts/accounts.ts'
import { type Api, sentence } from '../app/api.ts'

const debounceMs = 200

/** The account list, a page at a time. Saving and deleting throw what Foyer refused, for the form to show. */
export class Accounts {
  readonly #api: Api
  #list = $state.raw<Account[] | null>(null)
  #total = $state(0)
  #error = $state('')
  #query = $state('')
  #cursor = $state<string | null>(null)
  #request = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: Api) {
    this.#api = api
  }

  /** Null until loaded. */
  get list(): readonly Account[] | null {
    return this.#list
  }
  get total(): number {
    return this.#total
  }
  get error(): string {
    return this.#error
  }
  get query(): string {
    return this.#query
  }
  get hasMore(): boolean {
    return this.#cursor !== null
  }

  search(query: string): void {
    this.#query = query
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.load(), debounceMs)
  }

  load = (): Promise<void> => this.#read(null)

  more = (): Promise<void> => this.#read(this.#cursor)

  /** @param replaces the version it was made from, see {@link Api.send} */
  async save(id: string | null, account: z.input<typeof SaveAccount>, replaces?: string): Promise<void> {
    if (id === null) await this.#api.send('POST', '/accounts', account)
    else await this.#api.send('PUT', `/accounts/${id}`, account, replaces)
    await this.load()
  }

  /** What became known of one of them without asking. */
  know(known: Account): void {
    this.#list = this.#list?.map((account) => (account.id === known.id ? known : account)) ?? null
  }

  async remove(id: string): Promise<void> {
    await this.#api.send('DELETE', `/accounts/${id}`)
    await this.load()
  }

  async #read(cursor: string | null): Promise<void> {
    const request = ++this.#request
    this.#error = ''
    try {
      const page = await this.#api.get<AccountPage>('/accounts', { query: this.#query.trim(), cursor })
      if (request !== this.#request) return
      this.#list = cursor === null ? page.accounts : [...(this.#list ?? []), ...page.accounts]
      this.#total = page.total
      this.#cursor = page.nextCursor
    } catch (error) {
      if (request === this.#request) this.#error = sentence(error)
    }
  }
}

/** Whoever owns something in the CRMs or the directory, and which agent that is. */
export class CrmUsers {
  readonly #api: Api
  #list = $state.raw<CrmUser[] | null>(null)
  #error = $state('')

  constructor(api: Api) {
    this.#api = api
  }

  get list(): readonly CrmUser[] | null {
    return this.#list
  }
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      this.#list = (await this.#api.get<{ users: CrmUser[] }>('/crm-users')).users
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  /** @param replaces the version it was made from, see {@link Api.send}
   *  @throws what Foyer refused */
  async set(
    of: Pick<CrmUser, 'connector' | 'user'>,
    agent: z.input<typeof SetCrmUser>['agent'],
    replaces?: string,
  ): Promise<void> {
    const { connector, user } = of
    const body = { connector, user, agent }
    this.#list = (await this.#api.send<{ users: CrmUser[] }>('PUT', '/crm-users', body, replaces)).users
  }

  /** What became known of one of them without asking. */
  know(known: CrmUser): void {
    const isIt = ({ connector, user }: CrmUser) => connector === known.connector && user === known.user
    this.#list = this.#list?.map((user) => (isIt(user) ? known : user)) ?? null
  }
}
