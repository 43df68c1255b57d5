import { SfDate } from 'jsforce/lib/date.js'

/** Text of SOQL that may go into SOQL as it is: names of fields, conditions made with `soql`. */
export class Soql {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Literal = string | number | boolean | null | Date | SfDate | Soql | readonly (string | number)[]

/**
 * SOQL with values in it, each written as a literal: ``soql`SELECT Id FROM Lead WHERE Email = ${email}` ``. jsforce's own conditions leave
 * backslashes as they are, drop what is undefined and write dates that nobody can read; none of that can happen here.
 * @throws {TypeError} for undefined, an empty list, a number that is none
 */
export function soql(parts: TemplateStringsArray, ...values: Literal[]): Soql {
  return new Soql(parts.map((part, at) => (at === 0 ? part : literal(values[at - 1]) + part)).join(''))
}

/** @throws {TypeError} */
function literal(value: Literal | undefined): string {
  if (value instanceof Soql) return value.text
  if (value instanceof SfDate) return value.toString()
  if (value instanceof Date) return SfDate.toDateTimeLiteral(value).toString()
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${escaped(value)}'`
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (Array.isArray(value) && value.length > 0) return `(${value.map(literal).join(', ')})`
  throw new TypeError(`SOQL has no literal for ${JSON.stringify(value)}`)
}

/** https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm */
const escaped = (text: string) =>
  text
    // first, or it would escape the escapes
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll('\b', '\\b')
    .replaceAll('\f', '\\f')

/** `LIKE` for a text anywhere in a field: `%` and `_` in it mean themselves. */
export const containing = (text: string): Soql =>
  new Soql(`'%${escaped(text).replaceAll('%', '\\%').replaceAll('_', '\\_')}%'`)

/** Names of fields or of a type, which come from describe or from this folder, never from a person. @throws {TypeError} */
export function names(...all: string[]): Soql {
  const odd = all.find((name) => !/^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/.test(name))
  if (odd !== undefined || all.length === 0) throw new TypeError(`${odd} is no name of a field`)
  return new Soql([...new Set(all)].join(', '))
}

export const all = (...conditions: Soql[]): Soql => joined(conditions, ' AND ')
export const any = (...conditions: Soql[]): Soql => joined(conditions, ' OR ')

/** @throws {TypeError} for no condition at all: everything would match */
function joined(conditions: Soql[], joint: string): Soql {
  if (conditions.length === 0) throw new TypeError('A condition of nothing matches everything')
  if (conditions.length === 1) return conditions[0] as Soql
  return new Soql(`(${conditions.map(({ text }) => text).join(joint)})`)
}

/** A date without a zone, such as Task.ActivityDate. */
export const dateLiteral = (date: string): SfDate => new SfDate(date)
