import type { Account, Connection, ConnectorDeclaration } from './contract.ts'
import { createCredentials, type TokenStore, typedCredentials } from './credentials.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import type { Priority, Turns } from './turns.ts'

export interface ConnectOptions {
  connector: ConnectorDeclaration
  id: string
  settings: Record<string, string>
  clientId: string
  account: Account | null
  standIn: string | null
  /** Hosts that may be inside our own network, because the operator has named them. */
  internalHosts?: readonly string[]
  store: TokenStore
  turns: Turns
  priority: Priority
  now(): Date
  signal: AbortSignal
  log: Connection['log']
}

/** A connection as its actions see it, over whatever keeps its tokens and counts its turns. */
export function createConnection(options: ConnectOptions): Connection {
  const { connector, settings, standIn, turns } = options
  let { account } = options
  const fetch = createGuardedFetch({
    origins: () => connector.origins({ settings, account, standIn }),
    standIn,
    internalHosts: options.internalHosts ?? [],
    turns,
    priority: options.priority,
    signal: options.signal,
    onAnswer: (answer) => {
      for (const usage of connector.usage?.(answer) ?? []) turns.report(usage)
    },
  })
  return {
    id: options.id,
    settings,
    get account() {
      return account
    },
    standIn,
    credentials:
      connector.auth.kind === 'password'
        ? typedCredentials(options.clientId, options.store)
        : createCredentials({
            auth: connector.auth,
            at: { settings, standIn },
            clientId: options.clientId,
            store: options.store,
            fetch,
            now: options.now,
            onAccount: (said) => {
              account = mergeAccount(account, said)
            },
          }),
    fetch,
    now: options.now,
    signal: options.signal,
    log: options.log,
  }
}

/** What is said of an account adds to what is known; without an id there is nothing to add to. */
export function mergeAccount(known: Account | null, said: Partial<Account>): Account | null {
  const id = said.id ?? known?.id
  if (id === undefined) return known
  const details = { ...known?.details, ...said.details }
  return { name: id, ...known, ...said, id, ...(Object.keys(details).length > 0 ? { details } : {}) }
}
