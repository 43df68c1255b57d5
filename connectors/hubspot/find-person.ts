import type { Crm, CrmPerson } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { clientFor, type HubSpotRecord } from './client.ts'
import { propertiesToRead } from './mapping.ts'
import { companyIdsOf, toPeople } from './people.ts'

/** By the address as an id, whatever its case; then by the search, which alone finds some secondary addresses. What the search finds is read by its
 *  id, since the search lags behind. https://github.com/HubSpot/hubspot-api-nodejs/issues/24 */
export async function findPerson(crm: Crm, email: string): Promise<CrmPerson | null> {
  const wanted = email.trim().toLowerCase()
  if (wanted === '') return null
  const direct = await contactAt(crm, wanted, 'email')
  if (direct) return asPerson(crm, direct)
  const id = await searched(crm, wanted)
  const found = id === null ? null : await contactAt(crm, id)
  return found && asPerson(crm, found)
}

async function contactAt(
  { connection, ...mapped }: Crm,
  id: string,
  idProperty?: 'email',
): Promise<HubSpotRecord | null> {
  try {
    return await clientFor(connection).get('contacts', id, {
      properties: propertiesToRead(mapped),
      associations: ['companies'],
      ...(idProperty ? { idProperty } : {}),
    })
  } catch (error) {
    if (error instanceof RecordGoneError) return null
    throw error
  }
}

async function asPerson(crm: Crm, contact: HubSpotRecord): Promise<CrmPerson | null> {
  return (await toPeople(crm, [contact], companyIdsOf([contact])))[0] ?? null
}

/** Who has it as the first address comes before who has it as another; then who was changed last. */
async function searched({ connection }: Crm, email: string): Promise<string | null> {
  const { records } = await clientFor(connection).search('contacts', {
    groups: ['email', 'hs_additional_emails'].map((propertyName) => [
      { propertyName, operator: 'Eq', value: email },
    ]),
    sort: '-lastmodifieddate',
    properties: ['email'],
    limit: 10,
    after: null,
  })
  const first = records.find(({ properties }) => properties.email?.toLowerCase() === email) ?? records[0]
  return first?.id ?? null
}
