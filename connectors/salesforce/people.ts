import {
  type CrmCompany,
  type CrmOwner,
  type CrmPerson,
  type FieldMapping,
  type PersonField,
  personFields,
} from '../sdk/crm.ts'
import type { Sight } from './describe.ts'
import { asId } from './ids.ts'
import { instantAt, type Row, textAt, valueAt } from './rows.ts'

export const personTypes = [
  { type: 'Contact', label: 'Contact' },
  { type: 'Lead', label: 'Lead' },
]

export const mapping: FieldMapping = {
  Lead: {
    name: 'Name',
    jobTitle: 'Title',
    email: 'Email',
    phone: 'Phone',
    crmStatus: 'Status',
    company: 'Company',
  },
  Contact: {
    name: 'Name',
    jobTitle: 'Title',
    email: 'Email',
    phone: 'Phone',
    crmStatus: 'Account.Type',
    company: 'Account.Name',
  },
}

const ownerFields = (path: string) => [`${path}Id`, `${path}.Name`, `${path}.Email`, `${path}.IsActive`]

/** The addresses of a person: the mapped field, the standard one, and what an admin added. */
export function emailFields(type: string, mapping: FieldMapping, sight: Sight): string[] {
  const added = sight.fieldsOf(type).filter((field) => field.type === 'email' && !field.name.includes('.'))
  const named = [mapping[type]?.email, 'Email', ...added.map(({ name }) => name)]
  return sight.seen(type, [...new Set(named.filter((name) => name !== undefined))]).slice(0, 5)
}

/** What is read of a person: only fields that the connection sees. */
export function fieldsToRead(type: string, mapping: FieldMapping, sight: Sight): string[] {
  const mapped = Object.values(mapping[type] ?? {})
  const own = [...mapped, ...emailFields(type, mapping, sight), 'LastActivityDate', 'IsPersonAccount']
  const ofLead = type === 'Lead' ? ['IsConverted', 'ConvertedContactId'] : []
  const ofAccount =
    type === 'Contact' ? ['AccountId', 'Account.Name', 'Account.Website', 'Account.SystemModstamp'] : []
  return [
    'Id',
    'IsDeleted',
    'MasterRecordId',
    'SystemModstamp',
    ...sight.seen(type, [...own, ...ofLead, ...ofAccount]),
    ...(sight.sees(type, 'OwnerId') ? ownerFields('Owner') : []),
    ...(type === 'Contact' && sight.sees(type, 'AccountId') && sight.sees('Account', 'OwnerId')
      ? ownerFields('Account.Owner')
      : []),
  ]
}

export interface PersonContext {
  mapping: FieldMapping
  sight: Sight
  /** Where people open records. */
  webOrigin: string
}

/** Pure: of a row with `fieldsToRead`. */
export function personFrom(
  type: string,
  row: Row,
  context: PersonContext,
  formerIds: string[] = [],
): CrmPerson {
  const { mapping, sight, webOrigin } = context
  const id = asId(row.Id) ?? String(row.Id)
  const emails = emailFields(type, mapping, sight)
    .map((field) => textAt(row, field)?.trim().toLowerCase())
    .filter((email) => email !== undefined)
  return {
    type,
    id,
    emails: [...new Set(emails)],
    fields: fieldsFrom(type, row, context),
    owner: ownerAt(row, 'Owner'),
    company: type === 'Contact' ? companyFrom(row, webOrigin) : null,
    url: `${webOrigin}/${id}`,
    changedAt: instantAt(row, 'SystemModstamp') ?? new Date(0),
    formerIds,
  }
}

/** Hidden fields are missing, not empty. */
function fieldsFrom(type: string, row: Row, { mapping, sight }: PersonContext): CrmPerson['fields'] {
  const fields: CrmPerson['fields'] = {}
  for (const field of personFields) {
    const source = mapping[type]?.[field]
    if (source === undefined || !sight.sees(type, source)) continue
    fields[field] = isOwnAccount(row, field, source)
      ? null
      : labelOf(textAt(row, source), type, source, sight)
  }
  return fields
}

/** The account of a person account is the person again, and no company. */
const isOwnAccount = (row: Row, field: PersonField, source: string) =>
  row.IsPersonAccount === true && field === 'company' && source.startsWith('Account.')

/** Choices are shown as people see them, whatever their value is called. */
const labelOf = (value: string | null, type: string, source: string, sight: Sight) =>
  sight.field(type, source)?.options?.find((option) => option.value === value)?.label ?? value

export function ownerAt(row: Row, path: string): CrmOwner | null {
  const id = asId(valueAt(row, `${path}Id`))
  if (!id) return null
  return {
    id,
    name: textAt(row, `${path}.Name`),
    email: textAt(row, `${path}.Email`)?.toLowerCase() ?? null,
    active: valueAt(row, `${path}.IsActive`) !== false,
    // 005 are users, 00G groups: queues own leads
    isQueue: id.startsWith('00G'),
  }
}

function companyFrom(row: Row, webOrigin: string): CrmCompany | null {
  const id = asId(row.AccountId)
  if (!id || row.IsPersonAccount === true) return null
  return {
    id,
    name: textAt(row, 'Account.Name'),
    domain: domainOf(textAt(row, 'Account.Website')),
    owner: ownerAt(row, 'Account.Owner'),
    url: `${webOrigin}/${id}`,
    changedAt: instantAt(row, 'Account.SystemModstamp'),
  }
}

/** People write web sites in many ways: `https://www.Northwind.test/en`, `northwind.test`. */
export function domainOf(website: string | null): string | null {
  if (!website) return null
  const text = website.trim()
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  const host =
    url?.hostname
      .toLowerCase()
      .replace(/^www\d?\./, '')
      .replace(/\.$/, '') ?? ''
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host) && !/^[\d.]+$/.test(host) ? host : null
}

/** "Anna Maria Ricci" is Anna Maria and Ricci: Salesforce keeps names in two parts, of which only the last must be there. */
export function nameParts(name: string): { FirstName?: string; LastName: string } {
  const words = name.trim().split(/\s+/)
  const LastName = words.pop() ?? ''
  return words.length > 0 ? { FirstName: words.join(' '), LastName } : { LastName }
}
