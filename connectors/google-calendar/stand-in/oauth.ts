import { createHash, randomUUID } from 'node:crypto'
import { consentPage } from '../../sdk/consent-page.ts'
import { json, Refusal, TokenRefusal } from './answers.ts'

export interface OAuthOptions {
  clientId: string
  clientSecret: string
  /** Who signs in where the address asked for names nobody (`login_hint`). */
  account: string
  lifetimeSeconds: number
  /** What a person does at the question whether Foyer may: `page` shows it. */
  consent: 'allow' | 'deny' | 'page'
}

export interface Grant {
  account: string
  scopes: string[]
  refreshToken: string
}

/** `/o/oauth2/v2/auth`, `/token`, `/revoke`. https://developers.google.com/identity/protocols/oauth2/web-server */
export function createOAuth(options: OAuthOptions, now: () => number) {
  const codes = new Map<
    string,
    Omit<Grant, 'refreshToken'> & { redirectUri: string; challenge: string | null }
  >()
  const grants = new Map<string, Grant>()
  const accessTokens = new Map<string, { grant: Grant; expiresAt: number }>()
  /** Boxes that people untick. */
  const withheld = new Set<string>()
  let refreshes = 0
  let refusesAll = false

  /** @param renewed a refresh token comes only with the first. */
  function give(grant: Grant, renewed: boolean): Response {
    const accessToken = `ya29.${randomUUID()}`
    accessTokens.set(accessToken, { grant, expiresAt: now() + options.lifetimeSeconds * 1_000 })
    return json(200, {
      access_token: accessToken,
      expires_in: options.lifetimeSeconds,
      ...(renewed ? {} : { refresh_token: grant.refreshToken }),
      scope: grant.scopes.join(' '),
      token_type: 'Bearer',
    })
  }

  function newGrant(account: string, scopes: string[]): Grant {
    const grant = { account, scopes, refreshToken: `1//${randomUUID()}` }
    grants.set(grant.refreshToken, grant)
    return grant
  }

  function end(grant: Grant): void {
    grants.delete(grant.refreshToken)
    for (const [token, { grant: of }] of accessTokens) if (of === grant) accessTokens.delete(token)
  }

  function authorize(url: URL): Response {
    const asked = url.searchParams
    const redirectUri = asked.get('redirect_uri') ?? ''
    if (asked.get('client_id') !== options.clientId || !URL.canParse(redirectUri))
      return new Response('This app is not known, or its redirect address is wrong.', { status: 400 })
    const scopes = (asked.get('scope') ?? '').split(' ').filter(Boolean)
    const account = asked.get('login_hint') ?? options.account
    const consent = asked.get('consent') ?? options.consent
    if (consent === 'page') return consentPage(url, { vendor: 'Google', account, scopes })
    const back = new URL(redirectUri)
    if (consent === 'deny') back.searchParams.set('error', 'access_denied')
    else {
      const code = `4/${randomUUID()}`
      const granted = scopes.filter((scope) => !withheld.has(scope))
      codes.set(code, { account, scopes: granted, redirectUri, challenge: asked.get('code_challenge') })
      back.searchParams.set('code', code)
    }
    const state = asked.get('state')
    if (state !== null) back.searchParams.set('state', state)
    return new Response(null, { status: 302, headers: { location: back.href } })
  }

  function token(form: URLSearchParams): Response {
    if (form.get('client_id') !== options.clientId || form.get('client_secret') !== options.clientSecret)
      throw new TokenRefusal(401, 'invalid_client')
    if (form.get('grant_type') === 'authorization_code') {
      const code = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      if (!code || code.redirectUri !== form.get('redirect_uri') || !proves(code.challenge, form))
        throw new TokenRefusal(400, 'invalid_grant')
      return give(newGrant(code.account, code.scopes), false)
    }
    if (form.get('grant_type') !== 'refresh_token') throw new TokenRefusal(400, 'unsupported_grant_type')
    refreshes += 1
    const grant = grants.get(form.get('refresh_token') ?? '')
    if (!grant) throw new TokenRefusal(400, 'invalid_grant')
    return give(grant, true)
  }

  function revoke(form: URLSearchParams): Response {
    const named = form.get('token') ?? ''
    const grant = grants.get(named) ?? accessTokens.get(named)?.grant
    if (!grant) throw new TokenRefusal(400, 'invalid_token')
    end(grant)
    return json(200, {})
  }

  return {
    authorize,
    token,
    revoke,
    /** @returns whose the bearer is. Throws what Google answers to who has none. */
    check(authorization: string | null): Grant {
      const found = accessTokens.get(authorization?.replace(/^Bearer /i, '') ?? '')
      if (refusesAll || !found || found.expiresAt <= now())
        throw new Refusal(401, 'authError', 'Invalid Credentials')
      return found.grant
    },
    /** As people who take Foyer's access away in their accounts. */
    revokeAll() {
      for (const grant of [...grants.values()]) end(grant)
    },
    revokeFrom(account: string) {
      for (const grant of [...grants.values()]) if (grant.account === account) end(grant)
    },
    dropAccessTokens: () => accessTokens.clear(),
    refuseAll() {
      refusesAll = true
    },
    withhold: (scope: string) => void withheld.add(scope),
    refreshes: () => refreshes,
    /** A grant without a browser. */
    grantNow: (scopes: string[]): Promise<{ access_token: string; refresh_token: string }> =>
      give(newGrant(options.account, scopes), false).json(),
    /** Grants, for a later start. Access tokens are asked for anew. */
    save: () => [...grants.values()],
    load(saved: Grant[]) {
      for (const grant of saved) grants.set(grant.refreshToken, grant)
    },
  }
}

/** RFC 7636 4.6 */
function proves(challenge: string | null, form: URLSearchParams): boolean {
  if (challenge === null) return true
  const verifier = form.get('code_verifier') ?? ''
  return createHash('sha256').update(verifier).digest('base64url') === challenge
}
