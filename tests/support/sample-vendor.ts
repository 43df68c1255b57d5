import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type ConnectorDeclaration, defineConnector } from '#connectors/sdk/contract.ts'
import { ProviderAnswerError, ReconnectNeededError } from '#connectors/sdk/errors.ts'

/** A vendor with OAuth and one question, `GET /me`, for tests of what every connector gets from the kit. */
export class SampleVendor {
  readonly client = { id: 'sample-client', secret: 'canary-client-secret' }
  origin = ''
  accountId = 'account-1'
  lifetimeSeconds = 3_600
  /** Milliseconds that an answer of the token address takes. */
  slowMs = 0
  refusesEveryToken = false
  refreshes = 0
  /** Every call, such as `POST /token`, in the order they came. */
  readonly calls: string[] = []
  #codes = new Map<string, string>()
  #accessTokens = new Set<string>()
  #refreshToken: string | null = null
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request)
        .then(({ status, body, headers }) =>
          response
            .writeHead(status, { 'content-type': 'application/json', ...headers })
            .end(JSON.stringify(body)),
        )
        .catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
  }

  static async start(): Promise<SampleVendor> {
    const vendor = new SampleVendor()
    await new Promise<void>((resolve) => vendor.#server.listen(0, '127.0.0.1', resolve))
    vendor.origin = `http://127.0.0.1:${(vendor.#server.address() as AddressInfo).port}`
    return vendor
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  /** As if an admin had agreed. */
  grant(): { accessToken: string; refreshToken: string } {
    const accessToken = `canary-access-${randomUUID()}`
    this.#accessTokens.add(accessToken)
    this.#refreshToken = `canary-refresh-${randomUUID()}`
    return { accessToken, refreshToken: this.#refreshToken }
  }

  /** Access tokens given out so far open nothing any more. */
  expireTokens(): void {
    this.#accessTokens.clear()
  }

  revoke(): void {
    this.#accessTokens.clear()
    this.#refreshToken = null
  }

  async #answer(
    request: IncomingMessage,
  ): Promise<{ status: number; body: unknown; headers?: Record<string, string> }> {
    const url = new URL(request.url ?? '/', this.origin)
    this.calls.push(`${request.method} ${url.pathname}`)
    if (url.pathname === '/authorize') return this.#agree(url)
    if (url.pathname === '/token') return this.#token(new URLSearchParams(await text(request)))
    if (url.pathname === '/revoke') {
      this.revoke()
      return { status: 200, body: {} }
    }
    const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
    if (this.refusesEveryToken || !this.#accessTokens.has(token))
      return { status: 401, body: { error: 'unauthorized' } }
    return { status: 200, body: { id: this.accountId, name: 'Sample & Sons' } }
  }

  /** Agrees at once, and sends the browser back. */
  #agree({ searchParams }: URL) {
    const code = `canary-code-${randomUUID()}`
    this.#codes.set(code, searchParams.get('code_challenge') ?? '')
    const back = new URL(searchParams.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', searchParams.get('state') ?? '')
    return { status: 302, body: {}, headers: { location: back.href } }
  }

  async #token(form: URLSearchParams) {
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs))
    if (form.get('client_id') !== this.client.id || form.get('client_secret') !== this.client.secret)
      return { status: 401, body: { error: 'invalid_client' } }
    if (form.get('grant_type') === 'authorization_code') {
      const { createHash } = await import('node:crypto')
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      const code = form.get('code') ?? ''
      if (this.#codes.get(code) !== challenge) return { status: 400, body: { error: 'invalid_grant' } }
      this.#codes.delete(code)
    } else {
      this.refreshes++
      if (!this.#refreshToken || form.get('refresh_token') !== this.#refreshToken)
        return { status: 400, body: { error: 'invalid_grant' } }
    }
    const { accessToken, refreshToken } = this.grant()
    return {
      status: 200,
      body: { access_token: accessToken, refresh_token: refreshToken, expires_in: this.lifetimeSeconds },
    }
  }
}

const at = (standIn: string | null) => standIn ?? 'https://vendor.example.com'

/** Calls the vendor's `GET /me`. */
export const sampleConnector: ConnectorDeclaration = defineConnector({
  id: 'sample',
  name: 'Sample',
  auth: {
    kind: 'oauth2',
    authorizeUrl: ({ standIn }) => `${at(standIn)}/authorize`,
    tokenUrl: ({ standIn }) => `${at(standIn)}/token`,
    scopes: ['people'],
    clientAuthentication: 'body',
    isGrantGone: (_status, body) => (body as { error?: string } | null)?.error === 'invalid_grant',
    revoke: async (connection, { refreshToken }) => {
      await connection.fetch(`${at(connection.standIn)}/revoke`, {
        method: 'POST',
        body: new URLSearchParams({ token: refreshToken ?? '' }).toString(),
        limits: [],
      })
    },
    steps: ['Make an app and enter {redirectUrl} there, with the scopes {scopes}.'],
    documentation: 'https://vendor.example.com/docs',
  },
  settings: [
    {
      key: 'region',
      label: 'Region',
      help: 'Where the account is.',
      kind: 'text',
      required: true,
      initial: 'eu',
    },
    {
      key: 'home',
      label: 'Own address',
      help: 'Where the account’s own pages are.',
      kind: 'origin',
      domains: ['sample.test'],
      required: false,
    },
  ],
  origins: ({ standIn }) => [at(standIn)],
  limits: { calls: { requests: 20, perMs: 1_000, reserve: 0.25 } },
  async identify(connection) {
    const call = (token: string) =>
      connection.fetch(`${at(connection.standIn)}/me`, {
        headers: { authorization: `Bearer ${token}` },
        limits: ['calls'],
      })
    let token = await connection.credentials.accessToken()
    let answer = await call(token)
    if (answer.status === 401) {
      token = await connection.credentials.replaceToken(token)
      answer = await call(token)
      if (answer.status === 401) {
        await connection.credentials.replaceToken(token)
        throw new ReconnectNeededError('The vendor refuses every token.')
      }
    }
    const { id, name } = answer.json() as { id?: unknown; name?: unknown }
    if (typeof id !== 'string' || typeof name !== 'string')
      throw new ProviderAnswerError('No account in the answer.')
    return { id, name }
  },
})
