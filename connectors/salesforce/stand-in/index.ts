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
  personAccounts?: boolean
  /** Tasks of several people. */
  sharedActivities?: boolean
  isSandbox?: boolean
}

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
  readonly #faults: (Fault & { left: number })[] = []
  readonly #calls: number[] = []

  constructor(options: StandInOptions = {}) {
    const { now = () => new Date(), pageSize = 2_000, dailyLimit = 100_000 } = options
    const { personAccounts, sharedActivities, isSandbox } = options
    this.org = new Org({ now, personAccounts, sharedActivities, isSandbox })
    this.oauth = new OAuthServer(
      `${this.org.organizationId}/${this.org.userId}`,
      () => this.org.now(),
      options.oauth,
    )
    this.dailyLimit = dailyLimit
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

  /** As if somebody else had used up so many calls. */
  use(calls: number) {
    for (let i = 0; i < calls; i++) this.#calls.push(this.org.now().getTime())
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

  async #answer(request: Request, url: URL, { body }: LoggedRequest): Promise<Response> {
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

const malformedBody = Symbol('a body that is no JSON')

function parsed(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return /^\w+=/.test(text) ? Object.fromEntries(new URLSearchParams(text)) : malformedBody
  }
}
