import { onTestFinished } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type {
  Connection,
  ConnectionDescription,
  Connector,
  WritePreview,
} from '../../core/contracts/connections.ts'
import { WriteBackRules } from '../../core/contracts/connections.ts'
import type { ConnectionSync, CrmWrite } from '../../core/contracts/sync.ts'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import ConnectorsSettings from '../../inbox-ui/connectors/ConnectorsSettings.svelte'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { instant } from './samples.ts'

/** Rows for tests of Settings → Connectors; only what a test is about has to be given. */

export function aConnector(change: Partial<Connector> = {}): Connector {
  return {
    id: 'acme',
    name: 'Acme',
    settings: [],
    steps: ['Make an app.'],
    documentation: 'https://crm.example/docs',
    scopes: ['people'],
    redirectUrl: 'https://foyer.example/callback',
    webhookUrl: null,
    crm: {
      personTypes: [{ type: 'Contact', label: 'Contact' }],
      activityKinds: ['email'],
      mapping: {},
      readOnlyFields: [],
    },
    ...change,
  }
}

export const aCalendar = (change: Partial<Connector> = {}) =>
  aConnector({ id: 'diary', name: 'Diary', crm: null, ...change })

export function aConnection({
  health = {},
  ...change
}: Omit<Partial<Connection>, 'health'> & { health?: Partial<Connection['health']> } = {}): Connection {
  return {
    id: 'connection-1',
    connector: { id: 'acme', name: 'Acme', installed: true },
    state: 'active',
    stateText: 'Connected.',
    stateReason: null,
    settings: {},
    clientId: 'client',
    hasClientSecret: true,
    account: { id: 'a1', name: 'Acme & Sons', url: null },
    missingScopes: [],
    mapping: { Contact: { name: 'full_name' } },
    statusNames: {},
    precedence: 1,
    fieldPrecedence: {},
    writeBack: WriteBackRules.parse({}),
    writingOn: false,
    previewedAt: null,
    health: {
      lastOkAt: null,
      lastFailure: null,
      failuresInARow: 0,
      lastSyncAt: null,
      resting: null,
      ...health,
    },
    limits: [],
    backlog: { waiting: 0, failed: 0 },
    describedAt: instant(0),
    createdAt: instant(0),
    connectedAt: instant(0),
    changedAt: instant(0),
    version: 1,
    ...change,
  }
}

export function aSync({
  import: run = {},
  writes = {},
}: {
  import?: Partial<ConnectionSync['import']>
  writes?: Partial<ConnectionSync['writes']>
} = {}): ConnectionSync {
  return {
    polledAt: instant(0),
    import: {
      state: 'done',
      done: 10,
      total: 10,
      perSecond: null,
      etaMs: null,
      kinds: [],
      companies: 0,
      owners: 0,
      startedAt: instant(0),
      finishedAt: instant(0),
      reason: null,
      ...run,
    },
    writes: { open: 0, written: 0, skipped: 0, failed: 0, ...writes },
  }
}

export function aWrite(id: string, change: Partial<CrmWrite> = {}): CrmWrite {
  return {
    id,
    connectionId: 'connection-1',
    connector: 'acme',
    kind: 'conversation',
    visitorId: 'v',
    visitorName: 'Sofia Ricci',
    conversationId: null,
    state: 'failed',
    reason: 'Every task needs a project.',
    attempts: 3,
    createdPerson: false,
    url: null,
    createdAt: instant(0),
    changedAt: instant(0),
    writtenAt: null,
    ...change,
  }
}

type Field = ConnectionDescription['types'][number]['fields'][number]
export const aField = (name: string, label: string, change: Partial<Field> = {}): Field => ({
  name,
  label,
  type: 'text',
  options: [],
  mayWrite: true,
  requiredToCreate: false,
  maxLength: null,
  ...change,
})

interface Call {
  method: string
  path: string
  body: unknown
}

/** As much of Foyer as the pages of connectors talk to: what it knows is changed from outside. */
export class ConnectorServer {
  connectors = [aConnector()]
  connections: Connection[] = []
  sync = aSync()
  writes: CrmWrite[] = []
  fields = [aField('full_name', 'Full name')]
  users: { id: string; name: string }[] = []
  preview: WritePreview['writes'] = []
  readonly calls: Call[] = []
  readonly #refusals = new Map<string, object>()

  /** Until told otherwise; by its method and the end of its path: `GET /connectors`. */
  refuses(
    call: string,
    detail: string,
    more: { status?: number; code?: string; errors?: object[] } = {},
  ): void {
    this.#refusals.set(call, { status: 409, code: 'refused', detail, ...more })
  }

  allows(call: string): void {
    this.#refusals.delete(call)
  }

  bodiesOf(call: string): unknown[] {
    return this.calls.filter((one) => isFor(call, one)).map(({ body }) => body)
  }

  readonly fetch: typeof fetch = async (input, { method = 'GET', body } = {}) => {
    const { pathname, searchParams } = new URL(String(input), 'http://model.test')
    const call = { method, path: pathname, body: typeof body === 'string' ? JSON.parse(body) : undefined }
    this.calls.push(call)
    for (const [refused, problem] of this.#refusals)
      if (isFor(refused, call))
        return Response.json(problem, { status: (problem as { status: number }).status })
    return Response.json(this.#answer(call, searchParams))
  }

  #answer({ method, path, body }: Call, query: URLSearchParams): unknown {
    const what = path.split('/').at(-1)
    const [connection] = this.connections
    if (path.endsWith('/connectors')) return { connectors: this.connectors }
    if (path.endsWith('/connections')) return { connections: this.connections }
    if (what === 'sync') return this.sync
    if (what === 'import') {
      this.sync = aSync({ import: { ...this.sync.import, state: 'running', finishedAt: null, reason: null } })
      return this.sync
    }
    if (what === 'writes')
      return { writes: this.writes.filter(({ state }) => state === (query.get('state') ?? state)) }
    if (what === 'users')
      return { users: this.users.map((user) => ({ ...user, email: null, isQueue: false })) }
    if (what === 'description')
      return {
        describedAt: instant(0),
        types: [{ type: 'Contact', label: 'Contact', mayCreate: true, fields: this.fields }],
      }
    if (what === 'preview') return { isSample: true, previewedAt: instant(0), writes: this.preview }
    if (what === 'test') return { ok: true, account: { id: 'a1', name: 'Acme & Sons' }, failure: null }
    if (what === 'disconnect') {
      this.connections = []
      return { connection, revoked: true }
    }
    if (connection && method === 'PATCH') {
      const changed = { ...connection, ...(body as Partial<Connection>), version: connection.version + 1 }
      this.connections = [changed, ...this.connections.slice(1)]
      return changed
    }
    return connection
  }
}

const isFor = (call: string, { method, path }: Call) => {
  const [wanted, end = ''] = call.split(' ')
  return method === wanted && path.endsWith(end)
}

export const serverWith = (given: Partial<ConnectorServer>) => Object.assign(new ConnectorServer(), given)

/** Settings → Connectors as an admin opens it, on a desk. */
export async function openConnectors(server: ConnectorServer, query = ''): Promise<App> {
  await page.viewport(1_440, 900)
  const address = location.href
  onTestFinished(() => history.replaceState(null, '', address))
  const app = new App({ fetch: server.fetch })
  const { me } = new ModelServer()
  app.session.enter({
    ...me,
    profile: 'admin',
    permissions: [...me.permissions, 'connections.read', 'connections.manage'],
  })
  app.router.go(`/inbox/settings/connectors${query}`, { replace: true })
  onTestFinished(app.router.start())
  const inbox = new Inbox(app, { socketUrl: 'ws://model.test' })
  render(Stage, { app, inbox, part: ConnectorsSettings })
  return app
}
