import * as z from 'zod'
import type { OAuthDeclaration } from '../sdk/auth.ts'
import type { Account, Connection } from '../sdk/contract.ts'
import { signInOrigin, tokenOrigin, userLimit } from './origins.ts'
import { errorOf } from './problems.ts'

/** As few as the actions need: events, busy times, and which calendars there are. */
export const scopes = [
  'https://www.googleapis.com/auth/calendar.events',
  'https://www.googleapis.com/auth/calendar.freebusy',
  'https://www.googleapis.com/auth/calendar.calendarlist.readonly',
]

const TokenAnswer = z.object({ scope: z.string() })
const Refusal = z.object({ error: z.string() })

/** https://developers.google.com/identity/protocols/oauth2/web-server */
export const oauth: OAuthDeclaration = {
  kind: 'oauth2',
  authorizeUrl: (at) => `${signInOrigin(at)}/o/oauth2/v2/auth`,
  tokenUrl: (at) => `${tokenOrigin(at)}/token`,
  scopes,
  // a refresh token comes only with both
  authorizeParameters: { access_type: 'offline', prompt: 'consent' },
  clientAuthentication: 'body',
  assumedLifetimeSeconds: 3_600,
  // the user may untick any: `identify` looks
  accountFrom(answer): Partial<Account> {
    const told = TokenAnswer.safeParse(answer)
    return told.success ? { details: { scopes: told.data.scope } } : {}
  },
  isGrantGone(status, body) {
    const told = Refusal.safeParse(body)
    return status === 400 && told.success && told.data.error === 'invalid_grant'
  },
  revoke,
  steps: [
    'In the Google Cloud console, choose or create a project, and enable the Google Calendar API in it.',
    'Under Google Auth Platform, set up the consent screen: “Internal” if everybody has an account of your organisation, else “External”, and publish it. What stays in testing has to be connected again every 7 days.',
    'Under Data access, add these scopes: {scopes}',
    'Under Clients, create a client of the type “Web application” with this redirect address, exactly as it stands: {redirectUrl}',
    'Copy the client id and the client secret into the fields here. Each agent then connects their calendar under My calendar.',
  ],
  documentation: 'https://developers.google.com/workspace/calendar/api/auth',
}

async function revoke(
  connection: Connection,
  { accessToken, refreshToken }: { accessToken: string; refreshToken: string | null },
): Promise<void> {
  const answer = await connection.fetch(`${tokenOrigin(connection)}/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token: refreshToken ?? accessToken }).toString(),
    limits: [userLimit],
  })
  // 400: it was not there any more, which is what was wanted
  if (answer.status >= 300 && answer.status !== 400) throw errorOf(answer, true)
}
