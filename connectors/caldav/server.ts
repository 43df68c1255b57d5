import type { Connection } from '../sdk/contract.ts'
import {
  type ConnectorError,
  ProviderAnswerError,
  ProviderConflictError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  ReconnectNeededError,
  RecordGoneError,
} from '../sdk/errors.ts'
import type { GuardedRequest, GuardedResponse } from '../sdk/http.ts'
import { retryAfterMs } from '../sdk/oauth.ts'

/** Name of what `limits` declares. */
export const serverLimit = 'server'

/** With a stand-in named, the address is one of its own. */
export const addressOf = ({ settings, standIn }: Pick<Connection, 'settings' | 'standIn'>): string =>
  standIn !== null && URL.parse(settings.address ?? '')?.origin !== standIn
    ? `${standIn}/`
    : (settings.address ?? '')

/** The account's calendars may be on another host than its sign-in. */
export function originsOf({
  settings,
  account,
  standIn,
}: Pick<Connection, 'settings' | 'account' | 'standIn'>): string[] {
  if (standIn !== null) return [standIn]
  const own = URL.parse(settings.address ?? '')?.origin
  return [...new Set([own, account?.apiOrigin].filter((origin) => origin !== undefined))]
}

type Send = Pick<GuardedRequest, 'body' | 'headers' | 'maxBytes'> & {
  method: NonNullable<GuardedRequest['method']>
}

const isRead = (method: string) => method === 'GET' || method === 'PROPFIND' || method === 'REPORT'

/** @returns a success. @throws {ConnectorError} what else an answer means */
export async function send(
  connection: Connection,
  url: string,
  { method, ...rest }: Send,
): Promise<GuardedResponse> {
  const { credentials, fetch } = connection
  const password = await credentials.secret('password')
  const answer = await fetch(url, {
    ...rest,
    method,
    headers: {
      ...rest.headers,
      authorization: `Basic ${Buffer.from(`${credentials.clientId}:${password}`).toString('base64')}`,
    },
    limits: [serverLimit],
  })
  if (answer.status >= 200 && answer.status < 300) return answer
  throw errorOf(answer, !isRead(method))
}

/** With its end, or empty. */
const isWhole = /(<\/([\w-]+:)?multistatus>|<([\w-]+:)?multistatus[^<>]*\/>)\s*$/

/** For tsdav, which builds what is sent and parses what comes: its way out is ours. */
export const fetchOf =
  (connection: Connection) =>
  async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { method = 'GET' } = init
    if (method !== 'PROPFIND' && method !== 'REPORT') throw new Error(`tsdav wants to send ${method}`)
    const answer = await send(connection, String(input), {
      method,
      headers: Object.fromEntries(new Headers(init.headers)),
      body: String(init.body ?? ''),
    })
    // a page for people is no list of calendars; tsdav would take it for an empty one
    if (answer.status !== 207 || !isWhole.test(answer.text))
      throw new ProviderAnswerError('The server’s answer is not what CalDAV has. Check the address.')
    return new Response(answer.text, { status: 207, headers: { 'content-type': 'application/xml' } })
  }

function errorOf(answer: GuardedResponse, isWrite: boolean): ConnectorError {
  const { status } = answer
  switch (status) {
    case 401:
      return new ReconnectNeededError(
        'The calendar’s server does not take this name and password any more. Connect again with ones that it takes.',
      )
    case 403:
      return new ProviderForbiddenError(
        'The calendar’s server does not let us do this. Choose another calendar.',
      )
    case 404:
    case 410:
      return new RecordGoneError('The calendar’s server has no such calendar or event any more.')
    case 409:
    case 412:
    case 423:
      return new ProviderConflictError('The event was changed in the calendar meanwhile.')
    case 429:
      return slowDown(answer, 30_000)
  }
  if (status === 503 && answer.headers['retry-after'] !== undefined) return slowDown(answer, 30_000)
  if (status >= 500)
    return new ProviderUnavailableError(
      `The calendar’s server does not work at the moment (${status}).`,
      isWrite ? 'unknown' : 'nothing',
    )
  if (status === 400 || status === 415 || status === 422)
    return new ProviderRejectedError(`The calendar’s server does not take what we sent (${status}).`)
  return new ProviderAnswerError(`The calendar’s server answered ${status}. Check the address.`)
}

const slowDown = (answer: GuardedResponse, otherwiseMs: number) =>
  new RateLimitedError(
    'The calendar’s server asked us to slow down.',
    retryAfterMs(answer) ?? otherwiseMs,
    'server',
  )
