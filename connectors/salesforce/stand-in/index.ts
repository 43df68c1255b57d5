import type { StandIn } from '../../sdk/stand-in.ts'
import { json, type OAuthPolicy, OAuthServer, page } from './oauth.ts'
import { Org } from './org.ts'
import { RestApi } from './rest.ts'

/** Something that goes wrong with one request, or with some. */
export interface Fault {
  /** Which requests: `POST /services/data/v67.0/sobjects/Task`. */
  on: RegExp
  /** How many of them; one unless told. */
  times?: number
  /**
   * - `drop`: nothing happens, the line breaks
   * - `commit-and-drop`: it happens, the line breaks before the answer
   * - `truncate`: it happens, half of the answer arrives
   * - a Response: nothing happens, this is the answer
   * - a promise: it happens once the promise settles
   */
  does: 'drop' | 'commit-and-drop' | 'truncate' | (() => Response) | Promise<unknown>
}

export interface LoggedRequest {
  at: Date
  method: string
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  body: unknown
  status: number
}

export interface StandInOptions {
  now?: () => Date
  oauth?: Partial<OAuthPolicy>
  pageSize?: number
  /** Calls in any 24 hours. */
  dailyLimit?: number
  /** Calls that have taken 20 s already and are not over, at once. */
  longCallsLimit?: number
  personAccounts?: boolean
  /** Tasks of several people. */
  sharedActivities?: boolean
  isSandbox?: boolean
}

/** https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm */
const longAfterMs = 20_000

/**
 * A Salesforce org on one origin: what a person sees of a record at `/{id}`, sign-in at `/services/oauth2/…`, the API at
 * `/services/data/vNN.0/…`. It forgets everything when it ends.
 */
export class SalesforceStandIn {
  readonly org: Org
  readonly oauth: OAuthServer
  readonly api: RestApi
  readonly log: LoggedRequest[] = []
  dailyLimit: number
  longCallsLimit: number
  /** Long calls of others that are not over. */
  othersLongCalls = 0
  readonly #faults: (Fault & { left: number })[] = []
  readonly #calls: number[] = []
  /** When each call came that is not answered yet. */
  readonly #inHand = new Map<LoggedRequest, number>()

  constructor(options: StandInOptions = {}) {
    const { now = () => new Date(), pageSize = 2_000, dailyLimit = 100_000, longCallsLimit = 25 } = options
    const { personAccounts, sharedActivities, isSandbox } = options
    this.org = new Org({ now, personAccounts, sharedActivities, isSandbox })
    this.oauth = new OAuthServer(
      `${this.org.organizationId}/${this.org.userId}`,
      () => this.org.now(),
      options.oauth,
    )
    this.dailyLimit = dailyLimit
    this.longCallsLimit = longCallsLimit
    this.api = new RestApi(this.org, pageSize, () => ({ used: this.used, allowed: this.dailyLimit }))
  }

  fails(fault: Fault) {
    this.#faults.push({ ...fault, left: fault.times ?? 1 })
  }

  /** What was to go wrong goes well from now on. */
  recovers() {
    this.#faults.length = 0
  }

  /** Calls of the last 24 hours. */
  get used(): number {
    const since = this.org.now().getTime() - 86_400_000
    while ((this.#calls[0] ?? since) < since) this.#calls.shift()
    return this.#calls.length
  }

  /** As if somebody else had used up so many calls, at this instant of the last 24 hours. */
  use(calls: number, at = this.org.now()) {
    const isOld = at.getTime() < (this.#calls.at(-1) ?? 0)
    for (let i = 0; i < calls; i++) this.#calls.push(at.getTime())
    if (isOld) this.#calls.sort((a, b) => a - b)
  }

  #longCallsBeside(call: LoggedRequest): number {
    const before = this.org.now().getTime() - longAfterMs
    const ours = [...this.#inHand].filter(([other, since]) => other !== call && since <= before)
    return this.othersLongCalls + ours.length
  }

  readonly handle: StandIn = async (request) => {
    const url = new URL(request.url)
    const text = await request.clone().text()
    const logged: LoggedRequest = {
      at: this.org.now(),
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(request.headers),
      body: parsed(text),
      status: 0,
    }
    this.log.push(logged)
    this.#inHand.set(logged, logged.at.getTime())
    try {
      return await this.#handle(request, url, logged)
    } finally {
      this.#inHand.delete(logged)
    }
  }

  async #handle(request: Request, url: URL, logged: LoggedRequest): Promise<Response> {
    const fault = this.#faults.find(
      ({ on, left }) => left > 0 && on.test(`${request.method} ${url.pathname}`),
    )
    if (fault) fault.left -= 1
    if (fault?.does === 'drop') return Response.error()
    if (fault && typeof fault.does === 'function') return this.#sent(logged, fault.does())
    if (fault?.does instanceof Promise) await fault.does
    const response = this.#sent(logged, await this.#answer(request, url, logged))
    if (fault?.does === 'commit-and-drop') return Response.error()
    if (fault?.does !== 'truncate') return response
    const whole = await response.text()
    return new Response(whole.slice(0, Math.ceil(whole.length / 2)), response)
  }

  #sent(logged: LoggedRequest, response: Response): Response {
    logged.status = response.status
    return response
  }

  async #answer(request: Request, url: URL, logged: LoggedRequest): Promise<Response> {
    const { body } = logged
    if (url.pathname.startsWith('/services/oauth2/')) return this.oauth.handle(request)
    if (!url.pathname.startsWith('/services/data/')) return this.#recordPage(url.pathname.slice(1))
    const date = this.org.now().toUTCString()
    if (!this.oauth.holds(request.headers.get('authorization')))
      return json(401, [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }], { date })
    if (this.used >= this.dailyLimit)
      return json(403, [{ message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' }], {
        date,
        'sforce-limit-info': `api-usage=${this.used}/${this.dailyLimit}`,
      })
    if (this.#longCallsBeside(logged) >= this.longCallsLimit)
      return json(403, [{ message: longCallsExceeded, errorCode: 'REQUEST_LIMIT_EXCEEDED' }], { date })
    this.use(1)
    const headers = { date, 'sforce-limit-info': `api-usage=${this.used}/${this.dailyLimit}` }
    if (body === malformedBody)
      return json(400, [{ message: 'Unexpected character', errorCode: 'JSON_PARSER_ERROR' }], headers)
    const answer = this.api.handle({
      method: request.method,
      path: url.pathname.replace('/services/data', ''),
      query: url.searchParams,
      headers: request.headers,
      body,
    })
    if (answer.status === 204) return new Response(null, { status: 204, headers })
    return json(answer.status, answer.body, headers)
  }

  /** What "Open in Salesforce" leads to. */
  #recordPage(id: string): Response {
    const row = this.org.find(id)
    if (!row) return page('<h1>Salesforce (stand-in)</h1><p>There is no such record.</p>', 404)
    const escaped = (value: unknown) =>
      String(value).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)
    const lines = Object.entries(row)
      .filter(([, value]) => value !== null && value !== false)
      .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`)
    return page(`<h1>${escaped(row.Name ?? row.Subject ?? row.Id)}</h1><dl>${lines.join('')}</dl>`)
  }
}

const longCallsExceeded = 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.'

const malformedBody = Symbol('a body that is no JSON')

function parsed(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return /^\w+=/.test(text) ? Object.fromEntries(new URLSearchParams(text)) : malformedBody
  }
}
