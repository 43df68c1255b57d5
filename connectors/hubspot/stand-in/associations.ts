import { type ObjectType, objectTypes } from '../object-types.ts'
import type { StoredRecord } from './store.ts'

export interface AssociatedRecord {
  id: string
  typeIds: number[]
}

/** From whom to whom, by which ids. */
export type SavedLinks = [key: string, linked: [id: string, typeIds: number[]][]][]

/** Who belongs to whom, from both sides. */
export function createAssociations() {
  const links = new Map<string, Map<string, Set<number>>>()
  const keyOf = (from: Pick<StoredRecord, 'type' | 'id'>, to: ObjectType) => `${from.type}/${from.id}/${to}`

  function link(from: StoredRecord, to: StoredRecord, typeIds: number[]) {
    const key = keyOf(from, to.type)
    const linked = links.get(key) ?? new Map<string, Set<number>>()
    links.set(key, linked)
    linked.set(to.id, new Set([...(linked.get(to.id) ?? []), ...typeIds]))
  }

  return {
    add(from: StoredRecord, to: StoredRecord, typeIds: number[]) {
      const both = [...new Set([...typeIds, defaultTypeId(from.type, to.type)])]
      link(from, to, both)
      link(to, from, both.map(reverse))
    },
    remove(from: StoredRecord, to: StoredRecord) {
      links.get(keyOf(from, to.type))?.delete(to.id)
      links.get(keyOf(to, from.type))?.delete(from.id)
    },
    of(from: Pick<StoredRecord, 'type' | 'id'>, to: ObjectType): AssociatedRecord[] {
      return [...(links.get(keyOf(from, to)) ?? [])].map(([id, typeIds]) => ({ id, typeIds: [...typeIds] }))
    },
    save: (): SavedLinks =>
      [...links].map(([key, linked]) => [key, [...linked].map(([id, ids]) => [id, [...ids]])]),
    load(saved: SavedLinks) {
      for (const [key, linked] of saved)
        links.set(key, new Map(linked.map(([id, ids]) => [id, new Set(ids)])))
    },
    move(loser: StoredRecord, winner: StoredRecord) {
      for (const type of Object.keys(objectTypes) as ObjectType[])
        for (const [id, typeIds] of links.get(keyOf(loser, type)) ?? []) {
          link(winner, { id, type } as StoredRecord, [...typeIds])
          const back = links.get(keyOf({ type, id }, loser.type))
          back?.delete(loser.id)
          link({ id, type } as StoredRecord, winner, [...typeIds].map(reverse))
        }
    },
  }
}

/** HubSpot's ids go in pairs: contact to company 279 and back 280, note to contact 202 and back 201. */
function reverse(typeId: number): number {
  if (typeId === 279) return 280
  if (typeId === 280) return 279
  return typeId % 2 === 0 ? typeId - 1 : typeId + 1
}

export function defaultTypeId(from: ObjectType, to: ObjectType): number {
  if (from === 'contacts' && to === 'contacts') return 449
  if (from === 'contacts') return reverse(objectTypes[to].toContact ?? 0)
  return objectTypes[from].toContact ?? 0
}
