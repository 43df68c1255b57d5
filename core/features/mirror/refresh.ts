import { sql } from 'kysely'
import type { CrmActivity, CrmPerson, PersonRef } from '#connectors/sdk/crm.ts'
import { ConnectorError, RecordGoneError } from '#connectors/sdk/errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { historyMs } from '../activities/history.ts'
import { ConnectionClosedError, type OpenConnection, openConnection } from '../connections/open.ts'
import { tellAboutPeople, tellViewer } from '../visitors/service.ts'
import { replaceActivities } from './activities.ts'
import { type Lookup, noteAnswer, noteNoAnswer, readLookup } from './lookups.ts'
import { forgetPeople, storePeople } from './store.ts'

/** An agent is waiting: what takes longer is better shown as not known. */
const patienceMs = 20_000
/** Nobody has more in 90 days than anybody could read. */
const activitiesAtMost = 5_000

/**
 * Asks one CRM for the person with the visitor's address, and for their activities, and tells whoever looks at them. May run
 * any number of times; what it finds only replaces what is older.
 * @param signal aborted when the job is not wanted any more.
 */
export async function refreshPersonNow(
  services: Services,
  { connectionId, visitorId, askedBy }: { connectionId: string; visitorId: string; askedBy: string | null },
  signal: AbortSignal,
): Promise<void> {
  const lookup = await readLookup(services.db, connectionId, visitorId)
  // erased, or answered for another visitor with this address
  if (!lookup || isAnswered(lookup)) return
  const { email } = lookup
  const soon = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  let open: OpenConnection | null = null
  try {
    open = await openConnection(services, connectionId, { signal: soon, priority: 'live' })
    await findAndStore(services, open, email)
    await tell(services, visitorId, askedBy)
    await readActivities(services, open, email)
  } catch (error) {
    await noteNoAnswer(services.db, connectionId, email, {
      at: services.clock.now(),
      why: inWords(error, soon, signal),
    })
    await tell(services, visitorId, askedBy)
    if (!isExpected(error) && !soon.aborted) throw error
    return
  }
  await tell(services, visitorId, askedBy)
}

/** With the history: whoever writes into the CRM asks who it is, too, and for no more; and a first try may have come as far. */
const isAnswered = ({ askedAt, answeredAt, isKnown, historyAt }: Lookup) =>
  answeredAt !== null &&
  answeredAt > askedAt &&
  (!isKnown || (historyAt !== null && historyAt.getTime() >= askedAt.getTime()))

/**
 * Who has this address; stored with what came of it. Nobody has that of a record that was merged into one with another address, or
 * converted: then it is whoever that record is now.
 * @returns the person, if there is one.
 */
export async function findAndStore(
  services: Services,
  { connector, crm, row }: OpenConnection,
  email: string,
): Promise<CrmPerson | null> {
  const declared = connector.crm
  if (!declared || !crm) return null
  const readAt = services.clock.now()
  const found = await declared.findPerson(crm, email)
  const known = found === null ? await mirroredWith(services, row.connector, email) : []
  const again = await Promise.all(
    known.map(async (one) => ({ ...one, now: await readOrGone(() => declared.readPerson(crm, one)) })),
  )
  const successor = again.find(({ id, wasAnothers, now }) => now !== null && (now.id !== id || wasAnothers))
  const person = found ?? successor?.now ?? null
  const types = declared.personTypes.map(({ type }) => type)
  await change(services, async ({ tx, now }) => {
    const stillThere = again.flatMap((one) => one.now ?? [])
    await storePeople(tx, { connector: row.connector, types }, found ? [found] : stillThere, {
      readAt,
      direct: true,
    })
    const gone = known.filter(
      ({ id }) => !stillThere.some((one) => one.id === id || one.formerIds.includes(id)),
    )
    await forgetPeople(
      tx,
      row.connector,
      gone.map(({ id }) => id),
      now,
    )
    await noteAnswer(tx, row.id, email, { at: readAt, id: person?.id ?? null })
  })
  return person
}

interface Mirrored extends PersonRef {
  /** The address came with a record that was merged into this one. */
  wasAnothers: boolean
}

/** People of the mirror with an address that nobody has, says the vendor: gone, merged, or known by another address now. */
async function mirroredWith(services: Services, connector: string, email: string): Promise<Mirrored[]> {
  const { rows } = await sql<Mirrored>`
    select m.type, m.external_id as id, exists (
      select from people_mirror_former f
      where f.connector = m.connector and f.external_id = m.external_id and ${email} = any (f.emails)) as was_anothers
    from people_mirror_emails e join people_mirror m using (connector, external_id)
    where e.email = ${email} and e.connector = ${connector} order by m.rank, m.external_id limit 5`.execute(
    services.db,
  )
  return rows
}

export async function readOrGone<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof RecordGoneError) return null
    throw error
  }
}

async function readActivities(services: Services, open: OpenConnection, email: string): Promise<void> {
  const { rows } = await sql<PersonRef>`
    select m.type, m.external_id as id from person_lookups l
    join people_mirror m on m.connector = ${open.row.connector} and m.external_id = l.external_id
    where l.connection_id = ${open.row.id} and l.email = ${email}`.execute(services.db)
  const [ref] = rows
  if (ref) await readActivitiesOf(services, open, ref)
}

/** All activities of the last 90 days, in the place of those there were. */
export async function readActivitiesOf(
  services: Services,
  { connector, crm, row }: OpenConnection,
  ref: PersonRef,
): Promise<void> {
  if (!connector.crm || !crm) return
  const readAt = services.clock.now()
  const between = { from: new Date(readAt.getTime() - historyMs), to: readAt }
  const activities: CrmActivity[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof connector.crm.activities>> = await connector.crm.activities(
      crm,
      ref,
      between,
      cursor,
    )
    activities.push(...page.items)
    cursor = page.cursor
    if (cursor === null || activities.length >= activitiesAtMost) break
  }
  await services.db
    .transaction()
    .execute((tx) =>
      replaceActivities(tx, { connector: row.connector, personId: ref.id, readAt }, activities),
    )
}

async function tell(services: Services, visitorId: string, askedBy: string | null): Promise<void> {
  await change(services, async (change: Change) => {
    await tellAboutPeople(change, sql`v.id = ${visitorId}`)
    if (askedBy) await tellViewer(change, askedBy, visitorId)
  })
}

const isExpected = (error: unknown) =>
  error instanceof ConnectorError || error instanceof ConnectionClosedError

function inWords(error: unknown, soon: AbortSignal, signal: AbortSignal): string {
  if (isExpected(error)) return (error as Error).message
  if (soon.aborted && !signal.aborted) return 'It did not answer in time.'
  return 'It could not be read.'
}
