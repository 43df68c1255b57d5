import type { Crm, CrmPerson, PersonChange, PersonField, PersonRef } from '../sdk/crm.ts'
import { clientFor } from './client.ts'
import { goesBack, isFilled, mapped, propertiesToRead, propertiesToWrite, stageProperty } from './mapping.ts'
import { readPerson } from './read-person.ts'

/** Reads what is there now, so that only empty fields are filled and nothing is written that is so already: the same change again changes nothing. */
export async function updatePerson(crm: Crm, ref: PersonRef, change: PersonChange): Promise<CrmPerson> {
  const client = clientFor(crm.connection)
  const { id, properties: now } = await client.get('contacts', ref.id, { properties: propertiesToRead(crm) })
  const empty: Partial<Record<PersonField, string>> = {}
  for (const [field, property] of mapped(crm.mapping))
    if (change.onlyEmpty[field] && !isFilled(now, property)) empty[field] = change.onlyEmpty[field]
  const wanted = propertiesToWrite({ ...empty, ...change.values }, crm)
  const differing = Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => (now[name] ?? '') !== value),
  )
  const stage = differing[stageProperty]
  // https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide#update-contacts
  if (stage !== undefined && goesBack(now[stageProperty], stage, crm.description))
    await client.update('contacts', id, { [stageProperty]: '' })
  if (Object.keys(differing).length > 0) await client.update('contacts', id, differing)
  return readPerson(crm, { ...ref, id })
}
