import type { OAuthDeclaration } from './auth.ts'
import type { Account, Connection, Credentials } from './contract.ts'
import { ReconnectNeededError } from './errors.ts'
import type { GuardedFetch } from './http.ts'
import { type Grant, refreshGrant } from './oauth.ts'

export interface StoredTokens {
  /** Null: there is no grant (yet, or any more). */
  accessToken: string | null
  refreshToken: string | null
  expiresAt: Date | null
  /** When it took the place of a token that the vendor had refused; null for one got otherwise. */
  replacedAt: Date | null
}

/** What is to be written down before anybody uses it. */
export type TokenChange =
  | { type: 'none' }
  | { type: 'renewed'; tokens: StoredTokens; account: Partial<Account> }
  /** The connection is broken; `reason` is a sentence for admins. */
  | { type: 'gone'; reason: string }

/** Where a connection's tokens are kept for all processes. */
export interface TokenStore {
  read(): Promise<StoredTokens>
  secret(name: 'clientSecret' | 'password'): Promise<string | null>
  /** Runs `work` on the newest tokens while no other process does, and has what it returns written down (in
   *  PostgreSQL: committed) before it resolves. */
  exclusively(work: (newest: StoredTokens) => Promise<TokenChange>): Promise<TokenChange>
}

export interface CredentialsOptions {
  auth: OAuthDeclaration
  at: Pick<Connection, 'settings' | 'standIn'>
  clientId: string
  store: TokenStore
  fetch: GuardedFetch
  now(): Date
  /** The token answer said something about the account, such as where its API is. */
  onAccount(account: Partial<Account>): void
}

/** A token that has less left is renewed: a request takes its time. */
const marginMs = 60_000
/** A token that took a refused one's place and is refused within this is the second in a row: asking for a third would
 *  go on for ever. */
const secondRefusalMs = 300_000

export function createCredentials(options: CredentialsOptions): Credentials {
  const { store, now } = options
  let known: StoredTokens | null = null
  const isGood = ({ accessToken, expiresAt }: StoredTokens) =>
    accessToken !== null && (expiresAt === null || expiresAt.getTime() - marginMs > now().getTime())

  /** @param refused the token that the vendor did not take; null when it is about to run out. */
  async function renew(refused: string | null): Promise<string> {
    let newest: StoredTokens | null = null
    const change = await store.exclusively(async (tokens) => {
      newest = tokens
      if (tokens.accessToken === null) return { type: 'none' }
      // somebody else was faster
      if (refused === null ? isGood(tokens) : tokens.accessToken !== refused) return { type: 'none' }
      const since = tokens.replacedAt && now().getTime() - tokens.replacedAt.getTime()
      if (refused !== null && since !== null && since < secondRefusalMs)
        return { type: 'gone', reason: refusedTwice }
      return renewed(options, tokens, refused !== null)
    })
    if (change.type === 'gone') throw new ReconnectNeededError(change.reason)
    if (change.type === 'renewed') options.onAccount(change.account)
    known = change.type === 'renewed' ? change.tokens : newest
    return tokenOf(known)
  }

  return {
    clientId: options.clientId,
    async accessToken() {
      if (known && isGood(known)) return tokenOf(known)
      known = await store.read()
      return isGood(known) ? tokenOf(known) : renew(null)
    },
    replaceToken: (refused) => renew(refused),
    async secret(name) {
      const secret = await store.secret(name)
      if (secret === null) throw new ReconnectNeededError('The client secret is not there. Enter it again.')
      return secret
    },
  }
}

/** Of a connector whose people type a name and a password: there are no tokens. */
export function typedCredentials(clientId: string, store: TokenStore): Credentials {
  const noTokens = async (): Promise<never> => {
    throw new Error('The connector asks for a token, and declares that it has a password')
  }
  return {
    clientId,
    accessToken: noTokens,
    replaceToken: noTokens,
    async secret(name) {
      const secret = await store.secret(name)
      if (secret === null) throw new ReconnectNeededError('The password is not there. Enter it again.')
      return secret
    },
  }
}

async function renewed(
  { auth, at, clientId, store, fetch, now }: CredentialsOptions,
  { refreshToken }: StoredTokens,
  replaces: boolean,
): Promise<TokenChange> {
  if (refreshToken === null) return { type: 'gone', reason: notRenewable }
  const secret = await store.secret('clientSecret')
  if (secret === null)
    return { type: 'gone', reason: 'The client secret is not there. Enter it again, and connect.' }
  let grant: Grant
  try {
    grant = await refreshGrant(auth, at, { id: clientId, secret }, refreshToken, fetch)
  } catch (error) {
    if (error instanceof ReconnectNeededError) return { type: 'gone', reason: error.message }
    throw error
  }
  return {
    type: 'renewed',
    // the old one may be dead already: whoever stores this stores it before it is used
    tokens: tokensOf(grant, refreshToken, now(), replaces),
    account: grant.account,
  }
}

/** @param refreshToken the one to keep where the vendor gives no other. */
export const tokensOf = (
  grant: Grant,
  refreshToken: string | null,
  now: Date,
  replaces = false,
): StoredTokens => ({
  accessToken: grant.accessToken,
  refreshToken: grant.refreshToken ?? refreshToken,
  expiresAt: new Date(now.getTime() + grant.lifetimeSeconds * 1_000),
  replacedAt: replaces ? now : null,
})

function tokenOf(tokens: StoredTokens | null): string {
  if (!tokens?.accessToken)
    throw new ReconnectNeededError('This connection has no access to the provider. Connect again.')
  return tokens.accessToken
}

const refusedTwice =
  'The provider refuses every access token, also one that it has just given out. Look at the app and the user there, and connect again.'
const notRenewable =
  'The provider gave no means to renew our access, and it has run out. Allow offline access in its app, and connect again.'
