import { expect, onTestFinished } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import type { HubSpotStandIn, HubSpotStandInOptions } from '#connectors/hubspot/stand-in/index.ts'
import { createConnection } from '#connectors/sdk/connect.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import type { StoredTokens, TokenStore } from '#connectors/sdk/credentials.ts'
import type { Crm, PersonRef } from '#connectors/sdk/crm.ts'
import type { LimitUsage } from '#connectors/sdk/http.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { withPlainFetch } from '../plain-fetch.ts'
import { aStandIn } from './a-stand-in.ts'
import { problemsOf } from './contract/validate.ts'

export const crmOf = hubspot.crm

/** Tokens as a database keeps them: one at a time, whoever asks. */
export interface MemoryTokens extends TokenStore {
  tokens: StoredTokens
  /** Why an admin must connect again, once that is so. */
  gone: string | null
}

function memoryTokens(tokens: StoredTokens, clientSecret: string): MemoryTokens {
  let line: Promise<unknown> = Promise.resolve()
  const store: MemoryTokens = {
    tokens,
    gone: null,
    read: async () => store.tokens,
    secret: async (name) => (name === 'clientSecret' ? clientSecret : null),
    exclusively(work) {
      const turn = line.then(async () => {
        const change = await work(store.tokens)
        if (change.type === 'renewed') store.tokens = change.tokens
        if (change.type === 'gone') {
          store.gone = change.reason
          store.tokens = { accessToken: null, refreshToken: null, expiresAt: null, replacedAt: null }
        }
        return change
      })
      line = turn.catch(() => {})
      return turn
    },
  }
  return store
}

export interface Connected {
  standIn: HubSpotStandIn
  connection: Connection
  crm: Crm
  store: MemoryTokens
  /** What HubSpot said of its limits. */
  reports: LimitUsage[]
  /** Another process with the same tokens. */
  another(): Connection
  /** How often a path was asked for, by its beginning. */
  asked(where: string): number
}

async function served(standIn: HubSpotStandIn): Promise<string> {
  const { origin, close } = await serveStandIn(standIn.handle)
  onTestFinished(close)
  return origin
}

/** A connection to a stand-in of its own, served over HTTP, as Foyer makes it.
 *  `byItsOwnName`: to HubSpot's own hosts, behind which a test puts the stand-in. */
export async function connected(
  options: HubSpotStandInOptions & {
    scopes?: string[]
    settings?: Record<string, string>
    byItsOwnName?: boolean
  } = {},
): Promise<Connected> {
  const standIn = aStandIn(options)
  const origin = options.byItsOwnName ? null : await served(standIn)
  // whatever a test is about, what was sent is what HubSpot describes
  onTestFinished(() => expect(standIn.requests.flatMap(problemsOf)).toEqual([]))
  const granted = await standIn.oauth.grantNow(options.scopes ?? hubspot.auth.scopes)
  const store = memoryTokens(
    {
      accessToken: granted.access_token,
      refreshToken: granted.refresh_token,
      expiresAt: new Date(standIn.clock.now() + granted.expires_in * 1_000),
      replacedAt: null,
    },
    standIn.clientSecret,
  )
  const reports: LimitUsage[] = []
  const another = () => {
    const made = createConnection({
      connector: hubspot,
      id: 'connection-1',
      settings: { apiVersion: 'v3', ...options.settings },
      clientId: standIn.clientId,
      account: { id: String(standIn.hubId), name: 'HubSpot', webOrigin: 'https://app.hubspot.com' },
      standIn: origin,
      store,
      turns: { take: async () => () => {}, report: (usage) => void reports.push(usage) },
      priority: 'live',
      now: () => new Date(standIn.clock.now()),
      signal: new AbortController().signal,
      log: { info: () => {}, warn: () => {} },
    })
    return options.byItsOwnName
      ? withPlainFetch(made, { auth: hubspot.auth, clientId: standIn.clientId, store })
      : made
  }
  const connection = another()
  return {
    standIn,
    connection,
    crm: { connection, mapping: crmOf.mapping, description: null },
    store,
    reports,
    another,
    asked: (where) => {
      const [method, path = ''] = where.split(' ')
      return standIn.requests.filter((one) => one.method === method && one.path.startsWith(path)).length
    },
  }
}

export const contact = (id: string): PersonRef => ({ type: 'contact', id })
