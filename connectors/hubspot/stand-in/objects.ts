import { type ObjectType, objectTypeOf, primaryCompany } from '../object-types.ts'
import { cursorOf, invalid, json, notFound, positionOf, problem, Refusal } from './answers.ts'
import { defaultTypeId } from './associations.ts'
import { alwaysGiven } from './properties.ts'
import { type SearchRequest, search } from './search.ts'
import type { Store, StoredRecord } from './store.ts'

interface Association {
  to: { id: string }
  types: { associationTypeId: number }[]
}
interface BatchInput {
  id?: string
  idProperty?: string
  properties?: Record<string, unknown>
  associations?: Association[]
  /** Of associations. */
  after?: string
}
/** Whatever was sent; each answer looks at what it needs. */
export interface RequestBody extends SearchRequest {
  properties?: Record<string, unknown> & string[]
  associations?: Association[]
  inputs?: BatchInput[]
  idProperty?: string
  primaryObjectId?: string
  objectIdToMerge?: string
  objectId?: string
}

/** `/crm/v3/objects/{type}…`
 *  https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide */
export function answerObjects(
  store: Store,
  request: { method: string; type: ObjectType; rest: string[]; query: URLSearchParams; body: RequestBody },
  { mayReadEmails, searchCap }: { mayReadEmails: boolean; searchCap: number },
): Response {
  const { method, type, rest, query, body } = request
  const [first = '', second = ''] = rest
  const shown = (record: StoredRecord, names: string[], seen = record.properties) =>
    show(record, names, seen, mayReadEmails)
  const asked = listOf(query, 'properties')
  const archived = query.get('archived') === 'true'

  if (first === '' && method === 'GET') return list(store, type, query, (record) => shown(record, asked))
  if (first === '' && method === 'POST') {
    const record = createWith(store, type, body)
    return json(201, shown(record, Object.keys(body.properties ?? {})))
  }
  if (first === 'search' && method === 'POST') {
    const { page, total, paging } = search(store, type, body, searchCap)
    return json(200, {
      total,
      results: page.map(({ record, seen }) => shown(record, body.properties ?? [], seen)),
      ...(paging ? { paging } : {}),
    })
  }
  if (first === 'batch' && method === 'POST') return batch(store, type, second, body, archived, shown)
  if (type === 'contacts' && first === 'merge' && method === 'POST') {
    const winner = store.merge(
      store.get(type, body.primaryObjectId ?? ''),
      store.get(type, body.objectIdToMerge ?? ''),
    )
    return json(200, shown(winner, []))
  }
  if (type === 'contacts' && first === 'gdpr-delete' && method === 'POST') {
    const record = byProperty(store, type, body.objectId ?? '', body.idProperty ?? null)
    if (record) store.erase(record)
    return json(204, null)
  }

  const record = byProperty(store, type, first, query.get('idProperty'), archived)
  if (method === 'DELETE') {
    // gone already is gone as well
    if (record) store.archive(record)
    return json(204, null)
  }
  if (!record || second !== '') throw notFound()
  if (method === 'PATCH') {
    store.update(record, body.properties ?? {})
    return json(200, shown(record, Object.keys(body.properties ?? {})))
  }
  if (method !== 'GET') throw new Refusal(405, problem('METHOD_NOT_ALLOWED', 'HTTP 405 Method Not Allowed'))
  return json(200, {
    ...shown(record, asked),
    ...associationsOf(store, record, listOf(query, 'associations')),
  })
}

const listOf = (query: URLSearchParams, name: string): string[] =>
  query.getAll(name).flatMap((value) => value.split(','))

function byProperty(
  store: Store,
  type: ObjectType,
  value: string,
  idProperty: string | null,
  archived = false,
): StoredRecord | null {
  if (idProperty === null || idProperty === 'hs_object_id') return store.find(type, value, archived)
  if (idProperty === 'email' && type === 'contacts') return store.findByEmail(value)
  throw invalid(`${idProperty} is not a unique property.`)
}

function show(record: StoredRecord, names: string[], seen: Record<string, string>, mayReadEmails: boolean) {
  const properties: Record<string, string | null> = {}
  for (const name of new Set([...alwaysGiven[record.type], ...names])) properties[name] = seen[name] ?? null
  if (record.type === 'emails' && !mayReadEmails)
    for (const name of ['hs_email_subject', 'hs_email_text', 'hs_email_html'])
      if (name in properties) properties[name] = '[Redacted]'
  return {
    id: record.id,
    properties,
    createdAt: new Date(record.createdAt).toISOString(),
    updatedAt: new Date(record.updatedAt).toISOString(),
    archived: record.archivedAt !== null,
    ...(record.archivedAt === null ? {} : { archivedAt: new Date(record.archivedAt).toISOString() }),
    // newer than the client's types: whoever reads ignores what is not known
    url: `https://app.hubspot.com/contacts/0/record/${record.type}/${record.id}`,
  }
}

function associationsOf(store: Store, record: StoredRecord, asked: string[]) {
  if (asked.length === 0) return {}
  const associations: Record<string, { results: { id: string; type: string }[] }> = {}
  for (const name of asked) {
    const to = objectTypeOf(name)
    if (!to) throw invalid(`There is no association with ${name}.`)
    const results = store.associations.of(record, to).flatMap(({ id, typeIds }) =>
      typeIds.map((typeId) => ({
        id,
        type:
          typeId === primaryCompany
            ? 'contact_to_company'
            : `${record.type}_to_${to}_unlabeled`.toLowerCase(),
      })),
    )
    if (results.length > 0) associations[to] = { results }
  }
  return Object.keys(associations).length > 0 ? { associations } : {}
}

function list(
  store: Store,
  type: ObjectType,
  query: URLSearchParams,
  shown: (record: StoredRecord) => object,
): Response {
  const limit = Number(query.get('limit') ?? 10)
  if (limit > 100) throw invalid('A page has at most 100 records.')
  const after = query.get('after')
  const { page, next } = store.page(
    type,
    after ? Number(positionOf(after)) : 0,
    limit,
    query.get('archived') === 'true',
  )
  return json(200, {
    results: page.map((record) => ({
      ...shown(record),
      ...associationsOf(store, record, listOf(query, 'associations')),
    })),
    ...(next === null ? {} : { paging: { next: { after: cursorOf(next), link: '' } } }),
  })
}

function createWith(
  store: Store,
  type: ObjectType,
  { properties = {}, associations = [] }: BatchInput,
): StoredRecord {
  // looked up before: a record that belongs to nobody must not stay behind
  const others = associations.map(({ to, types }) => {
    const typeIds = types.map(({ associationTypeId }) => associationTypeId)
    const other = (['contacts', 'companies'] as const)
      .filter(
        (otherType) => typeIds.includes(defaultTypeId(type, otherType)) || typeIds.includes(primaryCompany),
      )
      .map((otherType) => store.find(otherType, to.id))
      .find((found) => found !== null)
    if (!other) throw invalid(`Cannot associate with ${to.id}: there is no such record for ${typeIds}.`)
    return { other, typeIds }
  })
  const record = store.create(type, properties)
  for (const { other, typeIds } of others) store.associate(record, other, typeIds)
  return record
}

function batch(
  store: Store,
  type: ObjectType,
  action: string,
  body: RequestBody,
  archived: boolean,
  shown: (record: StoredRecord, names: string[]) => object,
): Response {
  const { inputs = [] } = body
  if (inputs.length > 100) throw invalid('A batch has at most 100 inputs.')
  if (inputs.length === 0) throw invalid('A batch needs at least one input.')
  const one = (input: BatchInput): object | null => {
    const names = Object.keys(input.properties ?? {})
    const existing = () => byProperty(store, type, input.id ?? '', idProperty(input), archived)
    const idProperty = ({ idProperty: own }: BatchInput) => own ?? body.idProperty ?? null
    switch (action) {
      case 'read': {
        const record = existing()
        if (!record) throw notFound(`Could not get some ${type} objects: ${input.id}`)
        return shown(record, body.properties ?? [])
      }
      case 'create':
        return shown(createWith(store, type, input), names)
      case 'update': {
        const record = existing()
        if (!record) throw notFound()
        return shown(store.update(record, input.properties ?? {}), names)
      }
      case 'upsert': {
        const record = existing()
        if (record) return { ...shown(store.update(record, input.properties ?? {}), names), new: false }
        const withId = { ...input.properties, [idProperty(input) ?? 'hs_object_id']: input.id }
        return { ...shown(store.create(type, withId), names), new: true }
      }
      case 'archive': {
        const record = existing()
        if (record) store.archive(record)
        return null
      }
      default:
        throw notFound()
    }
  }
  const results: object[] = []
  const errors: object[] = []
  for (const input of inputs)
    try {
      const result = one(input)
      if (result) results.push(result)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // a batch of one that is refused is refused as a whole, but for reading: there it is simply not among the results
      if (inputs.length === 1 && action !== 'read') throw error
      errors.push({ ...error.body, context: { ids: [input.id ?? ''] }, links: {}, errors: [] })
    }
  if (action === 'archive') return json(204, null)
  const at = new Date(store.now()).toISOString()
  const status = errors.length > 0 ? 207 : action === 'create' ? 201 : 200
  return json(status, {
    status: 'COMPLETE',
    results,
    startedAt: at,
    completedAt: at,
    ...(errors.length > 0 ? { errors, numErrors: errors.length } : {}),
  })
}
