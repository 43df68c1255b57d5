import type { Connection } from './contract.ts'
import { ReconnectNeededError } from './errors.ts'
import type { GuardedRequest, GuardedResponse } from './http.ts'

/** Sends with the connection's access token. After a 401 once more with another one: nothing was done then.
 *  @returns the answer, whatever its status but 401. @throws {ReconnectNeededError} every token is refused */
export async function fetchAuthorized(
  connection: Connection,
  url: string,
  request: GuardedRequest,
): Promise<GuardedResponse> {
  const { credentials, fetch } = connection
  const send = (token: string) =>
    fetch(url, { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } })
  let token = await credentials.accessToken()
  // the second may have been replaced by another process meanwhile; a third in a row is refused by `replaceToken`
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await send(token)
    if (answer.status !== 401) return answer
    token = await credentials.replaceToken(token)
  }
  throw new ReconnectNeededError(
    'The provider refuses every access token, also new ones. Look at the app and the user there, and connect again.',
  )
}
