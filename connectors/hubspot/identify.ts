import * as z from 'zod'
import type { Account, Connection } from '../sdk/contract.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { apiOrigin, send } from './transport.ts'

const Details = z.object({
  portalId: z.coerce.string().regex(/^\d+$/),
  accountType: z.string().catch('STANDARD'),
  timeZone: z.string().catch('UTC'),
  uiDomain: z.string().catch(''),
})

/** https://developers.hubspot.com/docs/api-reference/account-account-info-v3/guide: needs no scope beyond `oauth`. */
export async function identify(connection: Connection): Promise<Account> {
  const answer = await send(connection, {
    url: `${apiOrigin(connection)}/account-info/v3/details`,
    method: 'GET',
  })
  const details = Details.safeParse(answer.json())
  if (!details.success) throw new ProviderAnswerError('HubSpot did not say whose account this is.')
  const { portalId, accountType, timeZone, uiDomain } = details.data
  return {
    id: portalId,
    name: `HubSpot account ${portalId}${kindOf(accountType)}`,
    webOrigin: connection.standIn ?? webOrigin(uiDomain),
    details: { timeZone },
  }
}

const kindOf = (accountType: string) =>
  accountType === 'STANDARD' ? '' : ` (${accountType.toLowerCase().replaceAll('_', ' ')})`

/** People are sent there: HubSpot's own hosts only. */
const webOrigin = (uiDomain: string) =>
  /^app(-[a-z0-9]+)?\.hubspot\.com$/.test(uiDomain) ? `https://${uiDomain}` : 'https://app.hubspot.com'
