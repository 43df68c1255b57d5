import type { Crm, CrmPerson, PersonRef } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { type Sight, seeing } from './describe.ts'
import { asId } from './ids.ts'
import { fieldsToRead, personFrom, personTypes } from './people.ts'
import type { Row } from './rows.ts'
import { names, soql } from './soql.ts'

/** A record as it is now, with the ids that led to it. */
export interface FoundRecord {
  type: string
  id: string
  row: Row
  formerIds: string[]
}

export const readPerson = (crm: Crm, ref: PersonRef): Promise<CrmPerson> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    return asPerson(crm, sight, await followed(salesforce, crm, sight, ref))
  })

export const asPerson = (crm: Crm, sight: Sight, { type, row, formerIds }: FoundRecord): CrmPerson =>
  personFrom(type, row, { mapping: crm.mapping, sight, webOrigin: webOriginOf(crm) }, formerIds)

export const webOriginOf = ({ connection }: Crm): string =>
  connection.standIn ?? connection.account?.webOrigin ?? connection.account?.apiOrigin ?? ''

/** Longer chains of merges than people make. */
const stepsAtMost = 12

/** The record that a reference stands for now: winners of merges, contacts of converted leads. @throws {RecordGoneError} */
export async function followed(
  salesforce: Salesforce,
  crm: Crm,
  sight: Sight,
  ref: PersonRef,
): Promise<FoundRecord> {
  const formerIds: string[] = []
  let convertedLead: FoundRecord | null = null
  let type = ref.type
  let id = asId(ref.id)
  for (let step = 0; step < stepsAtMost && id && personTypes.some((one) => one.type === type); step++) {
    const fields = names(...fieldsToRead(type, crm.mapping, sight))
    // merge losers are in the recycle bin, which only queryAll sees
    const [row] = await salesforce.rows({
      soql: soql`SELECT ${fields} FROM ${names(type)} WHERE Id = ${id}`,
      withDeleted: true,
    })
    if (!row) break
    if (row.IsDeleted === true) {
      const winner = asId(row.MasterRecordId)
      if (!winner) break
      formerIds.push(id)
      id = winner
      continue
    }
    const found = { type, id, row, formerIds: [...formerIds] }
    const contact = row.IsConverted === true ? asId(row.ConvertedContactId) : undefined
    if (!contact || !sight.seesType('Contact')) return found
    convertedLead = found
    formerIds.push(id)
    type = 'Contact'
    id = contact
  }
  // its contact is gone, or not ours to see: the lead can still be shown
  if (convertedLead) return convertedLead
  throw new RecordGoneError(
    'The person was deleted in Salesforce, or is hidden from the user that Foyer is connected as.',
  )
}
