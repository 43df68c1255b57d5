import type { CrmDescription, CrmField, FieldMapping, PersonField } from '../sdk/crm.ts'
import { ProviderRejectedError } from '../sdk/errors.ts'

/** The one type of record that is a person. */
export const contactType = 'contact'

/** HubSpot keeps two names, and no property for both. This one is ours; reading joins them, writing divides. */
export const fullName = 'name'
const nameProperties = ['firstname', 'lastname']

export const initialMapping: FieldMapping = {
  [contactType]: {
    name: fullName,
    jobTitle: 'jobtitle',
    email: 'email',
    phone: 'phone',
    crmStatus: 'lifecyclestage',
    company: 'company',
  },
}

export const stageProperty = 'lifecyclestage'

/** Labels as HubSpot delivers them, until `describe` has told the account's own. In the order in which a contact moves. */
const initialStages: Record<string, string> = {
  subscriber: 'Subscriber',
  lead: 'Lead',
  marketingqualifiedlead: 'Marketing Qualified Lead',
  salesqualifiedlead: 'Sales Qualified Lead',
  opportunity: 'Opportunity',
  customer: 'Customer',
  evangelist: 'Evangelist',
  other: 'Other',
}

type Properties = Record<string, string | null>
/** What mapping works with. */
export interface Mapped {
  mapping: FieldMapping
  description: CrmDescription | null
}

/** What is read of every contact, whatever the mapping says. */
const always = [
  'email',
  'hs_additional_emails',
  'hs_merged_object_ids',
  'hubspot_owner_id',
  'lastmodifieddate',
  'notes_last_updated',
]

export function propertiesToRead({ mapping, description }: Mapped): string[] {
  const mapped = Object.values(mapping[contactType] ?? {})
    .filter((property) => isVisible(property, description))
    .flatMap((property) => (property === fullName ? nameProperties : [property]))
  return [...new Set([...always, ...mapped])]
}

/** @param company the name of the company the contact belongs to, which is truer than what was typed beside the contact. */
export function fieldsOf(
  properties: Properties,
  company: string | null,
  { mapping, description }: Mapped,
): Partial<Record<PersonField, string | null>> {
  const fields: Partial<Record<PersonField, string | null>> = {}
  for (const [field, property] of mapped(mapping)) {
    if (!isVisible(property, description)) continue
    const value = currentValue(properties, property)
    const label = optionsOf(property, description)?.find((option) => option.value === value)?.label
    fields[field] = (field === 'company' && property === 'company' && company) || label || value
  }
  return fields
}

function currentValue(properties: Properties, property: string): string | null {
  if (property === fullName)
    return (
      nameProperties
        .map((one) => properties[one]?.trim())
        .filter(Boolean)
        .join(' ') || null
    )
  return properties[property]?.trim() || null
}

/** What is sent for these values. @throws {ProviderRejectedError} a value HubSpot has no choice for, a property we may not write */
export function propertiesToWrite(
  values: Partial<Record<PersonField, string>>,
  { mapping, description }: Mapped,
): Record<string, string> {
  const properties: Record<string, string> = {}
  for (const [field, property] of mapped(mapping)) {
    const value = values[field]?.trim()
    // nothing is ever cleared
    if (!value) continue
    if (property === fullName) Object.assign(properties, divided(value))
    else properties[property] = written(property, value, description)
  }
  return properties
}

function written(property: string, value: string, description: CrmDescription | null): string {
  const known = propertyOf(property, description)
  if (known && !known.mayWrite)
    throw new ProviderRejectedError(
      `HubSpot does not let us write ${known.label}. Map the field to another property.`,
      [property],
    )
  const options = optionsOf(property, description)
  if (!options) return value
  const chosen = options.find((one) => one.value === value) ?? options.find((one) => isSame(one.label, value))
  if (chosen) return chosen.value
  throw new ProviderRejectedError(`HubSpot has no choice “${value}” for ${known?.label ?? property}.`, [
    property,
  ])
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

/** "Tom Becker", "Becker, Tom", "Tom": what is left over belongs to the last name. */
export function divided(name: string): Record<string, string> {
  const [family, given] = name.split(',').map((part) => part.trim())
  if (family && given) return { firstname: given, lastname: family }
  const [first = '', ...rest] = name.trim().split(/\s+/)
  return { firstname: first, ...(rest.length > 0 ? { lastname: rest.join(' ') } : {}) }
}

/** Whether the stage would go back, which HubSpot does only after it was cleared, and answers 200 all the same. */
export function goesBack(
  from: string | null | undefined,
  to: string,
  description: CrmDescription | null,
): boolean {
  const order = (optionsOf(stageProperty, description) ?? []).map(({ value }) => value)
  return !!from && order.indexOf(to) < order.indexOf(from)
}

/** A field whose property has a value now. Of names: either of both. */
export const isFilled = (properties: Properties, property: string): boolean =>
  currentValue(properties, property) !== null

export const mapped = (mapping: FieldMapping): [PersonField, string][] =>
  Object.entries(mapping[contactType] ?? {}) as [PersonField, string][]

const propertyOf = (name: string, description: CrmDescription | null): CrmField | undefined =>
  description?.types[contactType]?.fields.find((field) => field.name === name)

const isVisible = (property: string, description: CrmDescription | null): boolean =>
  description === null || propertyOf(property, description) !== undefined

function optionsOf(property: string, description: CrmDescription | null) {
  const told = propertyOf(property, description)?.options
  if (told && told.length > 0) return told
  if (property !== stageProperty) return undefined
  return Object.entries(initialStages).map(([value, label]) => ({ value, label }))
}

/** First the address it is known by; HubSpot divides the others by semicolons. */
export function emailsOf({ email, hs_additional_emails }: Properties): string[] {
  const all = [email ?? '', ...(hs_additional_emails ?? '').split(';')]
  return [...new Set(all.map((one) => one.trim().toLowerCase()).filter(Boolean))]
}

export function formerIdsOf(id: string, askedFor: string, { hs_merged_object_ids }: Properties): string[] {
  const ids = (hs_merged_object_ids ?? '').split(/[;,]/).map((one) => one.trim())
  return [...new Set([...ids, askedFor])].filter((one) => one !== '' && one !== id)
}
