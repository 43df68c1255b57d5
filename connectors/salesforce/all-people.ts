import type { Crm, PeoplePage } from '../sdk/crm.ts'
import { CursorExpiredError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { seeing } from './describe.ts'
import { asId } from './ids.ts'
import { fieldsToRead, personFrom, personTypes } from './people.ts'
import { webOriginOf } from './read-person.ts'
import { all, names, type Soql, soql } from './soql.ts'

/** As many as Salesforce gives at once. */
const pageSize = 2_000

interface Position {
  type: string
  /** The last id read. */
  after: string | null
  total: number
  /** Of each type; missing in cursors of earlier versions. */
  totals?: Record<string, number>
}

/** By id, so that any cursor is good for ever: Salesforce's own are forgotten after two days. Converted leads are their contacts. */
export const allPeople = (crm: Crm, cursor: string | null): Promise<PeoplePage> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    const types = personTypes.map(({ type }) => type).filter((type) => sight.seesType(type))
    const [first] = types
    if (!first) return { items: [], cursor: null, total: 0 }
    const at = cursor ? positionIn(cursor) : { type: first, after: null, ...(await count(salesforce, types)) }
    const { total, totals } = at
    const conditions = [...current(at.type), ...(at.after ? [soql`Id > ${at.after}`] : [])]
    const where = conditions.length > 0 ? soql` WHERE ${all(...conditions)}` : soql``
    const fields = names(...fieldsToRead(at.type, crm.mapping, sight))
    const { rows, isAll } = await salesforce.firstPage({
      soql: soql`SELECT ${fields} FROM ${names(at.type)}${where} ORDER BY Id LIMIT ${pageSize}`,
    })
    const context = { mapping: crm.mapping, sight, webOrigin: webOriginOf(crm) }
    const last = asId(rows.at(-1)?.Id)
    const isMore = last !== undefined && (!isAll || rows.length >= pageSize)
    const next = isMore ? at.type : types[types.indexOf(at.type) + 1]
    return {
      items: rows.map((row) => personFrom(at.type, row, context)),
      total,
      ...(totals ? { totals } : {}),
      cursor: next ? JSON.stringify({ type: next, after: isMore ? last : null, total, totals }) : null,
    }
  })

const current = (type: string): Soql[] => (type === 'Lead' ? [soql`IsConverted = ${false}`] : [])

async function count(salesforce: Salesforce, types: string[]) {
  const totals: Record<string, number> = {}
  for (const type of types) {
    const where = current(type).length > 0 ? soql` WHERE ${all(...current(type))}` : soql``
    const { total } = await salesforce.firstPage({ soql: soql`SELECT COUNT() FROM ${names(type)}${where}` })
    totals[type] = total
  }
  return { total: Object.values(totals).reduce((sum, one) => sum + one, 0), totals }
}

/** @throws {CursorExpiredError} for what is none of ours */
function positionIn(cursor: string): Position {
  try {
    const { type, after, total, totals } = JSON.parse(cursor)
    const isKnown = personTypes.some((one) => one.type === type)
    if (isKnown && (after === null || asId(after))) return { type, after, total: Number(total), totals }
  } catch {
    // told below
  }
  throw new CursorExpiredError('Where the import had stopped is not known any more. It starts anew.')
}
