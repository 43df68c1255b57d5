import type { Crm, CrmPerson, PersonChange, PersonRef } from '../sdk/crm.ts'
import { ProviderForbiddenError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { type Sight, seeing } from './describe.ts'
import { LeadConvertedError } from './errors.ts'
import { asId } from './ids.ts'
import { asPerson, type FoundRecord, followed } from './read-person.ts'
import { textAt } from './rows.ts'
import { fitting, mappedValues } from './write-values.ts'

export const updatePerson = (crm: Crm, ref: PersonRef, change: PersonChange): Promise<CrmPerson> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    try {
      return await update(salesforce, crm, sight, ref, change)
    } catch (error) {
      // converted after we read it: once more, to the contact
      if (!(error instanceof LeadConvertedError)) throw error
      return update(salesforce, crm, sight, ref, change)
    }
  })

async function update(
  salesforce: Salesforce,
  crm: Crm,
  sight: Sight,
  ref: PersonRef,
  change: PersonChange,
): Promise<CrmPerson> {
  const found = await followed(salesforce, crm, sight, ref)
  const { type, id } = writtenTo(found)
  const { values, refused } = wanted(found, type, crm, sight, change)
  if (Object.keys(values).length > 0) await salesforce.update(type, id, values)
  if (refused.length > 0)
    throw new ProviderForbiddenError(
      `The user that Foyer is connected as may not write ${refused.join(', ')} in Salesforce. Allow it in the field’s security, or change the mapping.`,
    )
  const after = Object.keys(values).length > 0 ? await followed(salesforce, crm, sight, found) : found
  return asPerson(crm, sight, { ...after, formerIds: found.formerIds })
}

/** Names and address of a person account are the account's. */
function writtenTo({ type, id, row }: FoundRecord): { type: string; id: string } {
  const account = row.IsPersonAccount === true ? asId(row.AccountId) : undefined
  return account ? { type: 'Account', id: account } : { type, id }
}

/** A contact's fields under the names they have on a person account. */
const onAccount = (field: string): string => {
  if (field.endsWith('__c')) return field.replace(/__c$/, '__pc')
  return ['FirstName', 'LastName', 'Phone', 'Fax'].includes(field) ? field : `Person${field}`
}

/** What differs and may be written; what an agent corrected and may not be is refused by name. Hidden is not empty. */
function wanted({ type, row }: FoundRecord, target: string, crm: Crm, sight: Sight, change: PersonChange) {
  const nameOn = (field: string) => (target === type ? field : onAccount(field))
  const mayWrite = (field: string) =>
    sight.sees(type, field) && sight.field(target, nameOn(field))?.mayWrite === true
  const current = (of: string, field: string) =>
    of === 'name' ? textAt(row, crm.mapping[type]?.name ?? 'Name') : textAt(row, field)
  const values: Record<string, string | number | boolean> = {}
  const refused: string[] = []
  for (const one of mappedValues(type, change.onlyEmpty, crm.mapping))
    if (mayWrite(one.field) && current(one.of, one.field) === null)
      values[nameOn(one.field)] = fitting(type, one, sight)
  for (const one of mappedValues(type, change.values, crm.mapping)) {
    if (current(one.of, one.field) === (one.of === 'name' ? change.values.name?.trim() : one.value)) continue
    if (mayWrite(one.field)) values[nameOn(one.field)] = fitting(type, one, sight)
    else refused.push(sight.field(type, one.field)?.label ?? one.field)
  }
  return { values, refused }
}
