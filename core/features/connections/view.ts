import { sql } from 'kysely'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type {
  Connection,
  ConnectionAttention,
  Connector,
  LimitHeadroom,
} from '../../contracts/connections.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { redirectUrl } from './oauth.ts'
import { type ConnectionRow, findConnection, readConnections } from './repository.ts'

/** What admins can connect, by name. Where people type their own password there is nothing for admins to do. */
export const listConnectors = ({ connectors, config }: Services): Connector[] =>
  [...connectors.values()]
    .filter(({ auth }) => auth.kind === 'oauth2')
    .map((connector) => viewConnector(connector, config.publicUrl ?? ''))
    .sort((a, b) => a.name.localeCompare(b.name))

function viewConnector(
  { id, name, auth, settings, crm }: ConnectorDeclaration,
  publicUrl: string,
): Connector {
  const scopes = auth.kind === 'oauth2' ? auth.scopes : []
  const filled = {
    redirectUrl: redirectUrl({ publicUrl }),
    scopes: scopes.join(' '),
    webhookUrl: crm?.webhooks ? `${publicUrl}/api/v1/webhooks/${id}` : null,
  }
  return {
    id,
    name,
    settings: viewSettings(settings),
    steps: auth.steps.map((step) =>
      step
        .replaceAll('{redirectUrl}', filled.redirectUrl)
        .replaceAll('{scopes}', filled.scopes)
        .replaceAll('{webhookUrl}', filled.webhookUrl ?? ''),
    ),
    documentation: auth.documentation,
    scopes,
    redirectUrl: filled.redirectUrl,
    webhookUrl: filled.webhookUrl,
    crm: crm
      ? {
          personTypes: crm.personTypes,
          activityKinds: crm.activityKinds,
          mapping: crm.mapping,
          readOnlyFields: crm.readOnlyFields ?? [],
        }
      : null,
  }
}

export const viewSettings = (settings: ConnectorDeclaration['settings']): Connector['settings'] =>
  settings.map(({ options = [], initial = null, ...setting }) => ({ ...setting, options, initial }))

/** Those that are not over, in their precedence. */
export const listConnections = async (services: Services): Promise<Connection[]> =>
  Promise.all((await readConnections(services.db)).map((row) => view(services, row)))

/** Of the admins' connections; agents are told of their own calendars by mail. */
export async function readAttention({ db, connectors }: Services): Promise<ConnectionAttention> {
  const { rows } = await sql<{ connector: string; isBroken: boolean; failed: number }>`
    select c.connector, c.state = 'broken' as is_broken,
      (select count(*) from crm_writes w where w.connection_id = c.id and w.state = 'failed') as failed
    from connections c where c.state <> 'disconnected' and c.agent_id is null
    order by c.precedence, c.created_at, c.id`.execute(db)
  return {
    broken: rows
      .filter(({ connector, isBroken }) => isBroken || !connectors.has(connector))
      .map(({ connector }) => connectors.get(connector)?.name ?? connector),
    failedWrites: rows.reduce((sum, { failed }) => sum + failed, 0),
  }
}

/** Also one that is over. @throws {NotFoundError} */
export async function viewConnection(services: Services, id: string): Promise<Connection> {
  const row = await findConnection(services.db, id)
  if (!row) throw new NotFoundError('connection')
  return view(services, row)
}

interface Facts {
  lastOkAt: Date | null
  lastFailureAt: Date | null
  lastFailure: string | null
  lastFailureCode: string | null
  failuresInARow: number
  lastSyncAt: Date | null
  restingUntil: Date | null
  restingBecause: string | null
  hasClientSecret: boolean
  scopes: string[]
  waiting: number
  failed: number
}

async function view(services: Services, row: ConnectionRow): Promise<Connection> {
  const { db, clock, connectors } = services
  const now = clock.now()
  const connector = connectors.get(row.connector)
  const { rows } = await sql<Facts>`
    select h.last_ok_at, h.last_failure_at, h.last_failure, h.last_failure_code, h.failures_in_a_row, h.last_sync_at,
           h.resting_until, h.resting_because, s.client_secret is not null as has_client_secret, s.scopes,
           (select count(*) from outbox where state = 'open' and payload ->> 'connectionId' = h.connection_id::text)
             -- what is put aside has no job until the connection can be used again
             + (select count(*) from crm_writes w where w.connection_id = h.connection_id and w.state = 'open' and w.held) as waiting,
           (select count(*) from outbox where state = 'dead' and payload ->> 'connectionId' = h.connection_id::text) as failed
    from connection_health h join connection_secrets s using (connection_id)
    where connection_id = ${row.id}`.execute(db)
  const [facts] = rows
  if (!facts) throw new NotFoundError('connection')
  const isResting = facts.restingUntil !== null && facts.restingUntil > now
  const { account } = row
  return {
    id: row.id,
    connector: {
      id: row.connector,
      name: connector?.name ?? row.connector,
      installed: connector !== undefined,
    },
    state: row.state,
    stateText: stateText(row, connector, isResting ? facts.restingBecause : null),
    stateReason: row.stateReason,
    settings: row.settings,
    clientId: row.clientId,
    hasClientSecret: facts.hasClientSecret,
    account: account && { id: account.id, name: account.name, url: account.webOrigin ?? null },
    missingScopes:
      facts.scopes.length > 0 ? scopesOf(connector).filter((scope) => !facts.scopes.includes(scope)) : [],
    mapping: row.mapping,
    statusNames: row.statusNames,
    precedence: row.precedence,
    fieldPrecedence: row.fieldPrecedence,
    writeBack: row.writeBack,
    writingOn: row.writingOn,
    previewedAt: iso(row.previewedAt),
    health: {
      lastOkAt: iso(facts.lastOkAt),
      lastFailure:
        facts.lastFailureAt && facts.lastFailure !== null
          ? {
              at: facts.lastFailureAt.toISOString(),
              code: facts.lastFailureCode ?? '',
              message: facts.lastFailure,
            }
          : null,
      failuresInARow: facts.failuresInARow,
      lastSyncAt: iso(facts.lastSyncAt),
      resting:
        isResting && facts.restingUntil
          ? { until: facts.restingUntil.toISOString(), because: facts.restingBecause ?? '' }
          : null,
    },
    limits: connector ? await headroom(services, row.id, connector) : [],
    backlog: { waiting: facts.waiting, failed: facts.failed },
    describedAt: iso(row.describedAt),
    createdAt: row.createdAt.toISOString(),
    connectedAt: iso(row.connectedAt),
    changedAt: row.changedAt.toISOString(),
    version: row.version,
  }
}

const scopesOf = (connector: ConnectorDeclaration | undefined) =>
  connector?.auth.kind === 'oauth2' ? connector.auth.scopes : []

const iso = (at: Date | null) => at?.toISOString() ?? null

function stateText(
  { state, stateReason, connector: id }: ConnectionRow,
  connector: ConnectorDeclaration | undefined,
  resting: string | null,
): string {
  if (!connector && state !== 'disconnected')
    return `The connector "${id}" is not installed any more, so nothing is read or written.`
  if (stateReason) return stateReason
  switch (state) {
    case 'connecting':
      if (connector?.calendar)
        return 'The app is entered: agents can now connect their calendars under My calendar.'
      return 'Not connected yet: agree to it at the provider.'
    case 'active':
      return resting ?? 'Connected.'
    case 'paused':
      return 'Paused: nothing is read or written.'
    case 'broken':
      return 'The provider does not accept our access any more. Connect again.'
    case 'disconnected':
      return 'Disconnected.'
    default:
      return state satisfies never
  }
}

async function headroom(
  { db, clock }: Services,
  id: string,
  { limits }: ConnectorDeclaration,
): Promise<(typeof LimitHeadroom)['_output'][]> {
  const now = clock.now().getTime()
  const { rows } = await sql<{
    name: string
    slice: number
    taken: number[]
    reportedMax: number | null
    others: number
    reportedAt: Date | null
  }>`
    select name, slice, taken, reported_max, others, reported_at from connection_limits where connection_id = ${id}`.execute(
    db,
  )
  return Object.entries(limits).map(([name, { requests, perMs, reserve }]) => {
    const row = rows.find((one) => one.name === name)
    const max = row?.reportedMax ?? requests
    // as take_turns counts: a slice until it is wholly out of the stretch
    const size = Math.max(1, Math.ceil(perMs / 40))
    const passed = row ? Math.max(0, Math.floor(now / size) - row.slice) : 0
    const ours = (row?.taken ?? []).slice(0, Math.max(0, 41 - passed)).reduce((sum, one) => sum + one, 0)
    const isNews = row?.reportedAt && row.reportedAt.getTime() > now - perMs
    const used = Math.min(max, ours + (isNews ? row.others : 0))
    return { name, used, max, reserved: Math.ceil(max * reserve), perMs }
  })
}
