import { sql } from 'kysely'
import type { CrmChange, CrmCompany, CrmPerson, PersonRef } from '#connectors/sdk/crm.ts'
import { type Change, change, type Services } from '../../services.ts'
import type { OpenConnection } from '../connections/open.ts'
import { readOrGone } from '../mirror/refresh.ts'
import { forgetPeople, storeCompaniesAlone, storedAtOnce, storePeople } from '../mirror/store.ts'
import { eraseByCrm } from '../people/erase.ts'
import { tellAgentsAbout } from '../visitors/service.ts'
import { readWatched, watchedWith } from './watched.ts'

/**
 * Takes a page of changes into the mirror, with whatever must be committed together with it, and tells whoever talks with
 * somebody it is about.
 * @param changes oldest first; may repeat what is known and lag behind it.
 * @param together runs in the last transaction: what it throws undoes that one.
 */
export async function takeChanges(
  services: Services,
  open: OpenConnection,
  changes: CrmChange[],
  readAt: Date,
  together: (change: Change) => Promise<void>,
): Promise<void> {
  const people = newestOf(changes)
  const gone = changes.filter((one) => one.type === 'gone')
  // a feed does not say when somebody was deleted: whoever is told of both ways is looked at
  const lookedAt = services.clock.now()
  const doubted = await readDoubted(services, open, people, gone)
  const certain = [...people.values()].filter(({ id }) => !doubted.has(id))
  const back = [...doubted.values()].filter((one) => one !== null)
  const ids = gone.filter(({ ref, erase }) => !erase && !doubted.get(ref.id)).map(({ ref }) => ref.id)
  const mirror = mirrorOf(open)
  const steps: ((change: Change) => Promise<string[]>)[] = [
    // first, while it is known whose addresses they are
    async (change) => {
      for (const { ref, erase } of gone)
        if (erase) await eraseByCrm(services, change, mirror.connector, ref.id)
      return []
    },
    ({ tx, now }) => forgetPeople(tx, mirror.connector, [...ids, ...nobody(doubted)], now),
    ({ tx }) => storePeople(tx, mirror, back, { readAt: lookedAt, direct: true }),
    ...slices(certain).map(
      (slice) =>
        ({ tx }: Change) =>
          storePeople(tx, mirror, slice, { readAt, direct: false }),
    ),
    ({ tx }) => storeCompaniesAlone(tx, mirror.connector, companiesIn(changes), readAt),
  ]
  for (const [place, step] of steps.entries()) {
    const emails = await change(services, async (change) => {
      const changed = await step(change)
      if (place === steps.length - 1) await together(change)
      return changed
    })
    if (emails.length > 0) await change(services, (change) => tellAgentsAbout(change, emails))
  }
  const refs = changes.filter((one) => one.type === 'activities_changed').map(({ ref }) => ref)
  const moved = changes.filter((one) => one.type === 'activity_changed').map(({ id }) => id)
  await readWatched(services, open, [...refs, ...(await watchedWith(services, open, moved))])
}

/** Everybody a page of an import brought. */
export async function takePeople(
  services: Services,
  open: OpenConnection,
  people: CrmPerson[],
  readAt: Date,
  together: (change: Change) => Promise<void>,
): Promise<void> {
  const parts = people.length === 0 ? [[]] : slices(people)
  for (const [place, slice] of parts.entries()) {
    const emails = await change(services, async (change) => {
      const changed = await storePeople(change.tx, mirrorOf(open), slice, { readAt, direct: false })
      if (place === parts.length - 1) await together(change)
      return changed
    })
    if (emails.length > 0) await change(services, (change) => tellAgentsAbout(change, emails))
  }
}

export const mirrorOf = ({ row, connector }: OpenConnection) => ({
  connector: row.connector,
  types: connector.crm?.personTypes.map(({ type }) => type) ?? [],
})

const companiesIn = (changes: CrmChange[]): CrmCompany[] => [
  ...new Map(
    changes.flatMap((one) => (one.type === 'company_changed' ? [[one.company.id, one.company]] : [])),
  ).values(),
]

function newestOf(changes: CrmChange[]): Map<string, CrmPerson> {
  const people = new Map<string, CrmPerson>()
  for (const one of changes) {
    if (one.type !== 'changed') continue
    const { person } = one
    const before = people.get(person.id)?.formerIds ?? []
    // told with an older state, and as true as before
    people.set(person.id, { ...person, formerIds: [...new Set([...before, ...person.formerIds])] })
  }
  return people
}

/** Those of whom both was heard, that they are there and that they are gone, under whichever of their ids: as they are
 *  now, null for nobody. */
async function readDoubted(
  { db }: Services,
  { connector, crm, row }: OpenConnection,
  people: Map<string, CrmPerson>,
  gone: { ref: PersonRef }[],
): Promise<Map<string, CrmPerson | null>> {
  const doubted = new Map<string, CrmPerson | null>()
  const declared = connector.crm
  if (!declared || !crm || people.size === 0) return doubted
  const goneIds = gone.map(({ ref }) => ref.id)
  const { rows } = await sql<{ externalId: string }>`
    select external_id from mirror_gone
    where connector = ${row.connector} and not erased and external_id = any (${[...people.keys()]})
    union
    select former_id from people_mirror_former
    where connector = ${row.connector} and external_id = any (${goneIds}) and former_id = any (${[...people.keys()]})`.execute(
    db,
  )
  const ids = new Set([...rows.map(({ externalId }) => externalId), ...goneIds])
  for (const person of people.values())
    if (ids.has(person.id)) doubted.set(person.id, await readOrGone(() => declared.readPerson(crm, person)))
  return doubted
}

const nobody = (doubted: Map<string, CrmPerson | null>) =>
  [...doubted].filter(([, person]) => person === null).map(([id]) => id)

const slices = <T>(all: T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / storedAtOnce) }, (_, place) =>
    all.slice(place * storedAtOnce, (place + 1) * storedAtOnce),
  )
