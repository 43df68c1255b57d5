import type { Crm, CrmActivity, Page, PersonRef } from '../sdk/crm.ts'
import { CursorExpiredError } from '../sdk/errors.ts'
import {
  activityProperties,
  contactActivities,
  contactActivityProperties,
  engagementActivity,
} from './activity-mapping.ts'
import { clientFor } from './client.ts'
import { type EngagementType, engagementTypes } from './object-types.ts'

/** Where each type of record goes on; those that are read to the end are left out. */
type Cursor = Partial<Record<EngagementType, string | null>>

/** HubSpot has no timeline to ask for: of each type the ids that belong to the contact, then those records, in one page a type. What it keeps as
 *  properties of the contact (forms, marketing mails) comes with the first page. */
export async function activities(
  crm: Crm,
  { id }: PersonRef,
  between: { from: Date; to: Date },
  cursor: string | null,
): Promise<Page<CrmActivity>> {
  const at: Cursor =
    cursor === null ? Object.fromEntries(engagementTypes.map((type) => [type, null])) : parsed(cursor)
  const types = Object.keys(at) as EngagementType[]
  const [ofContact, ...pages] = await Promise.all([
    cursor === null ? fromContact(crm, id) : [],
    ...types.map((type) => pageOf(crm, id, type, at[type] ?? null)),
  ])
  const rest: Cursor = {}
  for (const { type, after } of pages) if (after !== null) rest[type] = after
  const found = [...ofContact, ...pages.flatMap(({ items }) => items)].filter(
    (activity) => activity.at >= between.from && activity.at <= between.to,
  )
  return {
    items: [...new Map(found.map((activity) => [activity.id, activity])).values()],
    cursor: Object.keys(rest).length > 0 ? JSON.stringify(rest) : null,
  }
}

async function pageOf({ connection }: Crm, contactId: string, type: EngagementType, after: string | null) {
  const client = clientFor(connection)
  const [page] = await client.associated('contacts', type, [
    { id: contactId, ...(after === null ? {} : { after }) },
  ])
  const ids = [...new Set((page?.to ?? []).map(({ id }) => id))]
  const records = ids.length === 0 ? [] : await client.readMany(type, ids, activityProperties[type])
  const items = records
    .map((record) => engagementActivity(type, record, contactId, connection))
    .filter((activity) => activity !== null)
  return { type, items, after: page?.after ?? null }
}

async function fromContact({ connection }: Crm, id: string): Promise<CrmActivity[]> {
  const contact = await clientFor(connection).get('contacts', id, { properties: contactActivityProperties })
  return contactActivities(contact, connection)
}

function parsed(cursor: string): Cursor {
  try {
    return JSON.parse(cursor)
  } catch (cause) {
    throw new CursorExpiredError('The history cannot be read on from here.', { cause })
  }
}
