import type { Crm, CrmPerson, NewPerson } from '../sdk/crm.ts'
import { DuplicateError, ProviderForbiddenError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { keyField, type Sight, seeing } from './describe.ts'
import { SalesforceRefusedError } from './errors.ts'
import { recordsWith } from './find-person.ts'
import { asId } from './ids.ts'
import { asPerson, followed } from './read-person.ts'
import { all, names, soql } from './soql.ts'
import { type FieldValue, fitting, mappedValues } from './write-values.ts'

/** As long as a job may be repeated. */
const repeatedWithinMs = 30 * 86_400_000

export const createPerson = (crm: Crm, person: NewPerson): Promise<CrmPerson> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    const { type } = person
    const id =
      (await createdEarlier(salesforce, crm, sight, person)) ??
      (await withAnyOwner(person.ownerId, (ownerId) =>
        create(salesforce, crm, sight, { ...person, ownerId }),
      ))
    return asPerson(crm, sight, await followed(salesforce, crm, sight, { type, id }))
  })

function create(salesforce: Salesforce, crm: Crm, sight: Sight, person: NewPerson): Promise<string> {
  const { type } = person
  const values = Object.fromEntries(
    valuesOf(person, crm)
      .filter(({ field }) => sight.field(type, field)?.mayWrite)
      .map((one) => [one.field, fitting(type, one, sight)]),
  )
  const unwritable = Object.keys(person.fixed).find((field) => !sight.field(type, field)?.mayWrite)
  if (unwritable)
    throw new ProviderForbiddenError(
      `The user that Foyer is connected as may not write ${unwritable}, for which there is a fixed value. Allow it in the field’s security, or remove the value.`,
    )
  if (!sight.sees(type, keyField)) return salesforce.create(type, values)
  return salesforce.upsert(type, keyField, person.key, values)
}

/** Pure: what is sent, in order: what the visitor gave, what the admin fixed, what Salesforce cannot do without. */
export function valuesOf(
  { type, values, fixed, ownerId }: NewPerson,
  { mapping }: Pick<Crm, 'mapping'>,
): FieldValue[] {
  const sent = new Map(mappedValues(type, values, mapping).map(({ field, value }) => [field, value]))
  // of a person who gave no name, the address says most
  if (!sent.has('LastName')) sent.set('LastName', values.email?.split('@')[0] || unknown)
  if (type === 'Lead' && !sent.has('Company')) sent.set('Company', unknown)
  for (const [field, value] of Object.entries(fixed)) sent.set(field, value)
  if (ownerId) sent.set('OwnerId', ownerId)
  return [...sent].map(([field, value]) => ({ field, value }))
}

/** As Salesforce itself writes it where something required is not known. */
const unknown = '[not provided]'

/**
 * Without a field for our key, a lost answer is found by what it made: by us, lately, with the same address (or, without one, name and company).
 * @throws {DuplicateError} somebody else made a person of this address meanwhile
 */
async function createdEarlier(salesforce: Salesforce, crm: Crm, sight: Sight, person: NewPerson) {
  const { type, values } = person
  if (sight.sees(type, keyField)) {
    const [row] = await salesforce.rows({
      soql: soql`SELECT Id FROM ${names(type)} WHERE ${names(keyField)} = ${person.key} LIMIT 1`,
    })
    if (row) return asId(row.Id)
  }
  const userId = crm.connection.account?.details?.userId ?? null
  const since = new Date(crm.connection.now().getTime() - repeatedWithinMs)
  const ours = userId ? [soql`CreatedById = ${userId}`, soql`CreatedDate >= ${since}`] : []
  if (values.email) {
    const records = (await recordsWith(salesforce, crm, sight, values.email)).filter(
      ({ row }) => row.IsConverted !== true,
    )
    if (records.length === 0) return undefined
    const ids = records.map(({ row }) => asId(row.Id)).filter((id) => id !== undefined)
    const ofType = records.filter((record) => record.type === type).map(({ row }) => String(row.Id))
    const [own] =
      ours.length > 0 && ofType.length > 0
        ? await salesforce.rows({
            soql: soql`SELECT Id FROM ${names(type)} WHERE ${all(soql`Id IN ${ofType}`, ...ours)} LIMIT 1`,
          })
        : []
    if (own) return asId(own.Id)
    throw new DuplicateError('There is a person with this address in Salesforce.', ids)
  }
  if (ours.length === 0) return undefined
  const same = valuesOf(person, crm).filter(({ field }) =>
    ['FirstName', 'LastName', 'Company', 'Phone'].includes(field),
  )
  const matches = same.map((one) => soql`${names(one.field)} = ${String(fitting(type, one, sight))}`)
  const [own] = await salesforce.rows({
    soql: soql`SELECT Id FROM ${names(type)} WHERE ${all(...matches, ...ours)} ORDER BY CreatedDate DESC LIMIT 1`,
  })
  return asId(own?.Id)
}

/** An owner who left is not worth a lost lead: Salesforce's own default takes it. */
export async function withAnyOwner<T>(
  ownerId: string | null,
  write: (ownerId: string | null) => Promise<T>,
): Promise<T> {
  try {
    return await write(ownerId)
  } catch (error) {
    const isOwner =
      error instanceof SalesforceRefusedError &&
      (error.errorCode === 'INACTIVE_OWNER_OR_USER' ||
        (error.errorCode === 'INVALID_CROSS_REFERENCE_KEY' && error.fields.includes('OwnerId')))
    if (!isOwner || ownerId === null) throw error
    return write(null)
  }
}
