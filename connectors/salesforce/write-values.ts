import { type FieldMapping, type PersonField, personFields } from '../sdk/crm.ts'
import type { Sight } from './describe.ts'
import { nameParts } from './people.ts'

export interface FieldValue {
  field: string
  value: string
}

/** Foyer's values under Salesforce's names, as the mapping says. What is read through a relationship is not ours to write. */
export function mappedValues(
  type: string,
  values: Partial<Record<PersonField, string>>,
  mapping: FieldMapping,
): (FieldValue & { of: PersonField })[] {
  return personFields.flatMap((of) => {
    const value = values[of]?.trim()
    const field = mapping[type]?.[of]
    if (!value || !field || field.includes('.')) return []
    if (field !== 'Name') return [{ of, field, value }]
    // Salesforce puts the name together itself
    return Object.entries(nameParts(value)).map(([field, value]) => ({ of, field, value }))
  })
}

/** What people typed, cut to what the field takes. */
export function fitting(type: string, { field, value }: FieldValue, sight: Sight): string | number | boolean {
  const known = sight.field(type, field)
  if (known?.type === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
  if (value === 'true' || value === 'false') return known?.type === 'other' ? value === 'true' : value
  const most = known?.maxLength ?? 0
  // an address that is cut would be another one
  if (most > 0 && value.length > most && known?.type !== 'email' && known?.type !== 'choice')
    return value.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')
  // a person may have said the label
  return known?.options?.find(({ label }) => label === value)?.value ?? value
}
