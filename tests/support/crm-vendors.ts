import { randomUUID } from 'node:crypto'
import { hubspot } from '#connectors/hubspot/index.ts'
import { createHubSpotStandIn, type HubSpotStandInOptions } from '#connectors/hubspot/stand-in/index.ts'
import { salesforce } from '#connectors/salesforce/index.ts'
import { SalesforceStandIn, type StandInOptions } from '#connectors/salesforce/stand-in/index.ts'
import type { Account, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { openConnection } from '#core/features/connections/open.ts'
import {
  insertConnection,
  setAccount,
  setDescription,
  setState,
} from '#core/features/connections/repository.ts'
import { setClientSecret, setTokens } from '#core/features/connections/secrets.ts'
import { change, type Services } from '#core/services.ts'

export interface ConnectOptions {
  /** Whether Foyer asks by itself what has changed, and reads everybody; else only by events, and for chats. */
  polls?: boolean
  writes?: boolean
  writeBack?: object
}

interface Grant {
  accessToken: string
  refreshToken: string
  expiresAt: Date
}

/** Both real connectors, each with a stand-in of its vendor behind HTTP, at the clock that `now` says. */
export async function startVendors(
  options: { hubspot?: HubSpotStandInOptions; salesforce?: StandInOptions } = {},
) {
  const clock = { now: () => new Date() }
  const hub = createHubSpotStandIn({ now: () => clock.now().getTime(), ...options.hubspot })
  const force = new SalesforceStandIn({
    now: () => clock.now(),
    oauth: { rotates: true },
    ...options.salesforce,
  })
  const [hubServed, forceServed] = await Promise.all([serveStandIn(hub.handle), serveStandIn(force.handle)])

  const connectHubSpot = async (services: Services, options: ConnectOptions = {}) => {
    const given = await hub.oauth.grantNow(hubspot.auth.scopes)
    return connectVendor(services, hubspot, {
      client: { id: hub.clientId, secret: hub.clientSecret },
      settings: { apiVersion: 'v3' },
      account: { id: String(hub.hubId), name: 'HubSpot', webOrigin: hubServed.origin },
      grant: {
        accessToken: given.access_token,
        refreshToken: given.refresh_token,
        expiresAt: new Date(clock.now().getTime() + given.expires_in * 1_000),
      },
      ...options,
    })
  }

  const connectSalesforce = (services: Services, options: ConnectOptions = {}) => {
    const { origin } = forceServed
    const { organizationId, userId } = force.org
    return connectVendor(services, salesforce, {
      client: { id: 'foyer-demo', secret: 'foyer-demo-secret' },
      settings: { environment: 'production' },
      account: {
        id: organizationId,
        name: 'Foyer Demo',
        apiOrigin: origin,
        webOrigin: origin,
        details: { userId, timeZone: 'Europe/Rome' },
      },
      grant: { ...force.oauth.grant(), expiresAt: new Date(clock.now().getTime() + 7_200_000) },
      ...options,
    })
  }

  return {
    clock,
    hubspot: hub,
    salesforce: force,
    connectors: [hubspot, salesforce] as ConnectorDeclaration[],
    standIns: { hubspot: hubServed.origin, salesforce: forceServed.origin },
    connectHubSpot,
    connectSalesforce,
    stop: () => Promise.all([hubServed.close(), forceServed.close()]),
  }
}
export type Vendors = Awaited<ReturnType<typeof startVendors>>

/** As after an admin has agreed in the browser. @returns the connection's id */
export async function connectVendor(
  services: Services,
  connector: ConnectorDeclaration,
  given: ConnectOptions & {
    client: { id: string; secret: string }
    settings: Record<string, string>
    account: Account
    grant: Grant
  },
): Promise<string> {
  const id = randomUUID()
  const { polls = true, writes = false, writeBack = {} } = given
  await change(services, async ({ tx, now }) => {
    await insertConnection(tx, now, {
      id,
      connector: connector.id,
      settings: given.settings,
      clientId: given.client.id,
      mapping: connector.crm?.mapping ?? {},
      writeBack: WriteBackRules.parse(writeBack),
    })
    await setClientSecret(services, tx, id, given.client.secret)
    await setTokens(services, tx, id, { ...given.grant, replacedAt: null })
    await setAccount(tx, id, given.account)
  })
  const crm = await openConnection(services, id, {
    signal: AbortSignal.timeout(30_000),
    priority: 'live',
    states: ['connecting'],
  })
  if (crm.connector.crm && crm.crm)
    await setDescription(services.db, id, services.clock.now(), await crm.connector.crm.describe(crm.crm))
  if (!polls)
    await services.pool.query(
      `insert into connection_sync (connection_id, poll_due_at, import_due_at) values ($1, 'infinity', 'infinity')`,
      [id],
    )
  if (writes)
    await services.pool.query(
      'update connections set previewed_at = now(), writing_on = true where id = $1',
      [id],
    )
  await setState(services.db, id, services.clock.now(), { state: 'active', reason: null })
  return id
}
