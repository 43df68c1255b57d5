import type { Crm, CrmCompany, CrmPerson } from '../sdk/crm.ts'
import { clientFor, type HubSpotRecord } from './client.ts'
import { recordUrl } from './links.ts'
import { contactType, emailsOf, fieldsOf, formerIdsOf, propertiesToRead } from './mapping.ts'
import { primaryCompany } from './object-types.ts'
import { ownersById } from './owners.ts'

const companyProperties = ['name', 'domain', 'hubspot_owner_id']

/** Contacts by their ids, whole; those that are gone are left out. Read by id, because the search lags behind. */
export async function readPeople(crm: Crm, ids: string[]): Promise<CrmPerson[]> {
  if (ids.length === 0) return []
  const client = clientFor(crm.connection)
  const [contacts, associated] = await Promise.all([
    client.readMany('contacts', ids, propertiesToRead(crm)),
    client.associated(
      'contacts',
      'companies',
      ids.map((id) => ({ id })),
    ),
  ])
  const companyIds = new Map<string, string>()
  for (const { id, to } of associated) {
    const company = to.find(({ typeIds }) => typeIds.includes(primaryCompany)) ?? to[0]
    if (company) companyIds.set(id, company.id)
  }
  return toPeople(crm, contacts, companyIds)
}

/** @param companyIds of each contact, under its own id or one that was merged into it */
export async function toPeople(
  crm: Crm,
  contacts: HubSpotRecord[],
  companyIds: Map<string, string>,
): Promise<CrmPerson[]> {
  const { connection } = crm
  const idsOf = ({ id, properties }: HubSpotRecord) => [id, ...formerIdsOf(id, id, properties)]
  const companyIdOf = (contact: HubSpotRecord) =>
    idsOf(contact)
      .map((id) => companyIds.get(id))
      .find((id) => id !== undefined)
  const wanted = [...new Set(contacts.map(companyIdOf).filter((id) => id !== undefined))]
  const [companies, owners] = await Promise.all([readCompanies(crm, wanted), ownersOf(crm, contacts)])
  return contacts.map((contact): CrmPerson => {
    const { id, properties, updatedAt } = contact
    const company = companies.get(companyIdOf(contact) ?? '') ?? null
    return {
      type: contactType,
      id,
      emails: emailsOf(properties),
      fields: fieldsOf(properties, company?.name ?? null, crm),
      owner: owners.get(properties.hubspot_owner_id ?? '') ?? null,
      company,
      url: recordUrl(connection, 'contacts', id),
      changedAt: changedAt(properties.lastmodifieddate, updatedAt),
      formerIds: formerIdsOf(id, id, properties),
    }
  })
}

/** By their ids; those that are gone are left out. */
export async function readCompanies(crm: Crm, ids: string[]): Promise<Map<string, CrmCompany>> {
  const { connection } = crm
  const records = await clientFor(connection).readMany('companies', ids, companyProperties)
  const owners = await ownersOf(crm, records)
  return new Map(
    records.map(({ id, properties, updatedAt }) => [
      id,
      {
        id,
        name: properties.name?.trim() || null,
        domain: properties.domain?.trim().toLowerCase() || null,
        owner: owners.get(properties.hubspot_owner_id ?? '') ?? null,
        url: recordUrl(connection, 'companies', id),
        changedAt: updatedAt,
      },
    ]),
  )
}

const ownersOf = ({ connection }: Crm, records: HubSpotRecord[]) =>
  ownersById(
    connection,
    records.flatMap(({ properties }) => properties.hubspot_owner_id ?? []).filter((id) => id !== ''),
  )

function changedAt(said: string | null | undefined, otherwise: Date): Date {
  const at = new Date(said ?? Number.NaN)
  return Number.isNaN(at.getTime()) ? otherwise : at
}

/** The company of a record that came with its associations: the primary one if several. */
export function companyIdsOf(contacts: HubSpotRecord[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const { id, associations } of contacts) {
    const companies = associations?.companies?.results ?? []
    const company = companies.find(({ type }) => type === 'contact_to_company') ?? companies[0]
    if (company) found.set(id, company.id)
  }
  return found
}
