import type { Crm, CrmPerson, PersonRef } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { clientFor } from './client.ts'
import { formerIdsOf, propertiesToRead } from './mapping.ts'
import { companyIdsOf, toPeople } from './people.ts'

/** An id that was merged away gives the contact it was merged into. @throws {RecordGoneError} */
export async function readPerson(crm: Crm, { id }: PersonRef): Promise<CrmPerson> {
  const contact = await clientFor(crm.connection).get('contacts', id, {
    properties: propertiesToRead(crm),
    associations: ['companies'],
  })
  const [person] = await toPeople(crm, [contact], companyIdsOf([contact]))
  if (!person) throw new RecordGoneError('HubSpot has no such contact any more.')
  return { ...person, formerIds: formerIdsOf(person.id, id, contact.properties) }
}
