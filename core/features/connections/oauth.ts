import { sql } from 'kysely'
import type { z } from 'zod'
import { oauthOf } from '#connectors/sdk/auth.ts'
import { createConnection as connect } from '#connectors/sdk/connect.ts'
import type { Account, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { tokensOf } from '#connectors/sdk/credentials.ts'
import { ConnectorError, ReconnectNeededError } from '#connectors/sdk/errors.ts'
import { createGuardedFetch } from '#connectors/sdk/guarded-fetch.ts'
import { authorizeAddress, exchangeCode, type Grant, newSecret } from '#connectors/sdk/oauth.ts'
import type { ConnectResult, OAuthCallback } from '../../contracts/connections.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { sealingOf } from '../../sealing.ts'
import { change, type Services } from '../../services.ts'
import { choosePrimary } from '../calendars/choose.ts'
import { keepConnected } from '../calendars/repository.ts'
import type { SignedIn } from '../sign-in/sessions.ts'
import { hashToken } from '../sign-in/tokens.ts'
import { record } from './record.ts'
import {
  type ConnectionRow,
  findConnection,
  lockConnection,
  setAccount,
  setState,
  setUsable,
} from './repository.ts'
import { setTokens, tokenStore } from './secrets.ts'
import { sharedTurns } from './turns.ts'

/** Where vendors send the browser back to: the same always, to be entered in their apps. */
export const redirectUrl = ({ publicUrl }: { publicUrl: string | null }) =>
  `${publicUrl ?? ''}/api/v1/connections/oauth/callback`

const stateMs = 600_000
const patienceMs = 20_000
const verifierPlace = (id: string) => `connection:${id}:pkce verifier`

/** The first time, or again. @returns where the admin's browser goes to agree. @throws {NotFoundError} @throws {ConflictError} */
export async function startAuthorizing(services: Services, agent: SignedIn, id: string): Promise<string> {
  const { db, clock, config } = services
  const row = await findConnection(db, id)
  if (!row || row.state === 'disconnected') throw new NotFoundError('connection')
  const connector = services.connectors.get(row.connector)
  if (!connector) throw new NotFoundError(`connector as ${row.connector}`)
  if (connector.calendar && row.agentId === null)
    throw new ConflictError(
      'agents_connect',
      'There is nothing more to do here: each agent connects their calendar under My calendar.',
    )
  if (!row.clientId || (await tokenStore(services, id).secret('clientSecret')) === null)
    throw new ConflictError('client_needed', 'Enter the client id and the client secret first.')
  const [state, verifier] = [newSecret(), newSecret()]
  const now = clock.now()
  await sql`delete from oauth_states where expires_at <= ${now}`.execute(db)
  await sql`
    insert into oauth_states (state_hash, connection_id, session_hash, agent_id, verifier, expires_at)
    values (${hashToken(state)}, ${id}, ${agent.sessionHash}, ${agent.id},
            ${sealingOf(services).seal(verifier, verifierPlace(id))}, ${new Date(now.getTime() + stateMs)})`.execute(
    db,
  )
  return authorizeAddress(oauthOf(connector), atOf(services, row), {
    clientId: row.clientId,
    redirectUrl: redirectUrl(config),
    state,
    verifier,
    ...(row.agentId === null ? {} : { loginHint: agent.email }),
  })
}

const atOf = ({ config }: Services, { settings, connector }: ConnectionRow) => ({
  settings,
  standIn: config.standIns[connector] ?? null,
})

/** The browser has come back. @param agent whose session that browser has; null for none
 *  @returns also whether it is an agent's own calendar, whose page is another */
export async function finishAuthorizing(
  services: Services,
  agent: SignedIn | null,
  { state, code, error }: z.output<typeof OAuthCallback>,
): Promise<{ connectionId: string | null; result: ConnectResult; isOwn: boolean }> {
  const begun = state && agent ? await takeState(services, agent, state) : null
  if (!begun || !agent) {
    const isOwn = agent !== null && !agent.permissions.has('connections.manage')
    return { connectionId: null, result: 'expired', isOwn }
  }
  const { connectionId } = begun
  const isOwn = (await findConnection(services.db, connectionId))?.agentId === agent.id
  return { connectionId, result: await resultOf(services, agent, begun, { code, error }), isOwn }
}

async function resultOf(
  services: Services,
  agent: SignedIn,
  begun: Begun,
  { code, error }: Omit<z.output<typeof OAuthCallback>, 'state'>,
): Promise<ConnectResult> {
  const { connectionId } = begun
  if (error !== undefined || code === undefined) {
    const isDenied = error === 'access_denied' || error === undefined
    if (!isDenied)
      await fail(services, connectionId, `The provider did not let us connect (${brief(error)}).`)
    return isDenied ? 'denied' : 'failed'
  }
  try {
    return await connectWith(services, agent, begun, code)
  } catch (thrown) {
    if (!(thrown instanceof ConnectorError)) throw thrown
    await fail(services, connectionId, thrown.message)
    return 'failed'
  }
}

/** RFC 6749 4.1.2.1: a code, and nothing that a link could make us show. */
const brief = (error: string) => (/^[\w.-]{1,60}$/.test(error) ? error : 'for a reason it does not name')

interface Begun {
  connectionId: string
  verifier: string
}

/** Valid once, for the session it was begun in: of one's own connection, or while one may still manage those of all. */
async function takeState(services: Services, agent: SignedIn, state: string): Promise<Begun | null> {
  const mayManage = agent.permissions.has('connections.manage')
  const { rows } = await sql<{ connectionId: string; verifier: Buffer }>`
    delete from oauth_states
    where state_hash = ${hashToken(state)} and session_hash = ${agent.sessionHash} and expires_at > ${services.clock.now()}
      and exists (select from connections c where c.id = connection_id
                  and (c.agent_id = ${agent.id} or (c.agent_id is null and ${mayManage}::boolean)))
    returning connection_id, verifier`.execute(services.db)
  const [row] = rows
  if (!row) return null
  const verifier = sealingOf(services).open(row.verifier, verifierPlace(row.connectionId))
  return { connectionId: row.connectionId, verifier }
}

/** Connects without a browser: for the demo, beside whose vendors somebody else agrees. @throws {ConnectorError} */
export async function connectByItself(
  services: Services,
  actorId: string,
  connectionId: string,
  agree: (authorizeUrl: string) => Promise<string>,
): Promise<void> {
  const row = await findConnection(services.db, connectionId)
  const connector = row && services.connectors.get(row.connector)
  if (!row || !connector) throw new NotFoundError('connection')
  const verifier = newSecret()
  const back = await agree(
    authorizeAddress(oauthOf(connector), atOf(services, row), {
      clientId: row.clientId ?? '',
      redirectUrl: redirectUrl(services.config),
      state: newSecret(),
      verifier,
    }),
  )
  const code = new URL(back).searchParams.get('code') ?? ''
  await connectWith(services, { id: actorId }, { connectionId, verifier }, code)
}

async function connectWith(
  services: Services,
  agent: Pick<SignedIn, 'id'>,
  { connectionId: id, verifier }: Begun,
  code: string,
): Promise<ConnectResult> {
  const row = await findConnection(services.db, id)
  const connector = row && services.connectors.get(row.connector)
  if (!row || row.state === 'disconnected' || !connector) return 'expired'
  const secret = await tokenStore(services, id).secret('clientSecret')
  if (secret === null)
    throw new ReconnectNeededError('The client secret is not there. Enter it again, and connect.')

  const signal = AbortSignal.timeout(patienceMs)
  const at = atOf(services, row)
  const fetch = createGuardedFetch({
    origins: () => connector.origins({ ...at, account: null }),
    standIn: at.standIn,
    internalHosts: services.config.internalHosts,
    turns: sharedTurns(services, id, connector),
    priority: 'live',
    signal,
  })
  const client = { id: row.clientId ?? '', secret }
  const to = { code, verifier, redirectUrl: redirectUrl(services.config) }
  const grant = await exchangeCode(oauthOf(connector), at, client, to, fetch)
  const account = await whose(services, row, connector, grant, signal)
  if (row.account && row.account.id !== account.id) {
    await fail(
      services,
      id,
      `This is the account ${account.name}, and the connection is with ${row.account.name}. Sign in to that one, or disconnect first.`,
    )
    return 'other_account'
  }
  const state = await change(services, async ({ tx, now, after }) => {
    if ((await lockConnection(tx, id))?.state === 'disconnected') throw new NotFoundError('connection')
    await setTokens(services, tx, id, tokensOf(grant, null, now), grant.scopes)
    await setAccount(tx, id, account)
    const state = await setUsable(tx, id, now)
    if (row.agentId !== null) await keepConnected(tx, row.agentId, id, now)
    await sql`
      update connection_health set resting_until = null, failures_in_a_row = 0, last_failure = null, last_failure_at = null
      where connection_id = ${id}`.execute(tx)
    await record(tx, now, agent.id, 'connection.connected', id, { account: account.name })
    after(services.wakeJobs)
    return state
  })
  if (row.agentId !== null) await choosePrimary(services, row.agentId)
  return state === 'paused' ? 'still_paused' : 'connected'
}

/** Asks with the new grant, before it takes the place of the one there is. */
function whose(
  services: Services,
  row: ConnectionRow,
  connector: ConnectorDeclaration,
  grant: Grant,
  signal: AbortSignal,
): Promise<Account> {
  const tokens = tokensOf(grant, null, services.clock.now())
  const refused = 'The provider refuses the access that it has just given.'
  const said = grant.account
  return connector.identify(
    connect({
      connector,
      id: row.id,
      settings: row.settings,
      clientId: row.clientId ?? '',
      account:
        said.id === undefined ? { id: '', name: '', ...said } : { name: said.id, ...said, id: said.id },
      standIn: services.config.standIns[row.connector] ?? null,
      internalHosts: services.config.internalHosts,
      store: {
        read: async () => tokens,
        secret: (name) => tokenStore(services, row.id).secret(name),
        exclusively: async () => ({ type: 'gone', reason: refused }),
      },
      turns: sharedTurns(services, row.id, connector),
      priority: 'live',
      now: () => services.clock.now(),
      signal,
      log: services.log,
    }),
  )
}

/** What was there before goes on; why it did not work stands beside it. */
async function fail(services: Services, id: string, reason: string): Promise<void> {
  await change(services, async ({ tx, now }) => {
    const row = await lockConnection(tx, id)
    if (row && row.state !== 'disconnected') await setState(tx, id, now, { state: row.state, reason })
  })
}
