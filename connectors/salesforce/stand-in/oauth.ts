import { createHash, randomBytes } from 'node:crypto'
import { consentPage } from '../../sdk/consent-page.ts'

/** How the org and its app are set up. All of it may be changed while it runs. */
export interface OAuthPolicy {
  /** Apps by client id, with their secrets. */
  clients: Record<string, string>
  /** Each refresh gives a new refresh token and ends the old one. */
  rotates: boolean
  sessionMinutes: number
  /** What a person does at the question whether Foyer may: `page` shows it. */
  consent: 'allow' | 'deny' | 'page'
  /** 401 for ever, whatever token comes. */
  refusesEverybody: boolean
}

interface Grant {
  clientId: string
  scope: string
}

/** Authorization code with PKCE, refreshing with or without rotation, revocation. RFC 6749, 7636, 7009. */
export class OAuthServer {
  readonly policy: OAuthPolicy
  /** How many refreshes succeeded, and how many came with a token that is used up. */
  refreshes = 0
  deadRefreshes = 0
  readonly #now: () => Date
  readonly #identity: string
  readonly #codes = new Map<string, Grant & { redirectUri: string; challenge: string; until: number }>()
  readonly #refreshTokens = new Map<string, Grant>()
  readonly #accessTokens = new Map<string, { refreshToken: string; until: number }>()

  constructor(identity: string, now: () => Date, policy: Partial<OAuthPolicy> = {}) {
    this.#identity = identity
    this.#now = now
    this.policy = {
      clients: { 'foyer-demo': 'foyer-demo-secret' },
      rotates: false,
      sessionMinutes: 120,
      consent: 'allow',
      refusesEverybody: false,
      ...policy,
    }
  }

  holds(authorization: string | null): boolean {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? ''
    const known = this.#accessTokens.get(token)
    return !this.policy.refusesEverybody && known !== undefined && known.until > this.#now().getTime()
  }

  /** Tokens as if a person had allowed it just now. */
  grant(clientId = Object.keys(this.policy.clients)[0] ?? '') {
    const refreshToken = secret('5Aep')
    this.#refreshTokens.set(refreshToken, { clientId, scope: 'refresh_token api' })
    return { refreshToken, accessToken: this.#accessToken(refreshToken) }
  }

  /** Sessions end, grants stay. */
  expireSessions() {
    this.#accessTokens.clear()
  }

  /** As an admin blocks the app, or the user is deactivated. */
  revokeGrants() {
    this.#accessTokens.clear()
    this.#refreshTokens.clear()
  }

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const { pathname, origin } = url
    if (pathname === '/services/oauth2/authorize') return this.#authorize(url)
    if (request.method !== 'POST')
      return json(405, { error: 'invalid_request', error_description: 'must use HTTP POST' })
    const form = new URLSearchParams(await request.text())
    if (pathname === '/services/oauth2/token') return this.#token(form, request, origin)
    if (pathname === '/services/oauth2/revoke') return this.#revoke(form.get('token') ?? '')
    return json(404, { error: 'not_found' })
  }

  #authorize(url: URL): Response {
    const asked = url.searchParams
    const clientId = asked.get('client_id') ?? ''
    const redirectUri = asked.get('redirect_uri') ?? ''
    if (!(clientId in this.policy.clients) || !URL.canParse(redirectUri))
      return page(`<h1>OAuth error</h1><p>invalid_client_id: client identifier invalid</p>`, 400)
    const back = new URL(redirectUri)
    if (asked.has('state')) back.searchParams.set('state', asked.get('state') ?? '')
    const challenge = asked.get('code_challenge') ?? ''
    const consent = asked.get('consent') ?? this.policy.consent
    if (asked.get('response_type') !== 'code') back.searchParams.set('error', 'unsupported_response_type')
    else if (!challenge || asked.get('code_challenge_method') !== 'S256') {
      back.searchParams.set('error', 'invalid_request')
      back.searchParams.set('error_description', 'missing required code challenge')
    } else if (consent === 'page') return this.#question(url)
    else if (consent === 'deny') {
      back.searchParams.set('error', 'access_denied')
      back.searchParams.set('error_description', 'end-user denied authorization')
    } else {
      const code = secret('aPrx')
      const until = this.#now().getTime() + 15 * 60_000
      this.#codes.set(code, { clientId, scope: asked.get('scope') ?? '', redirectUri, challenge, until })
      back.searchParams.set('code', code)
    }
    return Response.redirect(back, 302)
  }

  #question(url: URL): Response {
    const scopes = (url.searchParams.get('scope') ?? '').split(' ').filter(Boolean)
    return consentPage(url, { vendor: 'Salesforce', account: 'Foyer Demo', scopes })
  }

  /** Grants and sessions, for a later start. */
  save() {
    return { refreshTokens: [...this.#refreshTokens], accessTokens: [...this.#accessTokens] }
  }

  load({ refreshTokens, accessTokens }: ReturnType<OAuthServer['save']>) {
    for (const [token, grant] of refreshTokens) this.#refreshTokens.set(token, grant)
    for (const [token, session] of accessTokens) this.#accessTokens.set(token, session)
  }

  #token(form: URLSearchParams, request: Request, origin: string): Response {
    const basic = /^Basic (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    const [basicId, basicSecret] = Buffer.from(basic ?? '', 'base64')
      .toString()
      .split(':')
      .map(decodeURIComponent)
    const clientId = form.get('client_id') ?? basicId ?? ''
    if (!(clientId in this.policy.clients)) return refusal('invalid_client_id', 'client identifier invalid')
    if (this.policy.clients[clientId] !== (form.get('client_secret') ?? basicSecret))
      return json(401, { error: 'invalid_client', error_description: 'invalid client credentials' })
    if (form.get('grant_type') === 'authorization_code') return this.#exchange(form, clientId, origin)
    if (form.get('grant_type') === 'refresh_token') return this.#refresh(form, clientId, origin)
    return refusal('unsupported_grant_type', 'grant type not supported')
  }

  #exchange(form: URLSearchParams, clientId: string, origin: string): Response {
    const code = form.get('code') ?? ''
    const issued = this.#codes.get(code)
    this.#codes.delete(code)
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!issued || issued.until < this.#now().getTime() || issued.clientId !== clientId)
      return refusal('invalid_grant', 'expired authorization code')
    if (issued.redirectUri !== form.get('redirect_uri'))
      return refusal('redirect_uri_mismatch', 'redirect_uri must match configuration')
    if (issued.challenge !== verifier) return refusal('invalid_grant', 'invalid code verifier')
    const refreshToken = secret('5Aep')
    this.#refreshTokens.set(refreshToken, { clientId, scope: issued.scope })
    return this.#tokens(refreshToken, issued.scope.includes('refresh_token') ? refreshToken : null, origin)
  }

  #refresh(form: URLSearchParams, clientId: string, origin: string): Response {
    const token = form.get('refresh_token') ?? ''
    const grant = this.#refreshTokens.get(token)
    if (!grant || grant.clientId !== clientId) {
      this.deadRefreshes += 1
      return refusal('invalid_grant', 'expired access/refresh token')
    }
    this.refreshes += 1
    if (!this.policy.rotates) return this.#tokens(token, null, origin)
    const next = secret('5Aep')
    this.#refreshTokens.delete(token)
    this.#refreshTokens.set(next, grant)
    return this.#tokens(next, next, origin)
  }

  /** No `expires_in`: the org's policy decides, and the answer does not say. */
  #tokens(refreshToken: string, told: string | null, origin: string): Response {
    return json(200, {
      access_token: this.#accessToken(refreshToken),
      ...(told ? { refresh_token: told } : {}),
      scope: this.#refreshTokens.get(refreshToken)?.scope,
      instance_url: origin,
      id: `${origin}/id/${this.#identity}`,
      token_type: 'Bearer',
      issued_at: String(this.#now().getTime()),
      signature: secret(''),
    })
  }

  #accessToken(refreshToken: string): string {
    const token = `${this.#identity.slice(0, 15)}!${secret('AQ')}`
    const until = this.#now().getTime() + this.policy.sessionMinutes * 60_000
    for (const [old, session] of this.#accessTokens)
      if (session.until <= this.#now().getTime()) this.#accessTokens.delete(old)
    this.#accessTokens.set(token, { refreshToken, until })
    return token
  }

  #revoke(token: string): Response {
    const refreshToken = this.#accessTokens.get(token)?.refreshToken ?? token
    const isKnown = this.#refreshTokens.delete(refreshToken) || this.#accessTokens.has(token)
    for (const [access, { refreshToken: of }] of this.#accessTokens)
      if (access === token || of === token) this.#accessTokens.delete(access)
    return isKnown
      ? new Response(null, { status: 200 })
      : refusal('invalid_token', 'the token provided is invalid')
  }
}

const secret = (prefix: string) => prefix + randomBytes(24).toString('base64url')

export const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json;charset=UTF-8', ...headers },
  })

const refusal = (error: string, description: string) => json(400, { error, error_description: description })

export const page = (body: string, status = 200) =>
  new Response(`<!doctype html><meta charset="utf-8"><title>Salesforce (stand-in)</title>${body}`, {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
  })
