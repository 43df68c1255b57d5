import { salesforce } from '#connectors/salesforce/index.ts'
import { SalesforceStandIn, type StandInOptions } from '#connectors/salesforce/stand-in/index.ts'
import { createConnection } from '#connectors/sdk/connect.ts'
import type { Account, Connection } from '#connectors/sdk/contract.ts'
import type { StoredTokens, TokenChange, TokenStore } from '#connectors/sdk/credentials.ts'
import type { Crm } from '#connectors/sdk/crm.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { MemoryTurns } from '#connectors/sdk/turns.ts'
import { withPlainFetch } from '../plain-fetch.ts'

/** Where two workers of one Foyer keep the tokens of one connection: what is written is written before it is used. */
class SharedTokens implements TokenStore {
  tokens: StoredTokens
  #line: Promise<unknown> = Promise.resolve()

  constructor(tokens: StoredTokens) {
    this.tokens = tokens
  }

  read = async () => this.tokens
  secret = async () => 'foyer-demo-secret'

  exclusively(work: (newest: StoredTokens) => Promise<TokenChange>): Promise<TokenChange> {
    const done = this.#line.then(async () => {
      const change = await work(this.tokens)
      if (change.type === 'renewed') this.tokens = change.tokens
      if (change.type === 'gone') this.tokens = { ...this.tokens, accessToken: null }
      return change
    })
    this.#line = done.catch(() => {})
    return done
  }
}

/** Salesforce on a port of its own, and what Foyer needs to talk to it. */
export async function startSalesforce(options: StandInOptions = {}) {
  const clock = { now: new Date('2026-11-28T12:00:00Z') }
  const standIn = new SalesforceStandIn({ now: () => clock.now, ...options })
  const { origin, close } = await serveStandIn(standIn.handle)
  const granted = standIn.oauth.grant()
  const store = new SharedTokens({ ...granted, expiresAt: null, replacedAt: null })
  const turns = new MemoryTurns(salesforce.limits, () => clock.now)
  const warnings: string[] = []

  /** A connection as one worker makes it, for one piece of work. */
  function connect(
    account: Account | null = knownAccount(),
    { byItsOwnName = false }: { byItsOwnName?: boolean } = {},
  ): Connection {
    return createConnection({
      connector: salesforce,
      id: 'c-1',
      settings: { environment: 'production' },
      clientId: 'foyer-demo',
      account,
      standIn: byItsOwnName ? null : origin,
      store,
      turns,
      priority: 'live',
      now: () => clock.now,
      signal: new AbortController().signal,
      log: { info: () => {}, warn: (_facts, message) => warnings.push(message) },
    })
  }

  const knownAccount = (): Account => ({
    id: standIn.org.organizationId,
    name: 'Foyer Demo',
    apiOrigin: origin,
    webOrigin: origin,
    details: { userId: standIn.org.userId, timeZone: 'Europe/Rome' },
  })

  const crm = (changes: Partial<Crm> = {}): Crm => ({
    connection: connect(),
    mapping: salesforce.crm.mapping,
    description: null,
    ...changes,
  })

  /** At an organisation's own host, behind which a test puts the stand-in. */
  function crmAt(apiOrigin: string): Crm {
    const connection = connect({ ...knownAccount(), apiOrigin, webOrigin: apiOrigin }, { byItsOwnName: true })
    const { auth } = salesforce
    return crm({ connection: withPlainFetch(connection, { auth, clientId: 'foyer-demo', store }) })
  }

  /** As Foyer works most of the time: described once, for many pieces of work. */
  async function describedCrm(): Promise<Crm> {
    const description = await salesforce.crm.describe(crm())
    return crm({ description })
  }

  return {
    standIn,
    org: standIn.org,
    origin,
    close,
    clock,
    store,
    turns,
    warnings,
    connect,
    crm,
    crmAt,
    describedCrm,
    passes: (ms: number) => {
      clock.now = new Date(clock.now.getTime() + ms)
    },
    /** The one record of its type. */
    only: (type: string) => {
      const [row, ...others] = standIn.org.rows(type).values()
      if (!row || others.length > 0) throw new Error(`There are ${row ? others.length + 1 : 0} of ${type}`)
      return row
    },
    /** As an admin of Salesforce may do, so that what Foyer wrote is found by a unique field. */
    installKeyField: () => {
      for (const type of ['Task', 'Event', 'Lead'])
        standIn.org.schema.addField(type, 'Foyer_Key__c:string(255)?', { externalId: true })
    },
    /** Calls since the last look, without the ones for descriptions. */
    calls: () =>
      standIn.log
        .splice(0)
        .filter(({ path }) => !path.endsWith('/describe'))
        .map(({ method, path }) => `${method} ${path.replace('/services/data/v67.0', '')}`),
  }
}

export type StartedSalesforce = Awaited<ReturnType<typeof startSalesforce>>

export const minutes = (count: number) => count * 60_000
export const days = (count: number) => count * 86_400_000
