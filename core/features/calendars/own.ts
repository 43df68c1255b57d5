import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { z } from 'zod'
import { createConnection } from '#connectors/sdk/connect.ts'
import type { Account, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { ConnectorError, ReconnectNeededError } from '#connectors/sdk/errors.ts'
import { MemoryTurns } from '#connectors/sdk/turns.ts'
import type {
  ConnectCalendar,
  ConnectCalendarAnswer,
  DisconnectCalendarAnswer,
} from '../../contracts/calendars.ts'
import type { ConnectionTest } from '../../contracts/connections.ts'
import { WriteBackRules } from '../../contracts/connections.ts'
import type { Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { startAuthorizing } from '../connections/oauth.ts'
import { testConnection } from '../connections/probe.ts'
import { record } from '../connections/record.ts'
import {
  findConnectionOf,
  insertConnection,
  setAccount,
  setState,
  updateConnection,
} from '../connections/repository.ts'
import { setClientSecret } from '../connections/secrets.ts'
import { disconnect } from '../connections/service.ts'
import { checkSettings } from '../connections/validate.ts'
import type { SignedIn } from '../sign-in/sessions.ts'
import { closeChannels } from './channels.ts'
import { choosePrimary } from './choose.ts'
import { findOwnConnection, forgetCalendar, keepConnected, readSoon } from './repository.ts'
import { viewMyCalendar } from './view.ts'

type Asked = z.output<typeof ConnectCalendar>

/** The first time, or again. @throws {InvalidInputError} @throws {ConflictError} `already_connected`, `client_needed`, `calendar_refused` */
export async function connectCalendar(
  services: Services,
  agent: SignedIn,
  asked: Asked,
): Promise<z.output<typeof ConnectCalendarAnswer>> {
  const connector = services.connectors.get(asked.connector)
  if (!connector?.calendar) throw invalid('connector', `There is no calendar "${asked.connector}".`)
  const own = await findOwnConnection(services.db, agent.id)
  if (own && own.connector !== connector.id)
    throw new ConflictError('already_connected', 'You have connected another calendar. Disconnect it first.')
  const settings = checkSettings(connector, asked.settings, {
    standIn: services.config.standIns[connector.id],
    internalHosts: services.config.internalHosts,
  })
  const url =
    connector.auth.kind === 'oauth2'
      ? await beginAgreeing(services, agent, connector, settings)
      : await connectByPassword(services, agent, connector, settings, asked)
  return { url, mine: await viewMyCalendar(services, agent.id) }
}

const invalid = (field: string, message: string) => new InvalidInputError(message, [{ field, message }])

async function beginAgreeing(
  services: Services,
  agent: SignedIn,
  connector: ConnectorDeclaration,
  settings: Record<string, string>,
): Promise<string> {
  const app = await findConnectionOf(services.db, connector.id)
  if (!app?.clientId)
    throw new ConflictError(
      'client_needed',
      `An admin has to enter Foyer’s app at ${connector.name} first, under Settings → Connectors.`,
    )
  const { clientId } = app
  const id = await change(services, ({ tx, now }) => ownRow(tx, now, agent.id, connector, settings, clientId))
  return startAuthorizing(services, agent, id)
}

/** @returns the id of the agent's connection, made if there is none. */
async function ownRow(
  tx: Tx,
  now: Date,
  agentId: string,
  connector: ConnectorDeclaration,
  settings: Record<string, string>,
  clientId: string,
): Promise<string> {
  const there = await findOwnConnection(tx, agentId)
  if (there) {
    await updateConnection(tx, there.id, now, { settings, clientId })
    return there.id
  }
  const id = randomUUIDv7()
  const writeBack = WriteBackRules.parse({})
  const row = { id, connector: connector.id, settings, clientId, mapping: {}, writeBack, agentId }
  if (!(await insertConnection(tx, now, row)))
    throw new ConflictError(
      'already_connected',
      'You are connecting a calendar somewhere else at this moment.',
    )
  await record(tx, now, agentId, 'connection.created', id, { connector: connector.id })
  return id
}

/** Asked with what was typed before anything is kept: what works already goes on if this does not. */
async function connectByPassword(
  services: Services,
  agent: SignedIn,
  connector: ConnectorDeclaration,
  settings: Record<string, string>,
  { userName, password }: Asked,
): Promise<null> {
  if (!userName) throw invalid('userName', 'The name you sign in with there is needed.')
  if (!password) throw invalid('password', 'The password is needed.')
  const account = await whose(services, connector, settings, userName, password)
  await change(services, async ({ tx, now, after }) => {
    refuseOther((await findOwnConnection(tx, agent.id))?.account ?? null, account)
    const id = await ownRow(tx, now, agent.id, connector, settings, userName)
    await setClientSecret(services, tx, id, password)
    await setAccount(tx, id, account)
    await setState(tx, id, now, { state: 'active', reason: null })
    await keepConnected(tx, agent.id, id, now)
    await sql`
      update connection_health set resting_until = null, failures_in_a_row = 0, last_failure = null, last_failure_at = null
      where connection_id = ${id}`.execute(tx)
    await record(tx, now, agent.id, 'connection.connected', id, { account: account.name })
    after(services.wakeJobs)
  })
  await choosePrimary(services, agent.id)
  return null
}

/** What stands in the account there was would look deleted from this one, and be cancelled. @throws {ConflictError} `calendar_refused` */
function refuseOther(was: Pick<Account, 'id' | 'name'> | null, { id, name }: Account): void {
  if (was === null || was.id === id) return
  throw new ConflictError(
    'calendar_refused',
    `This is the account ${name}, and your calendar is with ${was.name}. Enter that one, or disconnect first.`,
  )
}

const patienceMs = 20_000

/** @throws {ConflictError} `calendar_refused` */
async function whose(
  services: Services,
  connector: ConnectorDeclaration,
  settings: Record<string, string>,
  userName: string,
  password: string,
): Promise<Account> {
  const now = () => services.clock.now()
  const noTokens = { accessToken: null, refreshToken: null, expiresAt: null, replacedAt: null }
  const connection = createConnection({
    connector,
    id: 'new',
    settings,
    clientId: userName,
    account: null,
    standIn: services.config.standIns[connector.id] ?? null,
    internalHosts: services.config.internalHosts,
    store: {
      read: async () => noTokens,
      secret: async () => password,
      exclusively: async () => ({ type: 'none' }),
    },
    turns: new MemoryTurns(connector.limits, () => new Date()),
    priority: 'live',
    now,
    signal: AbortSignal.timeout(patienceMs),
    log: services.log,
  })
  try {
    return await connector.identify(connection)
  } catch (error) {
    if (error instanceof ConnectorError)
      throw new ConflictError('calendar_refused', error.message, {
        isPassword: error instanceof ReconnectNeededError,
      })
    if (connection.signal.aborted)
      throw new ConflictError('calendar_refused', 'The server did not answer in time. Check its address.')
    throw error
  }
}

/** It is Foyer's own calendar from then on. Meetings there are stay in the one that they stand in. @throws {ConflictError} `not_connected` */
export async function disconnectCalendar(
  services: Services,
  agentId: string,
): Promise<z.output<typeof DisconnectCalendarAnswer>> {
  const { id } = await ownOf(services, agentId)
  await closeChannels(services, agentId)
  const { revoked } = await disconnect(services, agentId, id, { mirror: 'keep' })
  await change(services, ({ tx }) => forgetCalendar(tx, agentId))
  return { mine: await viewMyCalendar(services, agentId), revoked }
}

/** Asks the provider now; what works again is read again at once. @throws {ConflictError} `not_connected` */
export async function testCalendar(
  services: Services,
  agentId: string,
): Promise<z.output<typeof ConnectionTest>> {
  const { id, state } = await ownOf(services, agentId)
  if (state === 'connecting')
    throw new ConflictError('not_connected', 'It is not agreed to at the provider yet.')
  const result = await testConnection(services, id)
  if (result.ok) await readSoon(services.db, agentId, services.clock.now())
  return result
}

async function ownOf(services: Services, agentId: string) {
  const own = await findOwnConnection(services.db, agentId)
  if (!own) throw new ConflictError('not_connected', 'You have connected no calendar.')
  return own
}
