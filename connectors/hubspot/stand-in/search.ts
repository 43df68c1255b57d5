import { type ObjectType, objectTypeOf } from '../object-types.ts'
import { cursorOf, invalid, positionOf } from './answers.ts'
import { definitionOf } from './properties.ts'
import type { Store, StoredRecord } from './store.ts'

interface Filter {
  propertyName: string
  operator: string
  value?: string
  values?: string[]
  highValue?: string
}
export interface SearchRequest {
  filterGroups?: { filters: Filter[] }[]
  sorts?: unknown[]
  limit?: number
  after?: string
  query?: string
}
type Values = Record<string, string>

/** https://developers.hubspot.com/docs/api-reference/search/guide#limitations */
export function search(store: Store, type: ObjectType, request: SearchRequest, cap: number) {
  const { filterGroups = [], sorts = [], limit = 10 } = request
  refuseTooMuch(filterGroups, sorts, limit)
  const start = request.after && request.after !== '0' ? Number(positionOf(request.after)) : 0
  if (start + limit > cap)
    throw invalid(`The search endpoint returns at most ${cap} results: page no further.`)

  const found: { record: StoredRecord; seen: Values }[] = []
  for (const record of store.all(type)) {
    const seen = store.seenBySearch(record)
    if (seen && meetsOne(store, record, seen, filterGroups)) found.push({ record, seen })
  }
  const { name, direction } = sortOf(sorts[0])
  const page = sorted(found, ({ seen }) => comparable(type, name, seen[name]), direction).slice(
    start,
    start + limit,
  )
  const end = start + page.length
  return {
    total: found.length,
    page,
    ...(end < found.length ? { paging: { next: { after: cursorOf(end) } } } : {}),
  }
}

function refuseTooMuch(groups: { filters: Filter[] }[], sorts: unknown[], limit: number) {
  if (groups.length > 5) throw invalid('Too many filter groups: at most 5.')
  if (groups.some(({ filters }) => filters.length > 6))
    throw invalid('Too many filters in a group: at most 6.')
  if (groups.reduce((sum, { filters }) => sum + filters.length, 0) > 18)
    throw invalid('Too many filters: at most 18 in all.')
  if (sorts.length > 1) throw invalid('Only one sort is allowed.')
  if (limit > 200) throw invalid('A page of a search has at most 200 results.')
}

const meetsOne = (store: Store, record: StoredRecord, seen: Values, groups: { filters: Filter[] }[]) =>
  groups.length === 0 ||
  groups.some(({ filters }) => filters.every((filter) => meets(store, record, seen, filter)))

function meets(store: Store, record: StoredRecord, seen: Values, filter: Filter): boolean {
  const { propertyName, operator } = filter
  if (propertyName.startsWith('associations.')) {
    const other = objectTypeOf(propertyName.slice('associations.'.length))
    if (!other) throw invalid(`There is no association ${propertyName}.`)
    return store.associations.of(record, other).some(({ id }) => id === filter.value)
  }
  if (!definitionOf(record.type, propertyName))
    throw invalid(`There was a problem with the request: property ${propertyName} does not exist.`)
  const value = seen[propertyName]
  const wanted = filter.value ?? ''
  const against = (other: string) => compare(record.type, propertyName, value, other)
  switch (operator) {
    case 'HAS_PROPERTY':
      return value !== undefined
    case 'NOT_HAS_PROPERTY':
      return value === undefined
    case 'EQ':
      return (
        value !== undefined &&
        (against(wanted) === 0 || tokensOf(propertyName, value).includes(wanted.toLowerCase()))
      )
    case 'NEQ':
      return value === undefined || against(wanted) !== 0
    case 'LT':
      return value !== undefined && against(wanted) < 0
    case 'LTE':
      return value !== undefined && against(wanted) <= 0
    case 'GT':
      return value !== undefined && against(wanted) > 0
    case 'GTE':
      return value !== undefined && against(wanted) >= 0
    case 'BETWEEN':
      return value !== undefined && against(wanted) >= 0 && against(filter.highValue ?? '') <= 0
    case 'IN':
      return value !== undefined && (filter.values ?? []).some((one) => against(one) === 0)
    default:
      throw invalid(`The operator ${operator} is not known here.`)
  }
}

/** Several values in one property are told apart by semicolons. */
const tokensOf = (name: string, value: string) =>
  name === 'hs_additional_emails' ? value.toLowerCase().split(';') : []

function sortOf(sort: unknown): { name: string; direction: 1 | -1 } {
  if (sort === undefined) return { name: 'hs_object_id', direction: 1 }
  if (typeof sort === 'string')
    return sort.startsWith('-') ? { name: sort.slice(1), direction: -1 } : { name: sort, direction: 1 }
  const { propertyName, direction } = sort as { propertyName: string; direction?: string }
  return { name: propertyName, direction: direction === 'DESCENDING' ? -1 : 1 }
}

function sorted<T>(all: T[], keyOf: (one: T) => string | number, direction: 1 | -1): T[] {
  return all
    .map((one) => ({ one, key: keyOf(one) }))
    .sort((a, b) => direction * order(a.key, b.key))
    .map(({ one }) => one)
}

const compare = (type: ObjectType, name: string, a: string | undefined, b: string | undefined): number =>
  order(comparable(type, name, a), comparable(type, name, b))

const order = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)

function comparable(type: ObjectType, name: string, value: string | undefined): string | number {
  const kind = definitionOf(type, name)?.type
  if (kind === 'datetime') return instantOf(value)
  return kind === 'number' ? Number(value ?? 0) : (value ?? '').toLowerCase()
}

/** Milliseconds since 1970, or ISO 8601. */
const instantOf = (value: string | undefined): number =>
  value === undefined ? 0 : /^\d+$/.test(value) ? Number(value) : Date.parse(value)
