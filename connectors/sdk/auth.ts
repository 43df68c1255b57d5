import type { Account, Connection, ConnectorDeclaration } from './contract.ts'

/** How an account is connected. */
export type AuthDeclaration = OAuthDeclaration | PasswordDeclaration

/** @throws where the caller should have known that it is connected otherwise. */
export function oauthOf({ auth, name }: Pick<ConnectorDeclaration, 'auth' | 'name'>): OAuthDeclaration {
  if (auth.kind !== 'oauth2') throw new Error(`${name} is not connected by OAuth`)
  return auth
}

/** A name and a password for this use, typed by the person whose account it is: `Credentials.clientId` and `secret('password')`. */
export interface PasswordDeclaration {
  kind: 'password'
  /** Where to find them, step by step. */
  steps: string[]
  /** The page that describes it. */
  documentation: string
}

/**
 * OAuth 2 with authorization code. Foyer always sends `state` bound to the admin's session and PKCE (S256), and asks for exactly the redirect
 * address it shows. RFC 6749, 7636, 9700.
 */
export interface OAuthDeclaration {
  kind: 'oauth2'
  authorizeUrl(connection: Pick<Connection, 'settings' | 'standIn'>): string
  tokenUrl(connection: Pick<Connection, 'settings' | 'standIn'>): string
  scopes: string[]
  /** More parameters for the authorize address, such as `prompt=consent`. */
  authorizeParameters?: Record<string, string>
  /** How the client's id and secret are sent to the token address. */
  clientAuthentication: 'body' | 'basic'
  /** Lifetime to assume where the vendor's answer has no `expires_in`, in seconds. */
  assumedLifetimeSeconds?: number
  /** Reads what the token answer says of the account, such as `instance_url`. Parses: the answer is not to be trusted. */
  accountFrom?(tokenAnswer: unknown): Partial<Account>
  /** Whether an error answer of the token address means that the grant is gone for good: an admin must connect again. */
  isGrantGone(status: number, body: unknown): boolean
  /** Ends the grant at the vendor, when an admin disconnects. Being gone already is no failure. */
  revoke?(connection: Connection, tokens: { accessToken: string; refreshToken: string | null }): Promise<void>
  /** How to make the vendor's app, step by step; `{redirectUrl}`, `{scopes}` and `{webhookUrl}` are filled in and can be copied. */
  steps: string[]
  /** The page where the vendor describes it. */
  documentation: string
}
