import type { Crm, CrmOwner, Page } from '../sdk/crm.ts'
import { Salesforce } from './client.ts'
import { asId } from './ids.ts'
import { textAt } from './rows.ts'
import { all, names, soql } from './soql.ts'

const pageSize = 2_000
/** People and queues can own; inactive users are told too, since records may still name them. */
const kinds = [
  { type: 'User', fields: ['Id', 'Name', 'Email', 'IsActive'], are: soql`UserType = ${'Standard'}` },
  { type: 'Group', fields: ['Id', 'Name', 'Email'], are: soql`Type = ${'Queue'}` },
]

export async function owners({ connection }: Crm, cursor: string | null): Promise<Page<CrmOwner>> {
  const salesforce = await Salesforce.over(connection)
  const after = asId(cursor?.split(':')[1])
  const place = Math.max(
    0,
    kinds.findIndex(({ type }) => type === cursor?.split(':')[0]),
  )
  const kind = kinds[place] as (typeof kinds)[number]
  const where = all(kind.are, ...(after ? [soql`Id > ${after}`] : []))
  const { rows, isAll } = await salesforce.firstPage({
    soql: soql`SELECT ${names(...kind.fields)} FROM ${names(kind.type)} WHERE ${where} ORDER BY Id LIMIT ${pageSize}`,
  })
  const last = asId(rows.at(-1)?.Id)
  const isMore = last !== undefined && (!isAll || rows.length >= pageSize)
  const next = kinds[place + 1]
  return {
    items: rows.map((row) => ({
      id: asId(row.Id) ?? '',
      name: textAt(row, 'Name'),
      email: textAt(row, 'Email')?.toLowerCase() ?? null,
      active: row.IsActive !== false,
      isQueue: kind.type === 'Group',
    })),
    cursor: isMore ? `${kind.type}:${last}` : next ? `${next.type}:` : null,
  }
}
