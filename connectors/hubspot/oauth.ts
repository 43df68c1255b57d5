import * as z from 'zod'
import type { OAuthDeclaration } from '../sdk/auth.ts'
import type { Account, Connection } from '../sdk/contract.ts'
import { errorOf } from './problems.ts'
import { accountLimit, apiOrigin, signInOrigin } from './transport.ts'
import { oauthVersion } from './versions.ts'

/** As few as the actions need. Without `sales-email-read` e-mails come redacted. */
const scopes = [
  'oauth',
  'crm.objects.contacts.read',
  'crm.objects.contacts.write',
  'crm.objects.companies.read',
  'crm.objects.owners.read',
  'sales-email-read',
]

const TokenAnswer = z.object({
  hub_id: z.coerce.string().regex(/^\d+$/),
  scopes: z.array(z.string()).optional().catch(undefined),
})
const Refusal = z.object({ error: z.string().optional(), status: z.string().optional() })

export const oauth: OAuthDeclaration = {
  kind: 'oauth2',
  authorizeUrl: (at) => `${signInOrigin(at)}/oauth/authorize`,
  tokenUrl: (at) => `${apiOrigin(at)}/oauth/${oauthVersion}/token`,
  scopes,
  clientAuthentication: 'body',
  assumedLifetimeSeconds: 1_800,
  accountFrom(answer): Partial<Account> {
    const told = TokenAnswer.safeParse(answer)
    if (!told.success) return {}
    const { hub_id, scopes: granted } = told.data
    return { id: hub_id, ...(granted ? { details: { scopes: granted.join(' ') } } : {}) }
  },
  isGrantGone(status, body) {
    const told = Refusal.safeParse(body)
    return (
      status === 400 &&
      told.success &&
      (told.data.error === 'invalid_grant' || told.data.status === 'BAD_REFRESH_TOKEN')
    )
  },
  revoke,
  steps: [
    'In HubSpot, open Development (or your developer account) and create an app with OAuth as its kind of access.',
    'In the app’s authentication settings, add this redirect address, exactly as it stands: {redirectUrl}',
    'Add these scopes as required: {scopes}',
    'So that changes in HubSpot are seen at once, and erased contacts are erased here too: in the app’s webhook settings, enter {webhookUrl} as the target, and subscribe to contacts being created, changed in any property, deleted, deleted for privacy, merged, restored, and changed in their associations.',
    'Copy the app’s client id and client secret into the fields here, and connect. Sign in as a super admin of the account.',
  ],
  documentation:
    'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth',
}

/** https://developers.hubspot.com/docs/api-reference/latest/authentication/oauth-tokens/revoke-token */
async function revoke(
  connection: Connection,
  { refreshToken }: { accessToken: string; refreshToken: string | null },
): Promise<void> {
  if (refreshToken === null) return
  const { credentials } = connection
  const form = new URLSearchParams({
    client_id: credentials.clientId,
    client_secret: await credentials.secret('clientSecret'),
    token: refreshToken,
    token_type_hint: 'refresh_token',
  })
  const answer = await connection.fetch(`${apiOrigin(connection)}/oauth/${oauthVersion}/token/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
    limits: [accountLimit],
  })
  // 400 and 404: it was not there any more, which is what was wanted
  if (answer.status >= 300 && answer.status !== 400 && answer.status !== 404)
    throw errorOf(answer, true, connection)
}
