import type { calendar_v3 } from '@googleapis/calendar'
import { fetchAuthorized } from '../sdk/authorized.ts'
import type { Connection } from '../sdk/contract.ts'
import type { GuardedRequest } from '../sdk/http.ts'
import { apiOrigin, userLimit } from './origins.ts'
import { errorOf } from './problems.ts'

/** What Google's client hands to whoever sends for it. */
interface Prepared {
  url?: string | URL
  method?: string
  params?: object
  paramsSerializer?: (params: Record<string, unknown>) => string
  data?: unknown
  headers?: HeadersInit
}

/**
 * Google's own client, which knows its paths and parameters, over our way out: where it would have an account of Google's send, the connection
 * does, so that tokens, limits and the guard are those of every connector, and nothing is repeated behind our back.
 */
export async function google(connection: Connection): Promise<calendar_v3.Calendar> {
  // 161 ms and 29 MB: only where somebody has a calendar of Google's
  const { auth, calendar } = await import('@googleapis/calendar')
  const sender = Object.assign(new auth.OAuth2(), {
    request: (prepared: Prepared) => send(connection, prepared),
  })
  return calendar({ version: 'v3', auth: sender, rootUrl: `${apiOrigin(connection)}/`, retry: false })
}

async function send(connection: Connection, prepared: Prepared) {
  const { url, params, paramsSerializer, data } = prepared
  const method = methodOf(prepared.method)
  const query = params && paramsSerializer ? `?${paramsSerializer({ ...params })}` : ''
  const precondition = new Headers(prepared.headers).get('if-match')
  const answer = await fetchAuthorized(connection, `${url}${query}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(precondition === null ? {} : { 'if-match': precondition }),
      ...(data === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(data === undefined ? {} : { body: JSON.stringify(data) }),
    limits: [userLimit],
  })
  const { status } = answer
  const isRead = method === 'GET' || String(url).endsWith('/freeBusy')
  if (status < 200 || status > 299) throw errorOf(answer, !isRead)
  return { status, data: answer.text === '' ? {} : answer.json(), headers: {} }
}

function methodOf(method = 'GET'): NonNullable<GuardedRequest['method']> {
  if (method === 'GET' || method === 'POST' || method === 'PUT' || method === 'PATCH' || method === 'DELETE')
    return method
  throw new Error(`Google's client wants to send ${method}`)
}
