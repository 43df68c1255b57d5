import type { Connection } from '../sdk/contract.ts'
import { ReconnectNeededError } from '../sdk/errors.ts'
import type { GuardedRequest, GuardedResponse, LimitUsage } from '../sdk/http.ts'
import { errorOf } from './problems.ts'
import { versionedPath } from './versions.ts'

/** Names of what `limits` declares. */
export const accountLimit = 'account'
export const searchLimit = 'search'

type At = Pick<Connection, 'standIn'>

export const apiOrigin = ({ standIn }: At): string => standIn ?? 'https://api.hubapi.com'
export const signInOrigin = ({ standIn }: At): string => standIn ?? 'https://app.hubspot.com'

/** One request with our token. A token that is not taken any more is replaced once: nothing was done then.
 *  @returns a success. @throws {ConnectorError} what else an answer means */
export async function send(
  connection: Connection,
  { url, method, body }: { url: string; method: NonNullable<GuardedRequest['method']>; body?: string },
): Promise<GuardedResponse> {
  const target = new URL(url)
  const isSearch = target.pathname.endsWith('/search')
  // the client ends some paths with a slash that HubSpot does not document
  target.pathname = versionedPath(target.pathname.replace(/\/$/, ''), connection.settings.apiVersion)
  const attempt = (token: string) =>
    connection.fetch(target.href, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      limits: [isSearch ? searchLimit : accountLimit],
    })
  const { credentials } = connection
  const token = await credentials.accessToken()
  let response = await attempt(token)
  if (response.status === 401) {
    const replaced = await credentials.replaceToken(token)
    response = await attempt(replaced)
    if (response.status === 401) {
      await credentials.replaceToken(replaced)
      throw new ReconnectNeededError('HubSpot does not take our access any more. Connect again.')
    }
  }
  if (response.status >= 200 && response.status < 300) return response
  throw errorOf(response, method !== 'GET' && !isRead(target.pathname), connection)
}

/** Reading many at once is a POST as well. */
const isRead = (path: string) => path.endsWith('/search') || path.endsWith('/batch/read')

/** Others use the same budget: every answer tells what is left of it, but for the search. */
export function usage({ headers }: Pick<GuardedResponse, 'headers'>): LimitUsage[] {
  const allowed = Number(headers['x-hubspot-ratelimit-max'])
  const remaining = Number(headers['x-hubspot-ratelimit-remaining'])
  if (!(allowed > 0 && remaining >= 0)) return []
  return [{ limit: accountLimit, used: Math.max(0, allowed - remaining), allowed }]
}
