import { objectTypeOf } from '../object-types.ts'
import { cursorOf, invalid, json, notFound, positionOf } from './answers.ts'
import { type AssociatedRecord, defaultTypeId } from './associations.ts'
import type { Store } from './store.ts'

const labels: Record<number, string> = { 1: 'Primary', 2: 'Primary' }

const shown = ({ id, typeIds }: AssociatedRecord) => ({
  toObjectId: id,
  associationTypes: typeIds.map((typeId) => ({
    category: 'HUBSPOT_DEFINED',
    typeId,
    ...(labels[typeId] ? { label: labels[typeId] } : {}),
  })),
})

/** `/crm/v4/associations/{from}/{to}/batch/read`, by pages of `pageSize`. */
export function readAssociations(
  store: Store,
  [fromName = '', toName = '']: string[],
  body: { inputs?: { id?: string; after?: string }[] },
  pageSize: number,
): Response {
  const [from, to] = [objectTypeOf(fromName), objectTypeOf(toName)]
  if (!from || !to) throw notFound()
  const { inputs = [] } = body
  if (inputs.length > 1_000) throw invalid('At most 1000 inputs.')
  const errors: object[] = []
  const results = inputs.flatMap(({ id = '', after }) => {
    const record = store.find(from, id)
    const all = record ? store.associations.of(record, to) : []
    if (all.length === 0) {
      errors.push({
        status: 'error',
        category: 'OBJECT_NOT_FOUND',
        subCategory: 'crm.associations.NO_ASSOCIATIONS_FOUND',
        message: `No ${to} is associated with ${from} ${id}.`,
        context: { fromObjectId: [id] },
        links: {},
        errors: [],
      })
      return []
    }
    const start = after ? Number(positionOf(after)) : 0
    const end = start + pageSize
    return [
      {
        from: { id },
        to: all.slice(start, end).map(shown),
        ...(end < all.length ? { paging: { next: { after: cursorOf(end), link: '' } } } : {}),
      },
    ]
  })
  const at = new Date(store.now()).toISOString()
  return json(errors.length > 0 ? 207 : 200, {
    status: 'COMPLETE',
    results,
    startedAt: at,
    completedAt: at,
    ...(errors.length > 0 ? { errors, numErrors: errors.length } : {}),
  })
}

/** `PUT /crm/v4/objects/{from}/{id}/associations/default/{to}/{id}` */
export function associateByDefault(store: Store, parts: string[]): Response {
  const [fromName = '', fromId = '', toName = '', toId = ''] = parts
  const [from, to] = [objectTypeOf(fromName), objectTypeOf(toName)]
  if (!from || !to) throw notFound()
  store.associate(store.get(from, fromId), store.get(to, toId), [defaultTypeId(from, to)])
  const at = new Date(store.now()).toISOString()
  return json(200, { status: 'COMPLETE', results: [], startedAt: at, completedAt: at })
}
