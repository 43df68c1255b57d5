import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { CalendarDeclaration } from '../calendar.ts'
import { createConnection } from '../connect.ts'
import type { Account, Connection, ConnectorDeclaration } from '../contract.ts'
import { type StoredTokens, type TokenChange, type TokenStore, tokensOf } from '../credentials.ts'
import type { Crm, CrmDeclaration, CrmDescription } from '../crm.ts'
import { ConnectorError } from '../errors.ts'
import { MemoryTurns, type Priority } from '../turns.ts'
import type { OAuthVendor, Vendor, VendorUnderTest } from './vendor.ts'

/** Keeps what was stored, so that no secret of it may turn up anywhere else. */
class MemoryTokens implements TokenStore {
  tokens: StoredTokens
  readonly secrets = new Set<string>()
  readonly #clientSecret: string
  #line: Promise<unknown> = Promise.resolve()

  constructor(tokens: StoredTokens, clientSecret: string) {
    this.tokens = tokens
    this.#clientSecret = clientSecret
    this.secrets.add(clientSecret)
    this.#remember()
  }

  read = async () => this.tokens
  secret = async () => this.#clientSecret

  exclusively(work: (newest: StoredTokens) => Promise<TokenChange>): Promise<TokenChange> {
    const mine = this.#line.then(async () => {
      const change = await work(this.tokens)
      if (change.type === 'renewed') this.tokens = change.tokens
      if (change.type === 'gone')
        this.tokens = { accessToken: null, refreshToken: null, expiresAt: null, replacedAt: null }
      this.#remember()
      return change
    })
    this.#line = mine.catch(() => undefined)
    return mine
  }

  #remember(): void {
    for (const secret of [this.tokens.accessToken, this.tokens.refreshToken])
      if (secret) this.secrets.add(secret)
  }
}

async function grantOf({ auth }: ConnectorDeclaration, vendor: Vendor): Promise<StoredTokens> {
  if (auth.kind === 'password')
    return { accessToken: null, refreshToken: null, expiresAt: null, replacedAt: null }
  assert(isOAuth(vendor), 'The stand-in gives no grant.')
  const { accessToken, refreshToken } = await vendor.grant()
  const lifetimeSeconds = auth.assumedLifetimeSeconds ?? 1_800
  const grant = { accessToken, refreshToken, lifetimeSeconds, scopes: null, account: {} }
  return tokensOf(grant, null, vendor.now())
}

const isOAuth = (vendor: Vendor): vendor is OAuthVendor => 'grant' in vendor

/** One connected account at a stand-in of its own, as Foyer would work with it. */
export class Session<V extends Vendor = VendorUnderTest> {
  readonly vendor: V
  readonly connector: ConnectorDeclaration
  readonly store: MemoryTokens
  readonly turns: MemoryTurns
  account: Account | null = null
  description: CrmDescription | null = null
  /** Whatever was logged or thrown. */
  readonly #said: unknown[] = []

  private constructor(connector: ConnectorDeclaration, vendor: V, tokens: StoredTokens) {
    this.connector = connector
    this.vendor = vendor
    this.store = new MemoryTokens(tokens, vendor.client.secret)
    // real time, as the vendor's network has it; the stand-in counts by its own clock, which runs along
    this.turns = new MemoryTurns(connector.limits, () => new Date())
  }

  static async start<V extends Vendor>(
    connector: ConnectorDeclaration,
    vendor: V,
    { connected = true } = {},
  ): Promise<Session<V>> {
    const session = new Session(connector, vendor, await grantOf(connector, vendor))
    if (connected) {
      session.account = await connector.identify(session.connection())
      if (connector.crm) session.description = await connector.crm.describe(session.crm())
    }
    return session
  }

  /** As one process makes it, for one piece of work. */
  connection({
    signal = new AbortController().signal,
    priority = 'background' as Priority,
  } = {}): Connection {
    return createConnection({
      connector: this.connector,
      id: 'conformance',
      settings: this.vendor.settings ?? {},
      clientId: this.vendor.client.id,
      account: this.account,
      standIn: this.vendor.origin,
      store: this.store,
      turns: this.turns,
      priority,
      now: () => this.vendor.now(),
      signal,
      log: {
        info: (facts, message) => void this.#said.push({ facts, message }),
        warn: (facts, message) => void this.#said.push({ facts, message }),
      },
    })
  }

  crm(options: { signal?: AbortSignal; priority?: Priority } = {}): Crm {
    return {
      connection: this.connection(options),
      mapping: this.actions.mapping,
      description: this.description,
    }
  }

  get calendar(): CalendarDeclaration {
    assert(this.connector.calendar, 'The connector is none of calendars.')
    return this.connector.calendar
  }

  get actions(): CrmDeclaration {
    assert(this.connector.crm, 'The connector is no CRM.')
    return this.connector.crm
  }

  /** The error of an action that must fail, and must fail with one of the kit's. */
  async refusal(action: Promise<unknown>): Promise<ConnectorError> {
    const error = await action.then(
      () => assert.fail('It went well, and should not have.'),
      (thrown: unknown) => thrown,
    )
    this.#said.push(error)
    assert(
      error instanceof ConnectorError,
      `It failed with something that is no ConnectorError: ${inspect(error)}`,
    )
    assert.match(error.message, /^[\p{Lu}\d].*[.!?)]$/su, 'An error’s message is a sentence for an admin.')
    return error
  }

  /** As {@link refusal}, where going well is right too. */
  async outcome<T>(action: Promise<T>): Promise<T | ConnectorError> {
    let thrown: unknown
    const result = await action.catch((error: unknown) => {
      thrown = error
      return undefined as T
    })
    return thrown === undefined ? result : this.refusal(Promise.reject(thrown))
  }

  /** Ends it, and looks whether a secret turned up where none belongs. */
  async end(): Promise<void> {
    await this.vendor.close()
    const said = inspect(this.#said, {
      depth: 20,
      maxStringLength: null,
      maxArrayLength: null,
      showHidden: true,
    })
    for (const secret of this.store.secrets)
      assert(!said.includes(secret), 'A secret stands in a log line or in an error.')
  }
}
