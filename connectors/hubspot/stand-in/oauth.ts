import { createHash, randomUUID } from 'node:crypto'
import { consentPage } from '../../sdk/consent-page.ts'
import { json, Refusal } from './answers.ts'

export interface OAuthOptions {
  clientId: string
  clientSecret: string
  hubId: number
  /** A refresh gives another refresh token and ends the one it was asked with. */
  rotates: boolean
  lifetimeSeconds: number
  /** What a person does at the question whether Foyer may: `page` shows it. */
  consent: 'allow' | 'deny' | 'page'
}

interface Grant {
  scopes: string[]
  refreshToken: string
}
interface AccessToken {
  grant: Grant
  expiresAt: number
}

const refused = (error: string, status: string, message: string) =>
  new Refusal(400, { error, error_description: message, status, message, correlationId: randomUUID() })

/** `/oauth/authorize` and `/oauth/2026-03/token…`: an admin who agrees to everything.
 *  https://developers.hubspot.com/docs/api-reference/2026-03/authentication/oauth-tokens/refresh-oauth-token */
export function createOAuth(options: OAuthOptions, now: () => number) {
  const codes = new Map<string, { scopes: string[]; redirectUri: string; challenge: string | null }>()
  const grants = new Map<string, Grant>()
  const accessTokens = new Map<string, AccessToken>()
  /** Scopes that an admin took away from the app afterwards. */
  const withheld = new Set<string>()
  const refreshes: string[] = []

  function give(grant: Grant): Response {
    const accessToken = `access-${randomUUID()}`
    accessTokens.set(accessToken, { grant, expiresAt: now() + options.lifetimeSeconds * 1_000 })
    return json(200, {
      token_type: 'bearer',
      access_token: accessToken,
      refresh_token: grant.refreshToken,
      expires_in: options.lifetimeSeconds,
      hub_id: options.hubId,
      scopes: grant.scopes,
      user_id: 1,
    })
  }

  function newGrant(scopes: string[]): Grant {
    const grant = { scopes, refreshToken: `refresh-${randomUUID()}` }
    grants.set(grant.refreshToken, grant)
    return grant
  }

  function authorize(url: URL): Response {
    const redirectUri = url.searchParams.get('redirect_uri') ?? ''
    if (url.searchParams.get('client_id') !== options.clientId || !URL.canParse(redirectUri))
      return new Response('This app is not known, or its redirect address is wrong.', { status: 400 })
    const scopes = (url.searchParams.get('scope') ?? '').split(' ').filter(Boolean)
    const consent = url.searchParams.get('consent') ?? options.consent
    if (consent === 'page')
      return consentPage(url, { vendor: 'HubSpot', account: String(options.hubId), scopes })
    const back = new URL(redirectUri)
    if (consent === 'deny') back.searchParams.set('error', 'access_denied')
    else {
      const code = randomUUID()
      codes.set(code, { scopes, redirectUri, challenge: url.searchParams.get('code_challenge') })
      back.searchParams.set('code', code)
    }
    const state = url.searchParams.get('state')
    if (state !== null) back.searchParams.set('state', state)
    return new Response(null, { status: 302, headers: { location: back.href } })
  }

  function token(form: URLSearchParams): Response {
    refuseOtherClients(form)
    if (form.get('grant_type') === 'authorization_code') {
      const code = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      if (!code || code.redirectUri !== form.get('redirect_uri') || !proves(code.challenge, form))
        throw refused('invalid_grant', 'BAD_AUTH_CODE', 'missing or unknown auth code')
      return give(newGrant(code.scopes))
    }
    if (form.get('grant_type') !== 'refresh_token')
      throw refused('unsupported_grant_type', 'BAD_GRANT_TYPE', 'grant_type must be one of the documented')
    const asked = form.get('refresh_token') ?? ''
    refreshes.push(asked)
    const grant = grants.get(asked)
    if (!grant) throw refused('invalid_grant', 'BAD_REFRESH_TOKEN', 'missing or invalid refresh token')
    if (!options.rotates) return give(grant)
    grants.delete(asked)
    return give(newGrant(grant.scopes))
  }

  function refuseOtherClients(form: URLSearchParams) {
    if (form.get('client_id') !== options.clientId || form.get('client_secret') !== options.clientSecret)
      throw refused('invalid_client', 'BAD_CLIENT_ID', 'missing or unknown client id or secret')
  }

  function revoke(form: URLSearchParams): Response {
    refuseOtherClients(form)
    const gone = form.get('token') ?? ''
    const grant = grants.get(gone) ?? accessTokens.get(gone)?.grant
    if (grant) end(grant)
    return json(200, {})
  }

  function end(grant: Grant) {
    grants.delete(grant.refreshToken)
    for (const [accessToken, { grant: of }] of accessTokens)
      if (of === grant) accessTokens.delete(accessToken)
  }

  return {
    authorize,
    token,
    revoke,
    /** @returns the scopes that the bearer has; throws what HubSpot answers to who has none. */
    check(authorization: string | null): Set<string> {
      const found = accessTokens.get(authorization?.replace(/^Bearer /i, '') ?? '')
      if (!found) throw unauthenticated('INVALID_AUTHENTICATION', 'Authentication credentials not found.')
      const late = now() - found.expiresAt
      if (late >= 0)
        throw unauthenticated(
          'EXPIRED_AUTHENTICATION',
          `The OAuth token used to make this call expired ${Math.floor(late / 1_000)} second(s) ago.`,
        )
      return new Set(found.grant.scopes.filter((scope) => !withheld.has(scope)))
    },
    /** Grants, for a later start. Access tokens are asked for anew. */
    save: () => [...grants.values()],
    load(saved: Grant[]) {
      for (const grant of saved) grants.set(grant.refreshToken, grant)
    },
    /** As an admin who removes the app from the account. */
    revokeAll() {
      for (const grant of [...grants.values()]) end(grant)
      accessTokens.clear()
    },
    /** Access tokens end, the grant stays: what HubSpot does when it likes. */
    dropAccessTokens: () => accessTokens.clear(),
    withhold: (...scopes: string[]) => {
      for (const scope of scopes) withheld.add(scope)
    },
    /** A grant without a browser. */
    grantNow(scopes: string[]): Promise<{ access_token: string; refresh_token: string; expires_in: number }> {
      return give(newGrant(scopes)).json()
    },
    /** Refresh tokens as they were used, oldest first. */
    refreshes,
  }
}

/** RFC 7636 4.6 */
function proves(challenge: string | null, form: URLSearchParams): boolean {
  if (challenge === null) return true
  const verifier = form.get('code_verifier') ?? ''
  return createHash('sha256').update(verifier).digest('base64url') === challenge
}

const unauthenticated = (category: string, message: string) =>
  new Refusal(401, { status: 'error', message, correlationId: randomUUID(), category })
