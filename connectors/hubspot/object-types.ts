/** The types of record this connector knows, with HubSpot's other name for each and the id of its association to a contact.
 *  https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values */
export const objectTypes = {
  contacts: { typeId: '0-1', singular: 'contact', toContact: null },
  companies: { typeId: '0-2', singular: 'company', toContact: 280 },
  notes: { typeId: '0-46', singular: 'note', toContact: 202 },
  calls: { typeId: '0-48', singular: 'call', toContact: 194 },
  emails: { typeId: '0-49', singular: 'email', toContact: 198 },
  meetings: { typeId: '0-47', singular: 'meeting', toContact: 200 },
  tasks: { typeId: '0-27', singular: 'task', toContact: 204 },
} as const

export type ObjectType = keyof typeof objectTypes

/** What is logged with people; each is a type of record of its own. */
export const engagementTypes = ['emails', 'calls', 'meetings', 'notes', 'tasks'] as const
export type EngagementType = (typeof engagementTypes)[number]

/** The label "Primary" between a contact and its company; without it an association is 279. */
export const primaryCompany = 1

/** HubSpot takes `contacts`, `contact` and `0-1` for one type. */
export function objectTypeOf(name: string): ObjectType | null {
  const lower = name.toLowerCase()
  for (const [type, { typeId, singular }] of Object.entries(objectTypes))
    if (lower === type || lower === typeId || lower === singular) return type as ObjectType
  return null
}
