import { sql } from 'kysely'
import type { CrmChange, CrmCompany, CrmPerson, PersonRef } from '#connectors/sdk/crm.ts'
import { type Change, change, type Services } from '../../services.ts'
import type { OpenConnection } from '../connections/open.ts'
import { readActivitiesOf, readOrGone } from '../mirror/refresh.ts'
import { forgetPeople, storeCompaniesAlone, storedAtOnce, storePeople } from '../mirror/store.ts'
import { eraseByCrm } from '../people/erase.ts'
import { knownEmail } from '../visitors/known.ts'
import { tellAgentsAbout } from '../visitors/service.ts'

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
  await readWatched(
    services,
    open,
    changes.filter((one) => one.type === 'activities_changed').map(({ ref }) => ref),
  )
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

/** No feed tells everything: what is deleted, or given to somebody else, leaves no trace in some. So what is on a screen is read
 *  anew now and then, the longest unread first, no more than a few each time: that costs a vendor's limits. */
const readAnewAfterMs = 10 * 60_000
const readAnewAtOnce = 3

export async function readLongUnread(services: Services, open: OpenConnection): Promise<void> {
  const before = new Date(services.clock.now().getTime() - readAnewAfterMs)
  const { rows } = await sql<PersonRef>`
    select m.type, m.external_id as id from (
      select distinct e.connector, e.external_id from conversations c
      join visitors v on v.id = c.visitor_id
      join people_mirror_emails e on e.email = ${knownEmail()} and e.connector = ${open.row.connector}
      where c.status in ('waiting', 'active')) as watched
    join people_mirror m using (connector, external_id)
    where m.activities_at <= ${before} order by m.activities_at limit ${readAnewAtOnce}`.execute(services.db)
  await readWatched(services, open, rows)
}

/** Reads anew what those did whom somebody talks with now. Of the others it is read with their next chat. */
export async function readWatched(
  services: Services,
  open: OpenConnection,
  refs: PersonRef[],
): Promise<void> {
  if (refs.length === 0) return
  const byId = new Map(refs.map((ref) => [ref.id, ref]))
  const { rows } = await sql<{ externalId: string; email: string }>`
    select distinct e.external_id, e.email from conversations c
    join visitors v on v.id = c.visitor_id
    join people_mirror_emails e on e.email = ${knownEmail()}
    where c.status in ('waiting', 'active') and e.connector = ${open.row.connector}
      and e.external_id = any (${[...byId.keys()]})`.execute(services.db)
  for (const { externalId, email } of rows) {
    const ref = byId.get(externalId)
    if (!ref) continue
    await readActivitiesOf(services, open, ref)
    await sql`
      update person_lookups set answered_at = greatest(answered_at, ${services.clock.now()})
      where connection_id = ${open.row.id} and email = ${email} and external_id = ${externalId}`.execute(
      services.db,
    )
    await change(services, (change) => tellAgentsAbout(change, [email]))
  }
}
