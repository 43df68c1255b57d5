import type { Crm, CrmDescription, CrmField } from '../sdk/crm.ts'
import { clientFor, type HubSpotProperty } from './client.ts'
import { contactType, fullName } from './mapping.ts'

export async function describe({ connection }: Crm): Promise<CrmDescription> {
  const properties = await clientFor(connection).properties('contacts')
  const scopes = connection.account?.details?.scopes?.split(' ')
  const fields = properties.filter(({ hidden }) => !hidden).map(fieldOf)
  return {
    types: {
      [contactType]: {
        label: 'Contact',
        fields: [nameField(fields), ...fields].filter((field) => field !== null),
        mayCreate: scopes === undefined || scopes.includes('crm.objects.contacts.write'),
      },
    },
  }
}

/** Both names as one, if both can be seen. */
function nameField(fields: CrmField[]): CrmField | null {
  const [first, last] = ['firstname', 'lastname'].map((name) => fields.find((field) => field.name === name))
  if (!first || !last || fields.some((field) => field.name === fullName)) return null
  return {
    ...first,
    name: fullName,
    label: 'First and last name',
    mayWrite: first.mayWrite && last.mayWrite,
  }
}

function fieldOf({
  name,
  label,
  type,
  fieldType,
  options,
  calculated,
  modificationMetadata,
}: HubSpotProperty): CrmField {
  return {
    name,
    label,
    type: typeOf(name, type, fieldType),
    ...(options.length > 0
      ? {
          options: options
            .filter(({ hidden }) => !hidden)
            .map(({ value, label: text }) => ({ value, label: text })),
        }
      : {}),
    mayWrite: !calculated && !modificationMetadata?.readOnlyValue,
    // the API takes a contact with nothing but an address
    requiredToCreate: false,
    maxLength: null,
  }
}

function typeOf(name: string, type: string, fieldType: string): CrmField['type'] {
  if (name === 'email') return 'email'
  if (fieldType === 'phonenumber' || name === 'phone' || name === 'mobilephone') return 'phone'
  switch (type) {
    case 'string':
      return 'text'
    case 'enumeration':
      return 'choice'
    case 'number':
      return 'number'
    case 'date':
    case 'datetime':
      return 'date'
    default:
      return 'other'
  }
}
