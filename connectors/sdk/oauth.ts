import { createHash, randomBytes } from 'node:crypto'
import type { OAuthDeclaration } from './auth.ts'
import type { Account, Connection } from './contract.ts'
import {
  type ConnectorError,
  ProviderAnswerError,
  ProviderUnavailableError,
  RateLimitedError,
  ReconnectNeededError,
} from './errors.ts'
import type { GuardedFetch, GuardedResponse } from './http.ts'

/** The app that the admin made at the vendor. */
export interface OAuthClient {
  id: string
  secret: string
}

/** What the vendor's token address answered. */
export interface Grant {
  accessToken: string
  /** Null: the one we have stays good. */
  refreshToken: string | null
  lifetimeSeconds: number
  /** Null: the vendor does not say. */
  scopes: string[] | null
  account: Partial<Account>
}

type At = Pick<Connection, 'settings' | 'standIn'>

/** 256 bits, for `state` and for PKCE's verifier. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/** Where the admin's browser is sent to agree. RFC 6749 4.1.1, RFC 7636 4.3. */
export function authorizeAddress(
  auth: OAuthDeclaration,
  at: At,
  to: { clientId: string; redirectUrl: string; state: string; verifier: string; loginHint?: string },
): string {
  const url = new URL(auth.authorizeUrl(at))
  const parameters = {
    ...auth.authorizeParameters,
    response_type: 'code',
    client_id: to.clientId,
    redirect_uri: to.redirectUrl,
    scope: auth.scopes.join(' '),
    state: to.state,
    code_challenge: createHash('sha256').update(to.verifier).digest('base64url'),
    code_challenge_method: 'S256',
    // of OpenID Connect: whose account is meant, where somebody has several
    ...(to.loginHint === undefined ? {} : { login_hint: to.loginHint }),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

/** RFC 6749 4.1.3. @throws {ReconnectNeededError} the code is not good (any more) */
export const exchangeCode = (
  auth: OAuthDeclaration,
  at: At,
  client: OAuthClient,
  to: { code: string; verifier: string; redirectUrl: string },
  fetch: GuardedFetch,
): Promise<Grant> =>
  askForTokens(auth, at, client, fetch, {
    grant_type: 'authorization_code',
    code: to.code,
    redirect_uri: to.redirectUrl,
    code_verifier: to.verifier,
  })

/** RFC 6749 6. @throws {ReconnectNeededError} the grant is gone */
export const refreshGrant = (
  auth: OAuthDeclaration,
  at: At,
  client: OAuthClient,
  refreshToken: string,
  fetch: GuardedFetch,
): Promise<Grant> =>
  askForTokens(auth, at, client, fetch, { grant_type: 'refresh_token', refresh_token: refreshToken })

async function askForTokens(
  auth: OAuthDeclaration,
  at: At,
  client: OAuthClient,
  fetch: GuardedFetch,
  parameters: Record<string, string>,
): Promise<Grant> {
  const body = new URLSearchParams(parameters)
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  }
  if (auth.clientAuthentication === 'basic') {
    // RFC 6749 2.3.1: each half is form-encoded before
    const [id, secret] = [client.id, client.secret].map((half) =>
      new URLSearchParams([['', half]]).toString().slice(1),
    )
    headers.authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  } else {
    body.set('client_id', client.id)
    body.set('client_secret', client.secret)
  }
  const answer = await fetch(auth.tokenUrl(at), {
    method: 'POST',
    headers,
    body: body.toString(),
    limits: [],
    maxBytes: 64 * 1024,
  })
  if (answer.status !== 200 && answer.status !== 201) throw refusal(auth, answer)
  return parseGrant(auth, answer.json())
}

function refusal(auth: OAuthDeclaration, answer: GuardedResponse): ConnectorError {
  const { status } = answer
  if (status === 429)
    return new RateLimitedError(
      'The provider asked for a pause while we signed in.',
      retryAfterMs(answer) ?? 10_000,
      'sign-in',
    )
  // whether the grant was renewed, nobody knows
  if (status >= 500)
    return new ProviderUnavailableError(`The provider’s sign-in does not work now (${status}).`, 'unknown')
  let body: unknown = null
  try {
    body = answer.json()
  } catch {
    // a page for people says no more than its status
  }
  if (auth.isGrantGone(status, body))
    return new ReconnectNeededError(
      'The provider does not accept our access any more: it was revoked or has run out. Connect again.',
    )
  const code = errorCode(body)
  if (code === 'invalid_client' || code === 'unauthorized_client' || status === 401)
    return new ReconnectNeededError(
      'The provider does not accept the client id and secret. Check them in its app, enter them again, and connect.',
    )
  return new ProviderAnswerError(`The provider’s sign-in answered ${status}${code ? ` (${code})` : ''}.`)
}

/** Of an answer's Retry-After header: seconds, or an instant. */
export function retryAfterMs({ headers }: Pick<GuardedResponse, 'headers'>, now = new Date()): number | null {
  const value = headers['retry-after']
  if (value === undefined) return null
  if (/^\d+(\.\d+)?$/.test(value)) return Math.min(Number(value) * 1_000, 86_400_000)
  const at = Date.parse(value)
  return Number.isNaN(at) ? null : Math.min(Math.max(0, at - now.getTime()), 86_400_000)
}

/** RFC 6749 5.2. Nothing else of the answer is shown: it may repeat what we sent. */
function errorCode(body: unknown): string | null {
  const code = (body as { error?: unknown } | null)?.error
  return typeof code === 'string' && /^[\w.-]{1,60}$/.test(code) ? code : null
}

function parseGrant(auth: OAuthDeclaration, body: unknown): Grant {
  const { access_token, refresh_token, expires_in, scope, scopes } = (body ?? {}) as Record<string, unknown>
  if (typeof access_token !== 'string' || !isToken(access_token))
    throw new ProviderAnswerError('The provider’s sign-in gave no access token.')
  if (refresh_token !== undefined && refresh_token !== null && !isToken(refresh_token))
    throw new ProviderAnswerError('The provider’s sign-in gave a refresh token that is none.')
  // some write numbers as text
  const lifetime = Number(expires_in ?? auth.assumedLifetimeSeconds ?? 3_600)
  return {
    accessToken: access_token,
    refreshToken: refresh_token ?? null,
    lifetimeSeconds: Number.isFinite(lifetime) ? Math.min(Math.max(lifetime, 0), 366 * 86_400) : 3_600,
    scopes: scopesOf(scope ?? scopes),
    account: auth.accountFrom?.(body) ?? {},
  }
}

/** RFC 6749 3.3 has them in one text; some send a list. */
function scopesOf(said: unknown): string[] | null {
  const scopes = typeof said === 'string' ? said.split(' ') : said
  if (!Array.isArray(scopes)) return null
  return scopes.filter((one) => typeof one === 'string' && one !== '')
}

/** What may stand in a header. */
const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,8192}$/.test(value)
