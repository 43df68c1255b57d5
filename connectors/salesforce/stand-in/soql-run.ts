import { asId } from '../ids.ts'
import { ApiError, noSuchColumn, noSuchType } from './errors.ts'
import type { Org, Row, Value } from './org.ts'
import type { StandInField } from './schema.ts'
import type { Condition, Literal, SoqlQuery } from './soql-parser.ts'

/** What a query gives: the rows in order, before they are cut into pages. @throws {ApiError} */
export function runQuery(org: Org, query: SoqlQuery, { withDeleted }: { withDeleted: boolean }): Row[] {
  const type = visibleType(org, query.from)
  for (const path of query.fields ?? []) resolvePath(org, type, path)
  if (type === 'ContentDocumentLink') refuseUnfilteredLinks(query.where)
  const keeps = query.where ? predicateOf(org, type, query.where, withDeleted) : () => true
  const rows = [...org.rows(type).values()].filter(
    (row) => (withDeleted || row.IsDeleted !== true) && !org.unshared.has(row.Id) && keeps(row),
  )
  const order = query.orderBy.map(({ path, isDescending }) => ({
    read: resolvePath(org, type, path).read,
    isDescending,
  }))
  rows.sort((a, b) => {
    for (const { read, isDescending } of order) {
      const way = compare(read(a), read(b))
      if (way !== 0) return isDescending ? -way : way
    }
    return 0
  })
  return query.limit === null ? rows : rows.slice(0, query.limit)
}

/** Salesforce lists no links but those of named documents or records. */
function refuseUnfilteredLinks(where: Condition | null) {
  const parts = where?.kind === 'all' ? where.of : [where]
  const isNamed = parts.some(
    (part) =>
      (part?.kind === 'in' || (part?.kind === 'compare' && part.operator === '=')) &&
      /^(ContentDocumentId|LinkedEntityId)$/i.test(part.path.join('.')),
  )
  if (!isNamed)
    throw new ApiError(
      400,
      'MALFORMED_QUERY',
      'Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId using the equals operator or multiple Ids using the IN operator.',
    )
}

/** A row as JSON, with its relationships as objects of their own. */
export function render(org: Org, query: SoqlQuery, row: Row, version: string): Record<string, unknown> {
  const type = visibleType(org, query.from)
  const rendered: Record<string, unknown> = { attributes: attributes(type, row.Id, version) }
  for (const path of query.fields ?? []) renderPath(org, type, row, path, rendered, version)
  return rendered
}

const attributes = (type: string, id: Value | undefined, version: string) => ({
  type,
  url: `/services/data/${version}/sobjects/${type}/${id}`,
})

function renderPath(
  org: Org,
  type: string,
  row: Row,
  [head = '', ...rest]: string[],
  into: Record<string, unknown>,
  version: string,
) {
  if (rest.length === 0) {
    const field = visibleField(org, type, head)
    into[field.name] = row[field.name] ?? null
    return
  }
  const field = relationship(org, type, head)
  const name = field.relationshipName as string
  const related = org.find(row[field.name])
  const relatedType = related && org.schema.typeOf(related.Id)
  if (!related || !relatedType) {
    into[name] ??= null
    return
  }
  const isName = field.referenceTo.length > 1
  into[name] ??= { attributes: attributes(isName ? 'Name' : relatedType, related.Id, version) }
  if (isName && rest[0]?.toLowerCase() === 'type') {
    ;(into[name] as Record<string, unknown>).Type = relatedType
    return
  }
  const inner = into[name] as Record<string, unknown>
  // of several types only some may have the field
  if (isName && !org.schema.object(relatedType)?.fields.has(rest[0]?.toLowerCase() ?? ''))
    inner[nameFields.find((known) => known.toLowerCase() === rest[0]?.toLowerCase()) ?? ''] = null
  else renderPath(org, relatedType, related, rest, inner, version)
}

export function visibleType(org: Org, name: string): string {
  const object = org.schema.object(name)
  if (!object || org.hidden.has(object.name)) throw noSuchType(name)
  return object.name
}

export function visibleField(org: Org, type: string, name: string): StandInField {
  const field = org.schema.object(type)?.fields.get(name.toLowerCase())
  if (!field || org.hidden.has(`${type}.${field.name}`)) throw noSuchColumn(name, type)
  return field
}

function relationship(org: Org, type: string, name: string): StandInField {
  for (const field of org.schema.object(type)?.fields.values() ?? [])
    if (field.relationshipName?.toLowerCase() === name.toLowerCase())
      return visibleField(org, type, field.name)
  throw new ApiError(400, 'INVALID_FIELD', `Didn't understand relationship '${name}' in field path.`)
}

/** What may be asked of a reference to several types. */
const nameFields = [
  'Id',
  'Name',
  'FirstName',
  'LastName',
  'Type',
  'Email',
  'Phone',
  'Title',
  'IsActive',
  'Username',
  'Alias',
]

interface Resolved {
  field: StandInField | null
  read(row: Row): Value
}

function resolvePath(org: Org, type: string, [head = '', ...rest]: string[]): Resolved {
  if (rest.length === 0) {
    const field = visibleField(org, type, head)
    return { field, read: (row) => row[field.name] ?? null }
  }
  const through = relationship(org, type, head)
  if (through.referenceTo.length > 1) {
    const name = nameFields.find((known) => known.toLowerCase() === rest.join('.').toLowerCase())
    if (!name) throw noSuchColumn(rest.join('.'), 'Name')
    const read = (row: Row) => {
      const related = org.find(row[through.name])
      if (!related) return null
      return name === 'Type' ? org.schema.typeOf(related.Id) : (related[name] ?? null)
    }
    return { field: null, read }
  }
  const target = visibleType(org, through.referenceTo[0] ?? '')
  const inner = resolvePath(org, target, rest)
  return {
    field: inner.field,
    read: (row) => {
      const related = org.find(row[through.name])
      return related ? inner.read(related) : null
    },
  }
}

function predicateOf(
  org: Org,
  type: string,
  condition: Condition,
  withDeleted: boolean,
): (row: Row) => boolean {
  switch (condition.kind) {
    case 'all':
    case 'any': {
      const parts = condition.of.map((part) => predicateOf(org, type, part, withDeleted))
      if (condition.kind === 'all') return (row) => parts.every((part) => part(row))
      if (condition.of.some((part) => part.kind === 'in' && !Array.isArray(part.values)))
        throw new ApiError(
          400,
          'MALFORMED_QUERY',
          'Semi join sub-selects are not allowed with the OR operator',
        )
      return (row) => parts.some((part) => part(row))
    }
    case 'not': {
      const part = predicateOf(org, type, condition.of, withDeleted)
      return (row) => !part(row)
    }
    case 'in': {
      const { field, read } = filterable(org, type, condition.path)
      const wanted = Array.isArray(condition.values)
        ? condition.values.map((value) => comparable(value, field))
        : selected(org, condition.values, withDeleted)
      const isIn = (row: Row) => wanted.some((value) => compare(read(row), value) === 0)
      return condition.isNegated ? (row) => !isIn(row) : isIn
    }
    case 'compare': {
      const { field, read } = filterable(org, type, condition.path)
      const { operator, value } = condition
      if (value.type === 'pattern') {
        const pattern = patternOf(value.parts)
        return (row) => pattern.test(String(read(row) ?? ''))
      }
      const wanted = comparable(value, field)
      return (row) => holds(operator, read(row), wanted)
    }
  }
}

const selected = (org: Org, query: SoqlQuery, withDeleted: boolean): Value[] => {
  const [path = []] = query.fields ?? []
  const { read } = resolvePath(org, visibleType(org, query.from), path)
  return runQuery(org, query, { withDeleted }).map(read)
}

function filterable(org: Org, type: string, path: string[]): Resolved {
  const resolved = resolvePath(org, type, path)
  if (resolved.field?.type === 'textarea')
    throw new ApiError(
      400,
      'INVALID_QUERY_FILTER_OPERATOR',
      `field '${path.join('.')}' can not be filtered in a query call`,
    )
  return resolved
}

/** The literal as the field's values are; a literal of the wrong kind is refused as Salesforce refuses it. */
function comparable(literal: Literal, field: StandInField | null): Value {
  if (literal.type === 'null') return null
  if (literal.type === 'pattern') return null
  const kind = field?.type ?? 'string'
  const wanted =
    kind === 'double' || kind === 'int'
      ? 'number'
      : ['boolean', 'date', 'datetime'].includes(kind)
        ? kind
        : 'string'
  if (literal.type !== wanted)
    throw new ApiError(
      400,
      'INVALID_FIELD',
      `value of filter criterion for field '${field?.name}' must be of type ${kind}${wanted === 'string' ? ' and should be enclosed in quotes' : ' and should not be enclosed in quotes'}`,
    )
  if ((kind === 'reference' || kind === 'id') && literal.type === 'string') {
    const id = asId(literal.value)
    if (!id) throw new ApiError(400, 'INVALID_QUERY_FILTER_OPERATOR', `invalid ID field: ${literal.value}`)
    return id
  }
  return literal.value
}

function holds(operator: string, value: Value, wanted: Value): boolean {
  if (operator === '=') return compare(value, wanted) === 0
  if (operator === '!=') return compare(value, wanted) !== 0
  if (value === null || wanted === null) return false
  const way = compare(value, wanted)
  if (operator === '<') return way < 0
  if (operator === '<=') return way <= 0
  return operator === '>' ? way > 0 : way >= 0
}

const isInstant = (value: Value): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)
const isIdentifier = (value: string) => /^[a-zA-Z0-9]{18}$/.test(value)

/** Texts without regard to case, as Salesforce compares them; ids with. Nothing comes first. */
function compare(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null || a === '') return b === null || b === '' ? 0 : -1
  if (b === null || b === '') return 1
  if (isInstant(a) && isInstant(b)) return Math.sign(Date.parse(a) - Date.parse(b))
  if (typeof a === 'string' && typeof b === 'string') {
    const [left, right] = isIdentifier(a) && isIdentifier(b) ? [a, b] : [a.toLowerCase(), b.toLowerCase()]
    return left < right ? -1 : left > right ? 1 : 0
  }
  return a < b ? -1 : 1
}

function patternOf(parts: (string | { any: '%' | '_' })[]): RegExp {
  const source = parts.map((part) =>
    typeof part === 'string' ? RegExp.escape(part) : part.any === '%' ? '[\\s\\S]*' : '[\\s\\S]',
  )
  return new RegExp(`^${source.join('')}$`, 'iu')
}
