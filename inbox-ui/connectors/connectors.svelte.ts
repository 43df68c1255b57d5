import { SvelteMap } from 'svelte/reactivity'
import type {
  ChangeConnection,
  Connection,
  ConnectionDescription,
  ConnectionList,
  ConnectionTest,
  ConnectionUsers,
  Connector,
  ConnectorList,
  WritePreview,
} from '../../core/contracts/connections.ts'
import type { ConnectionSync, CrmWrite, CrmWriteList } from '../../core/contracts/sync.ts'
import { type Api, sentence } from '../app/api.ts'
import { overtakenBy } from '../settings/overtaken.ts'

/** A CRM that can be connected, and how far that has come. */
export interface Vendor {
  connector: Connector
  connection: Connection | null
  /** Null until it was read. */
  sync: ConnectionSync | null
  /** What was given up, the newest first. */
  failed: readonly CrmWrite[]
}

const everyMs = 10_000
const whileMovingMs = 2_000

/** Tells above the page what something came to. */
export type Say = (text: string, tone?: 'good' | 'late') => void

/** What the parts of a screen take that are about one connector. */
export interface OfVendor {
  vendor: Vendor
  connectors: Connectors
  say: Say
  /** On the connector's own page, which needs no way to itself. */
  onPage?: boolean
}

/** The CRMs of this Foyer. What changes something throws what Foyer refused, for the form to show. */
export class Connectors {
  readonly #api: Api
  #connectors = $state.raw<Connector[] | null>(null)
  #connections = $state.raw<Connection[]>([])
  readonly #syncs = new SvelteMap<string, ConnectionSync>()
  readonly #failed = new SvelteMap<string, readonly CrmWrite[]>()
  #error = $state('')
  readonly #vendors = $derived(this.#connectors && this.#together(this.#connectors))

  constructor(api: Api) {
    this.#api = api
  }

  /** Those connected in their precedence, then the others. Null until loaded. */
  get vendors(): readonly Vendor[] | null {
    return this.#vendors
  }
  get connections(): readonly Connection[] {
    return this.#connections
  }
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      const [{ connectors }] = await Promise.all([
        this.#api.get<ConnectorList>('/connectors'),
        this.#readConnections(),
      ])
      this.#connectors = connectors
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  /** Looks again now and then, more often while something moves, until the returned function is called. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout>
    let isOver = false
    const again = async () => {
      // what nobody looks at needs no news; a moment without an answer is made up for by the next
      if (document.visibilityState === 'visible' && this.#connectors)
        await this.#readConnections().catch(() => undefined)
      if (!isOver) timer = setTimeout(again, this.#isMoving ? whileMovingMs : everyMs)
    }
    timer = setTimeout(again, whileMovingMs)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }

  get #isMoving(): boolean {
    return this.#connections.some(({ id, state, backlog }) => {
      const sync = this.#syncs.get(id)
      return state === 'active' && (backlog.waiting > 0 || !sync?.polledAt || sync.import.state === 'running')
    })
  }

  async add(given: {
    connector: string
    settings: Record<string, string>
    clientId: string
    clientSecret: string
  }): Promise<Connection> {
    return this.#know(await this.#api.send<Connection>('POST', '/connections', given))
  }

  /** Where somebody else has changed it meanwhile, it is as they left it when this throws. */
  async change(
    { id, version }: Pick<Connection, 'id' | 'version'>,
    change: Omit<ChangeConnection, 'version'>,
  ): Promise<Connection> {
    try {
      return this.#know(
        await this.#api.send<Connection>('PATCH', `/connections/${id}`, { version, ...change }),
      )
    } catch (error) {
      if (overtakenBy(error)) await this.reload(id)
      throw error
    }
  }

  /** @returns where the browser has to go */
  async authorize(id: string): Promise<string> {
    return (await this.#api.send<{ url: string }>('POST', `/connections/${id}/authorize`)).url
  }

  async test(id: string): Promise<ConnectionTest> {
    const result = await this.#api.send<ConnectionTest>('POST', `/connections/${id}/test`)
    await this.reload(id)
    return result
  }

  async move(id: string, to: 'pause' | 'resume'): Promise<void> {
    this.#know(await this.#api.send<Connection>('POST', `/connections/${id}/${to}`))
  }

  /** @returns whether the vendor took the access back */
  async disconnect(id: string, mirror: 'keep' | 'erase'): Promise<boolean> {
    const { revoked } = await this.#api.send<{ revoked: boolean }>('POST', `/connections/${id}/disconnect`, {
      mirror,
    })
    this.#connections = this.#connections.filter((one) => one.id !== id)
    return revoked
  }

  /** As it stands now, after somebody else changed it. */
  async reload(id: string): Promise<Connection> {
    return this.#know(await this.#api.get<Connection>(`/connections/${id}`))
  }

  /** As it was last read, or read from the vendor now. */
  async describe(
    { id, describedAt }: Pick<Connection, 'id' | 'describedAt'>,
    { anew = false } = {},
  ): Promise<ConnectionDescription> {
    const path = `/connections/${id}/description`
    if (describedAt !== null && !anew) return this.#api.get<ConnectionDescription>(path)
    const description = await this.#api.send<ConnectionDescription>('POST', path)
    await this.reload(id)
    return description
  }

  /** Whom a new person can belong to there, by name. */
  async users(id: string): Promise<{ id: string; name: string }[]> {
    const { users } = await this.#api.get<ConnectionUsers>(`/connections/${id}/users`)
    return users.map(({ id, name, email }) => ({ id, name: name ?? email ?? id }))
  }

  async preview(id: string): Promise<WritePreview> {
    const preview = await this.#api.send<WritePreview>('POST', `/connections/${id}/preview`)
    await this.reload(id)
    return preview
  }

  async importAgain(id: string): Promise<void> {
    this.#syncs.set(id, await this.#api.send<ConnectionSync>('POST', `/connections/${id}/import`))
  }

  async writes(id: string, state: CrmWrite['state'] | null): Promise<CrmWrite[]> {
    return (await this.#api.get<CrmWriteList>(`/connections/${id}/writes`, { state })).writes
  }

  async retry({ id, connectionId }: Pick<CrmWrite, 'id' | 'connectionId'>): Promise<CrmWrite> {
    const again = await this.#api.send<CrmWrite>('POST', `/crm-writes/${id}/retry`)
    const left = (this.#failed.get(connectionId) ?? []).filter((write) => write.id !== id)
    this.#failed.set(connectionId, left)
    return again
  }

  async #readConnections(): Promise<void> {
    const { connections } = await this.#api.get<ConnectionList>('/connections')
    await Promise.all(connections.map(({ id }) => this.#readSync(id)))
    this.#connections = connections
  }

  async #readSync(id: string): Promise<void> {
    const sync = await this.#api.get<ConnectionSync>(`/connections/${id}/sync`)
    this.#syncs.set(id, sync)
    this.#failed.set(id, sync.writes.failed > 0 ? await this.writes(id, 'failed') : [])
  }

  #know(connection: Connection): Connection {
    const others = this.#connections.filter(({ id }) => id !== connection.id)
    this.#connections = [...others, connection].sort((a, b) => a.precedence - b.precedence)
    return connection
  }

  #together(connectors: readonly Connector[]): Vendor[] {
    const isConnected = new Set(this.#connections.map(({ connector }) => connector.id))
    return [
      ...this.#connections.map((connection) => ({
        connector: connectors.find(({ id }) => id === connection.connector.id) ?? uninstalled(connection),
        connection,
        sync: this.#syncs.get(connection.id) ?? null,
        failed: this.#failed.get(connection.id) ?? [],
      })),
      ...connectors
        .filter(({ id }) => !isConnected.has(id))
        .map((connector) => ({ connector, connection: null, sync: null, failed: [] })),
    ]
  }
}

/** An admin only enters its app: each agent connects an own account of it. */
export const isOfAgents = ({ connector, connection }: Vendor): boolean =>
  connector.crm === null && connection?.connector.installed !== false

/** Its package was taken away; all that can be done is to disconnect. */
const uninstalled = ({ connector: { id, name } }: Connection): Connector => ({
  id,
  name,
  settings: [],
  steps: [],
  documentation: '',
  scopes: [],
  redirectUrl: '',
  webhookUrl: null,
  crm: null,
})
