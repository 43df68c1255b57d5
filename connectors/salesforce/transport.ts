import { PassThrough } from 'node:stream'
import { Connection as JsforceConnection } from 'jsforce/lib/connection.js'
import { Transport } from 'jsforce/lib/transport.js'
import type { HttpRequest, HttpResponse } from 'jsforce/lib/types/index.js'
import { StreamPromise } from 'jsforce/lib/util/promise.js'
import { fetchAuthorized } from '../sdk/authorized.ts'
import type { Connection } from '../sdk/contract.ts'
import { ProviderUnavailableError } from '../sdk/errors.ts'
import type { GuardedResponse } from '../sdk/http.ts'
import { errorFrom } from './errors.ts'

/** jsforce takes 50.0 unless told. */
export const apiVersion = '67.0'

/**
 * jsforce with Foyer's way out in place of its own: its addresses, headers and bodies; our guard, limits and times. Without a client id
 * and tokens it does not refresh (it would forget a rotated one, and try for ever against a 401), and without its own requests
 * it does not repeat.
 */
export function jsforceOver(connection: Connection, instanceUrl: string) {
  const jsforce = new JsforceConnection({ instanceUrl, version: apiVersion })
  const transport = new GuardedTransport(connection)
  jsforce._transport = transport
  return { jsforce, transport }
}

class GuardedTransport extends Transport {
  /** Salesforce's clock, as of the last answer. */
  serverTime: Date | null = null
  readonly #connection: Connection

  constructor(connection: Connection) {
    super()
    this.#connection = connection
  }

  override httpRequest(request: HttpRequest): StreamPromise<HttpResponse> {
    // nobody reads the stream: jsforce's promise resolves with the whole answer
    return StreamPromise.create(() => ({ stream: new PassThrough(), promise: this.#send(request) }))
  }

  async #send({ url, method, headers, body }: HttpRequest): Promise<HttpResponse> {
    const answer = await fetchAuthorized(this.#connection, url, {
      method: method as 'GET' | 'POST' | 'PATCH' | 'DELETE',
      headers: { ...headers, accept: 'application/json' },
      ...(typeof body === 'string' ? { body } : {}),
      limits: ['daily'],
      // below the 20 s from which Salesforce counts a request as a long one, of which only 25 (or 5) may run at once
      timeoutMs: 18_000,
      maxBytes: 32 * 1024 * 1024,
    })
    const date = Date.parse(answer.headers.date ?? '')
    if (!Number.isNaN(date)) this.serverTime = new Date(date)
    // nothing but queries travels as composite
    const isReading = method === 'GET' || url.endsWith('/composite')
    if (answer.status >= 300) throw errorFrom(answer.status, parsedOrNull(answer), isReading)
    if (answer.status !== 204) refuseHalfAnswers(answer, isReading)
    return { statusCode: answer.status, headers: answer.headers, body: answer.text }
  }
}

function parsedOrNull(answer: GuardedResponse): unknown {
  try {
    return answer.json()
  } catch {
    // a page for people: its status says as much
    return null
  }
}

/** jsforce would hand on the text of half a JSON as if it were the answer. */
function refuseHalfAnswers(answer: GuardedResponse, isReading: boolean) {
  try {
    answer.json()
  } catch (error) {
    if (isReading) throw error
    throw new ProviderUnavailableError(
      'Salesforce’s answer broke off. Whether it did what was asked is not known.',
      'unknown',
    )
  }
}
