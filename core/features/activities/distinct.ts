import type { ActivityKind } from '../../contracts/visitors.ts'

/** An activity as a connector told of it, as far as telling it from others goes. */
export interface Told {
  connector: string
  personId: string
  externalId: string
  /** What shares one of these is one activity. */
  keys: readonly string[]
  kind: ActivityKind
  at: Date
  foyerKey: string | null
}

/** Of two that are the same thing the one that says more about it: the task that a CRM keeps of an e-mail is the e-mail. */
const telling: Record<ActivityKind, number> = {
  email: 0,
  call: 1,
  meeting: 2,
  form: 3,
  campaign: 4,
  note: 5,
  task: 6,
  chat: 7,
  visit: 8,
}

/**
 * Each activity once, however many tell of it: those that share a key are one, and so are those in between. Of each the most
 * telling kind stands for all, then the connector that comes first. What Foyer wrote there itself is hidden, with whatever is
 * the same.
 * @param order the connectors in the admin's order. @param isOurs whether the history shows what has this key already.
 */
export function distinct<T extends Told>(
  activities: readonly T[],
  order: readonly string[],
  isOurs: (foyerKey: string) => boolean,
): T[] {
  const parents = activities.map((_, place) => place)
  const rootOf = (place: number): number => {
    let root = place
    while (parents[root] !== root) root = parents[root] ?? root
    // whoever asks again is there at once
    for (let at = place; at !== root; ) {
      const next = parents[at] ?? root
      parents[at] = root
      at = next
    }
    return root
  }
  const byKey = new Map<string, number>()
  activities.forEach(({ keys }, place) => {
    for (const key of keys) {
      const other = byKey.get(key)
      if (other === undefined) byKey.set(key, place)
      else parents[rootOf(place)] = rootOf(other)
    }
  })
  const groups = Map.groupBy(activities.keys(), rootOf)
  const places = new Map(order.map((connector, place) => [connector, place]))
  const standsFor = (one: T, other: T) =>
    telling[one.kind] - telling[other.kind] ||
    (places.get(one.connector) ?? order.length) - (places.get(other.connector) ?? order.length) ||
    compare(one.connector, other.connector) ||
    compare(one.externalId, other.externalId) ||
    compare(one.personId, other.personId)
  return [...groups.values()].flatMap((group) => {
    const same = group.flatMap((place) => activities[place] ?? [])
    if (same.some(({ foyerKey }) => foyerKey !== null && isOurs(foyerKey))) return []
    return same.toSorted(standsFor).slice(0, 1)
  })
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
