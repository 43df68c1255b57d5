import type { Crm, CrmPerson, NewPerson } from '../sdk/crm.ts'
import { DuplicateError, ProviderRejectedError } from '../sdk/errors.ts'
import { clientFor } from './client.ts'
import { findPerson } from './find-person.ts'
import { propertiesToWrite } from './mapping.ts'
import { readPerson } from './read-person.ts'

/** As long as a job may be repeated. */
const repeatedWithinMs = 30 * 86_400_000

/** HubSpot knows people by their address, so one address is one contact, however often and from wherever it is made. A run whose answer was lost gives
 *  the contact it made; somebody else who is there already is left alone and named. Not by an upsert: that overwrites whoever was made by another
 *  since we looked.
 *  @throws {DuplicateError} */
export async function createPerson(crm: Crm, person: NewPerson): Promise<CrmPerson> {
  const email = person.values.email?.trim().toLowerCase()
  if (!email)
    throw new ProviderRejectedError('HubSpot knows people by their e-mail address; this one has none.', [
      'email',
    ])
  const properties = { ...newProperties(person, crm), email }
  const existing = await findPerson(crm, email)
  if (existing) {
    if (await isAsMade(crm, existing.id, properties)) return existing
    throw new DuplicateError('HubSpot has a contact with this e-mail address already.', [existing.id])
  }
  const { id } = await clientFor(crm.connection).create('contacts', properties)
  return readPerson(crm, { type: person.type, id })
}

/** HubSpot keeps no key of ours. A contact that was made lately and says exactly what this creation says is the one that
 *  this creation made; if somebody else typed the same, nothing is lost by taking it. */
async function isAsMade(
  { connection }: Crm,
  id: string,
  properties: Record<string, string>,
): Promise<boolean> {
  const asked = { properties: [...Object.keys(properties), 'createdate'] }
  const { properties: found } = await clientFor(connection).get('contacts', id, asked)
  const madeAt = Date.parse(found.createdate ?? '')
  return (
    madeAt >= connection.now().getTime() - repeatedWithinMs &&
    Object.entries(properties).every(([name, value]) => found[name] === value)
  )
}

/** What the admin fixed comes last: it is what the account asks for. */
export const newProperties = (
  { values, fixed, ownerId }: NewPerson,
  crm: Pick<Crm, 'mapping' | 'description'>,
): Record<string, string> => ({
  ...propertiesToWrite(values, crm),
  ...fixed,
  ...(ownerId === null ? {} : { hubspot_owner_id: ownerId }),
})
