import type { OAuthDeclaration } from '#connectors/sdk/auth.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import { createCredentials, type TokenStore } from '#connectors/sdk/credentials.ts'
import { ProviderAnswerError } from '#connectors/sdk/errors.ts'
import type { GuardedFetch } from '#connectors/sdk/http.ts'

/** A connection to a vendor's own hosts, behind which msw puts a stand-in: it answers before there is a name to look up, which the
 *  guard of the real one needs. */
export function withPlainFetch(
  connection: Connection,
  { auth, clientId, store }: { auth: OAuthDeclaration; clientId: string; store: TokenStore },
): Connection {
  const plain: GuardedFetch = async (url, { method = 'GET', headers = {}, body }) => {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(body ? { body: String(body) } : {}),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text,
      json() {
        try {
          return JSON.parse(text)
        } catch (cause) {
          throw new ProviderAnswerError('The answer is no JSON.', { cause })
        }
      },
    }
  }
  const credentials = createCredentials({
    auth,
    at: { settings: connection.settings, standIn: null },
    clientId,
    store,
    fetch: plain,
    now: connection.now,
    onAccount: () => {},
  })
  return { ...connection, fetch: plain, credentials }
}
