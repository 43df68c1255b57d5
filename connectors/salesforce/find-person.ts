import type { Crm, CrmPerson } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { type Sight, seeing } from './describe.ts'
import { asId } from './ids.ts'
import { emailFields, fieldsToRead, personTypes } from './people.ts'
import { asPerson, type FoundRecord, followed } from './read-person.ts'
import { instantAt, type Row, textAt } from './rows.ts'
import { any, names, soql } from './soql.ts'

/** A contact before a lead that is not converted; among equals the one with the most recent activity, then change. */
export const findPerson = (crm: Crm, email: string): Promise<CrmPerson | null> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    for (const { type, row } of (await recordsWith(salesforce, crm, sight, email)).sort(byPreference)) {
      const found: FoundRecord = { type, id: asId(row.Id) ?? '', row, formerIds: [] }
      if (row.IsConverted !== true) return asPerson(crm, sight, found)
      try {
        return asPerson(crm, sight, await followed(salesforce, crm, sight, found))
      } catch (error) {
        // deleted between the two questions
        if (!(error instanceof RecordGoneError)) throw error
      }
    }
    return null
  })

/** All leads and contacts with this address in any of their address fields, in one call. */
export async function recordsWith(salesforce: Salesforce, crm: Crm, sight: Sight, email: string) {
  const address = email.trim()
  if (address === '') return []
  const asked = personTypes.flatMap(({ type }) => {
    const fields = emailFields(type, crm.mapping, sight)
    if (fields.length === 0) return []
    const matches = any(...fields.map((field) => soql`${names(field)} = ${address}`))
    const read = names(...fieldsToRead(type, crm.mapping, sight))
    return [{ type, soql: soql`SELECT ${read} FROM ${names(type)} WHERE ${matches} LIMIT 200` }]
  })
  const answers = await salesforce.rowsOfEach(asked)
  return answers.flatMap((rows, at) => {
    if (rows instanceof Error) throw rows
    return rows.map((row) => ({ type: asked[at]?.type ?? '', row }))
  })
}

function byPreference(a: { type: string; row: Row }, b: { type: string; row: Row }): number {
  const rank = ({ type, row }: { type: string; row: Row }) =>
    type === 'Contact' ? 0 : row.IsConverted === true ? 2 : 1
  const activity = ({ row }: { row: Row }) => textAt(row, 'LastActivityDate') ?? ''
  const change = ({ row }: { row: Row }) => instantAt(row, 'SystemModstamp')?.getTime() ?? 0
  return rank(a) - rank(b) || activity(b).localeCompare(activity(a)) || change(b) - change(a)
}
