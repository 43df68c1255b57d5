import type { AuthDeclaration } from './auth.ts'
import type { CalendarDeclaration } from './calendar.ts'
import type { CrmDeclaration } from './crm.ts'
import type { GuardedFetch, GuardedResponse, LimitUsage, RateLimit } from './http.ts'

/**
 * What a connector says of itself: data and actions, nothing that runs when it is loaded. Settings page, OAuth flow, field mapping,
 * limits and the conformance suite derive from it. A connector knows its provider and this folder, nothing else of Foyer.
 */
export interface ConnectorDeclaration {
  /** Kebab-case, stable for ever: rows of the mirror and of the log carry it. */
  id: string
  /** As the vendor writes it: `HubSpot`. */
  name: string
  auth: AuthDeclaration
  /** What an admin fills in before connecting, drawn as a form in this order. */
  settings: SettingDeclaration[]
  /**
   * Every origin that this connection may call, sign-in included, such as `https://api.hubapi.com`. Anything else is refused before a
   * connection is opened. Asked anew for each call, since the account may name one (`instance_url`).
   */
  origins(connection: Pick<Connection, 'settings' | 'account' | 'standIn'>): string[]
  /** Every limit the vendor states, by the name that `GuardedFetch` is given. */
  limits: Record<string, RateLimit>
  /** What an answer's headers say of the limits: shown as headroom; background work waits when only the reserve is left. */
  usage?(answer: Pick<GuardedResponse, 'status' | 'headers'>): LimitUsage[]
  /** Asks who we are, at the lowest cost there is: run after connecting, by "Test", and by the health probe. */
  identify(connection: Connection): Promise<Account>
  /** What makes it a CRM, which admins connect for everybody. */
  crm?: CrmDeclaration
  /** What makes it one of calendars, where each agent connects an account. */
  calendar?: CalendarDeclaration
}

export interface SettingDeclaration {
  /** camelCase. */
  key: string
  label: string
  /** One sentence under the field: where to find it. */
  help: string
  /** `address`: an https address, with a path if need be. */
  kind: 'text' | 'origin' | 'address' | 'choice'
  /** Of an origin: it must lie in one of these domains. Its app's secret and its tokens are sent there. */
  domains?: readonly string[]
  /** Of a choice. */
  options?: { value: string; label: string }[]
  required: boolean
  initial?: string
}

/** Whose account it is, as the vendor says. */
export interface Account {
  /** The vendor's id of the account: organisation id, hub id. Connecting again must find the same one. */
  id: string
  /** For people: "Northwind (sandbox)". */
  name: string
  /** Where the account's own API is, if the vendor has one for each account. */
  apiOrigin?: string
  /** Where a person sees a record, without a slash at the end. */
  webOrigin?: string
  /** Anything else that actions need, such as the account's time zone. No secrets. */
  details?: Record<string, string>
}

/** One connected account, as its actions see it. Made for each piece of work; holds no state that matters. */
export interface Connection {
  id: string
  settings: Record<string, string>
  /** Null until `identify` has answered for the first time. */
  account: Account | null
  /** One origin that stands in for all of the vendor's hosts (tests and demo); null for the vendor. */
  standIn: string | null
  credentials: Credentials
  /** The only way out: guarded, limited, timed, bounded. */
  fetch: GuardedFetch
  /** Foyer's clock. */
  now(): Date
  /** Aborted when the work is not wanted any more. */
  signal: AbortSignal
  log: { info(facts: object, message: string): void; warn(facts: object, message: string): void }
}

/** Tokens by OAuth, or what was typed. Secrets never leave through anything else. */
export interface Credentials {
  /** Of the vendor's app, as the admin entered it; where people type a password, their name there. */
  readonly clientId: string
  /** An access token that holds for another minute at least; refreshed before by one process for all. @throws {ReconnectNeededError} */
  accessToken(): Promise<string>
  /**
   * Another token after the vendor answered 401 to `refused`. Refreshes once; a token that is refused right after it was refreshed
   * means that the grant is gone. @throws {ReconnectNeededError}
   */
  replaceToken(refused: string): Promise<string>
  /** A value that an admin typed as secret, such as an app's client secret (for the signatures of webhooks). */
  secret(name: 'clientSecret' | 'password'): Promise<string>
}

/** @returns the declaration, typed. What is wrong with it is told by `checkDeclaration` when it is loaded. */
export const defineConnector = <D extends ConnectorDeclaration>(declaration: D): D => declaration
