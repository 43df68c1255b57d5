import type { Crm, CrmPerson, NewPerson } from '../sdk/crm.ts'
import { DuplicateError, ProviderRejectedError } from '../sdk/errors.ts'
import { clientFor } from './client.ts'
import { findPerson } from './find-person.ts'
import { propertiesToWrite } from './mapping.ts'
import { readPerson } from './read-person.ts'

/** HubSpot knows people by their address, so one address is one contact, however often and from wherever it is made. Somebody who is there already
 *  is left alone and named. A run whose answer was lost finds the contact it made.
 *  @throws {DuplicateError} */
export async function createPerson(crm: Crm, person: NewPerson): Promise<CrmPerson> {
  const email = person.values.email?.trim().toLowerCase()
  if (!email)
    throw new ProviderRejectedError('HubSpot knows people by their e-mail address; this one has none.', [
      'email',
    ])
  const existing = await findPerson(crm, email)
  if (existing)
    throw new DuplicateError('HubSpot has a contact with this e-mail address already.', [existing.id])
  const { record } = await clientFor(crm.connection).upsertByEmail(email, newProperties(person, crm))
  return readPerson(crm, { type: person.type, id: record.id })
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
