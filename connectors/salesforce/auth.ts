import type { OAuthDeclaration } from '../sdk/auth.ts'
import type { Account, Connection } from '../sdk/contract.ts'
import { ProviderUnavailableError } from '../sdk/errors.ts'
import { asId } from './ids.ts'

type At = Pick<Connection, 'settings' | 'standIn'>

/** Where people of this organisation sign in. */
export const loginOrigin = ({ settings, standIn }: At): string => {
  if (standIn) return standIn
  if (settings.environment === 'myDomain') {
    const own = URL.parse(settings.myDomain ?? '')
    return own && isSalesforces(own) ? own.origin : production
  }
  return settings.environment === 'sandbox' ? 'https://test.salesforce.com' : production
}

const production = 'https://login.salesforce.com'

/** Where an organisation may be, whoever says so: nothing else gets our secret and tokens. */
export const domains = [
  'salesforce.com',
  'force.com',
  'salesforce.mil',
  'cloudforce.com',
  'sfcrmproducts.cn',
] as const

const isSalesforces = ({ protocol, hostname }: URL) =>
  protocol === 'https:' && domains.some((domain) => hostname.endsWith(`.${domain}`))

export const origins = ({
  settings,
  account,
  standIn,
}: Pick<Connection, 'settings' | 'account' | 'standIn'>) => {
  if (standIn) return [standIn]
  const instance = URL.parse(account?.apiOrigin ?? '')
  const ours = instance && isSalesforces(instance) ? [instance.origin] : []
  return [...new Set([loginOrigin({ settings, standIn }), ...ours])]
}

/** https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm */
export const auth: OAuthDeclaration = {
  kind: 'oauth2',
  authorizeUrl: (at) => `${loginOrigin(at)}/services/oauth2/authorize`,
  tokenUrl: (at) => `${loginOrigin(at)}/services/oauth2/token`,
  scopes: ['api', 'refresh_token'],
  clientAuthentication: 'body',
  // the answer does not tell; two hours is a new organisation's setting, and a 401 corrects whoever chose less
  assumedLifetimeSeconds: 2 * 3_600,
  accountFrom,
  isGrantGone: (_status, body) =>
    ['invalid_grant', 'inactive_user', 'inactive_org'].includes(
      String((body as { error?: unknown } | null)?.error),
    ),
  async revoke(connection, { accessToken, refreshToken }) {
    const answer = await connection.fetch(`${loginOrigin(connection)}/services/oauth2/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      // the refresh token takes its access tokens along; an answer that it is not known is as good
      body: new URLSearchParams({ token: refreshToken ?? accessToken }).toString(),
      limits: [],
    })
    if (answer.status >= 300 && answer.status !== 400)
      throw new ProviderUnavailableError(
        `Salesforce answered ${answer.status}: it may not have heard of it.`,
        'unknown',
      )
  },
  steps: [
    'In Salesforce, open Setup → External Client App Manager and choose New External Client App. (New Connected Apps can no longer be made.)',
    'Enter a name such as Foyer and your e-mail address, and leave the distribution state at Local.',
    'Under API, tick Enable OAuth, and enter this callback URL: {redirectUrl}',
    'Select these OAuth scopes: {scopes}. In Salesforce they are called "Manage user data via APIs (api)" and "Perform requests at any time (refresh_token, offline_access)".',
    'Tick "Require Proof Key for Code Exchange (PKCE)" and "Require secret for Web Server Flow". Refresh token rotation may be on.',
    'Save, open the app’s Settings → OAuth Settings → Consumer Key and Secret, and copy both to here.',
    'Connect as a user made for Foyer: its profile needs "API Enabled", read and edit on leads, contacts, accounts and activities, and field access to what Foyer shall show.',
    'Recommended: on Task, Event and Lead make a text field (255) with the name Foyer_Key, marked unique and external ID. Foyer then never writes twice; without it, it looks for its mark in the subject.',
  ],
  documentation: 'https://help.salesforce.com/s/articleView?id=xcloud.create_a_local_external_client_app.htm',
}

/** Of `instance_url` and `id`, which ends with the organisation's and the user's id. */
function accountFrom(tokenAnswer: unknown): Partial<Account> {
  const { instance_url, id } = (tokenAnswer ?? {}) as Record<string, unknown>
  const origin = typeof instance_url === 'string' ? URL.parse(instance_url)?.origin : undefined
  const [organizationId, userId] = String(id ?? '')
    .split('/')
    .slice(-2)
    .map(asId)
  return {
    ...(organizationId ? { id: organizationId } : {}),
    ...(origin ? { apiOrigin: origin, webOrigin: origin } : {}),
    ...(userId ? { details: { userId } } : {}),
  }
}
