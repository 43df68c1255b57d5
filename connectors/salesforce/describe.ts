import type { DescribeSObjectResult } from 'jsforce/lib/types/index.js'
import type { Connection } from '../sdk/contract.ts'
import type { Crm, CrmDescription, CrmField } from '../sdk/crm.ts'
import { ProviderRejectedError, RecordGoneError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'

/** An admin may add it as a unique external id; then nothing that Foyer writes can be there twice. */
export const keyField = 'Foyer_Key__c'

/** Every type that the actions read. What the connected user may not see is left out. */
const describedTypes = [
  'Contact',
  'Lead',
  'Account',
  'Task',
  'Event',
  'EmailMessage',
  'EmailMessageRelation',
  'EventRelation',
  'TaskRelation',
  'CampaignMember',
  'Note',
  'ContentDocument',
  'ContentDocumentLink',
]

/** Field-level security differs from connection to connection: naming one hidden field would fail a whole query. */
export async function describe({ connection }: Pick<Crm, 'connection'>): Promise<CrmDescription> {
  const salesforce = await Salesforce.over(connection)
  const types: CrmDescription['types'] = {}
  for (const type of describedTypes) {
    const described = await salesforce.describe(type).catch((error: unknown) => {
      // hidden from the user, or no part of the edition
      if (error instanceof RecordGoneError || error instanceof ProviderRejectedError) return null
      throw error
    })
    if (described) types[type] = typeFrom(described)
  }
  const account = types.Account
  // what a contact shows of its account is read through the relationship
  if (account && types.Contact?.fields.some(({ name }) => name === 'AccountId'))
    types.Contact.fields.push(
      ...account.fields
        .filter(({ type }) => type !== 'other')
        .map((field) => ({
          ...field,
          name: `Account.${field.name}`,
          label: `Account: ${field.label}`,
          mayWrite: false,
          requiredToCreate: false,
        })),
    )
  return { types }
}

/** Pure: of a describe answer. */
export function typeFrom({
  label,
  createable,
  fields,
}: DescribeSObjectResult): CrmDescription['types'][string] {
  return {
    label,
    mayCreate: createable,
    fields: fields
      // a field of that name that is not unique would promise what it does not keep
      .filter(({ name, externalId, unique }) => name !== keyField || (externalId && unique))
      .map((field) => ({
        name: field.name,
        label: field.label,
        type: kinds[field.type] ?? 'other',
        ...(field.picklistValues?.length
          ? {
              options: field.picklistValues
                .filter(({ active }) => active)
                .map(({ value, label }) => ({ value, label: label ?? value })),
            }
          : {}),
        mayWrite: field.createable && field.updateable,
        requiredToCreate: field.createable && !field.nillable && !field.defaultedOnCreate,
        maxLength: field.length || null,
      })),
  }
}

const kinds: Record<string, CrmField['type']> = {
  string: 'text',
  textarea: 'text',
  url: 'text',
  email: 'email',
  phone: 'phone',
  picklist: 'choice',
  combobox: 'choice',
  int: 'number',
  double: 'number',
  currency: 'number',
  percent: 'number',
  date: 'date',
  datetime: 'date',
}

/** What this connection sees of the organisation. */
export class Sight {
  readonly #types = new Map<string, Map<string, CrmField>>()

  constructor({ types }: CrmDescription) {
    for (const [type, { fields }] of Object.entries(types))
      this.#types.set(type, new Map(fields.map((field) => [field.name, field])))
  }

  seesType(type: string): boolean {
    return this.#types.has(type)
  }

  sees(type: string, field: string): boolean {
    return this.#types.get(type)?.has(field) ?? false
  }

  field(type: string, name: string): CrmField | undefined {
    return this.#types.get(type)?.get(name)
  }

  fieldsOf(type: string): CrmField[] {
    return [...(this.#types.get(type)?.values() ?? [])]
  }

  /** Those of the named fields that may be named in a query. */
  seen(type: string, fields: string[]): string[] {
    return fields.filter((field) => this.sees(type, field))
  }
}

const fresh = new WeakMap<Connection, Promise<CrmDescription>>()

/** As last described; asked now where nobody has yet. */
export async function sightOf(crm: Crm): Promise<Sight> {
  const known = fresh.get(crm.connection)
  if (known) return new Sight(await known)
  if (crm.description) return new Sight(crm.description)
  return look(crm)
}

function look(crm: Crm): Promise<Sight> {
  const asked = describe(crm)
  fresh.set(crm.connection, asked)
  asked.catch(() => fresh.delete(crm.connection))
  return asked.then((description) => new Sight(description))
}

/**
 * Runs work that names fields; if one of them has been hidden since the last look, looks again and runs it once more.
 * @param isHidden whether the failure says so
 */
export async function seeing<T>(crm: Crm, work: (sight: Sight) => Promise<T>): Promise<T> {
  try {
    return await work(await sightOf(crm))
  } catch (error) {
    if (!isAboutSight(error)) throw error
    return work(await look(crm))
  }
}

const isAboutSight = (error: unknown) =>
  error instanceof ProviderRejectedError &&
  ['INVALID_FIELD', 'INVALID_TYPE'].includes((error as { errorCode?: string }).errorCode ?? '')
