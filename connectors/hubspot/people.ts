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
  const companies = new Map(
    (await clientFor(connection).readMany('companies', wanted, companyProperties)).map((one) => [
      one.id,
      one,
    ]),
  )
  const ownerIds = [...contacts, ...companies.values()].map(({ properties }) => properties.hubspot_owner_id)
  const owners = await ownersById(
    connection,
    ownerIds.filter((id) => !!id).map((id) => String(id)),
  )
  const ownerOf = ({ properties }: HubSpotRecord) => owners.get(properties.hubspot_owner_id ?? '') ?? null
  const companyOf = (record: HubSpotRecord): CrmCompany => ({
    id: record.id,
    name: record.properties.name?.trim() || null,
    domain: record.properties.domain?.trim().toLowerCase() || null,
    owner: ownerOf(record),
    url: recordUrl(connection, 'companies', record.id),
  })
  return contacts.map((contact): CrmPerson => {
    const { id, properties, updatedAt } = contact
    const record = companies.get(companyIdOf(contact) ?? '')
    const company = record ? companyOf(record) : null
    return {
      type: contactType,
      id,
      emails: emailsOf(properties),
      fields: fieldsOf(properties, company?.name ?? null, crm),
      owner: ownerOf(contact),
      company,
      url: recordUrl(connection, 'contacts', id),
      changedAt: changedAt(properties.lastmodifieddate, updatedAt),
      formerIds: formerIdsOf(id, id, properties),
    }
  })
}

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
