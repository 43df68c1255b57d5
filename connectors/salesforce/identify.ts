import type { Account, Connection } from '../sdk/contract.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { asId } from './ids.ts'
import { textAt, valueAt } from './rows.ts'
import { soql } from './soql.ts'

/** Whose organisation it is: one row. */
export async function identify(connection: Connection): Promise<Account> {
  const salesforce = await Salesforce.over(connection)
  const [row] = await salesforce.rows({
    soql: soql`SELECT Id, Name, IsSandbox, OrganizationType, TimeZoneSidKey FROM Organization LIMIT 1`,
  })
  const id = asId(row?.Id)
  if (!row || !id) throw new ProviderAnswerError('Salesforce does not say whose organisation this is.')
  const origin = connection.standIn ?? connection.account?.apiOrigin
  const kind = valueAt(row, 'IsSandbox') === true ? ' (sandbox)' : ''
  return {
    id,
    name: `${textAt(row, 'Name') ?? id}${kind}`,
    ...(origin ? { apiOrigin: origin, webOrigin: origin } : {}),
    details: {
      ...connection.account?.details,
      timeZone: textAt(row, 'TimeZoneSidKey') ?? 'UTC',
      edition: textAt(row, 'OrganizationType') ?? '',
    },
  }
}
