import type { Crm, KnownHistory, PersonRef } from '../sdk/crm.ts'
import { engagementIdIn, happenedAt, timeProperties } from './activity-mapping.ts'
import { batchSize, clientFor, modifiedAt } from './client.ts'
import { type EngagementType, engagementTypes } from './object-types.ts'

/**
 * HubSpot tells nowhere else what is deleted, or given to another contact: no search has what is deleted, the list of it has no order of time, an
 * activity's stamp does not say whose it is, and events of notes are a beta that each app has to subscribe to. So of each kind it is asked what
 * these contacts have, and what became of that: a call for all of them, one for each five hundred more that one of them has, and one for each
 * hundred that is known.
 */
export async function staleHistories(crm: Crm, known: KnownHistory[]): Promise<PersonRef[]> {
  if (known.length === 0) return []
  const stale = await Promise.all(engagementTypes.map((type) => whoseAreStale(crm, type, known)))
  const ids = new Set(stale.flat())
  return known.filter(({ ref }) => ids.has(ref.id)).map(({ ref }) => ref)
}

async function whoseAreStale(
  { connection }: Crm,
  type: EngagementType,
  known: KnownHistory[],
): Promise<string[]> {
  const client = clientFor(connection)
  const all = await associatedWith(
    client,
    type,
    known.map(({ ref }) => ref.id),
  )
  const histories = known.map(({ ref, readAt, since, activityIds }) => {
    const { ids: has, isAll } = all.get(ref.id) ?? { ids: new Set<string>(), isAll: true }
    const ids = new Set(activityIds.flatMap((id) => engagementIdIn(type, id) ?? []))
    // of what is read in part it is not known what is missing
    const isMissed = isAll && [...ids].some((id) => !has.has(id))
    return {
      id: ref.id,
      readAt,
      since,
      isMissed,
      ids: [...ids],
      others: [...has].filter((id) => !ids.has(id)),
    }
  })
  const asked = withNewest(
    histories.flatMap(({ ids }) => ids),
    histories.flatMap(({ others }) => others),
  )
  const properties = ['hs_lastmodifieddate', ...timeProperties(type)]
  const records = new Map((await client.readMany(type, asked, properties)).map((one) => [one.id, one]))
  const isAsRead = (id: string, readAt: Date) => {
    const record = records.get(id)
    return record !== undefined && modifiedAt(record) < readAt.getTime()
  }
  const now = connection.now()
  const isNew = (id: string, since: Date) => {
    const at = happenedAt(type, records.get(id)?.properties ?? {})
    return at !== null && at >= since && at <= now
  }
  return histories
    .filter(
      ({ isMissed, ids, others, readAt, since }) =>
        isMissed || ids.some((id) => !isAsRead(id, readAt)) || others.some((id) => isNew(id, since)),
    )
    .map(({ id }) => id)
}

/** HubSpot gives five hundred of a kind at once, in no order that it names: of whoever has more the next pages are read too, a call each for
 *  all of them. Beyond these it is a mailbox rather than a history. */
const pagesAtMost = 5

async function associatedWith(
  client: ReturnType<typeof clientFor>,
  type: EngagementType,
  contactIds: string[],
) {
  const found = new Map<string, { ids: Set<string>; isAll: boolean }>()
  let next: { id: string; after?: string }[] = contactIds.map((id) => ({ id }))
  for (let page = 0; page < pagesAtMost && next.length > 0; page++) {
    const pages = await client.associated('contacts', type, next)
    for (const { id, to, after } of pages) {
      const ids = new Set([...(found.get(id)?.ids ?? []), ...to.map((one) => one.id)])
      found.set(id, { ids, isAll: after === null })
    }
    next = pages.flatMap(({ id, after }) => (after === null ? [] : [{ id, after }]))
  }
  return found
}

/** Most of what is not known is older than the history. What is not is among the newest, mostly: for them the last batch has room. */
function withNewest(known: string[], others: string[]): string[] {
  const ids = new Set(known)
  const newest = [...new Set(others)].filter((id) => !ids.has(id)).sort((a, b) => Number(b) - Number(a))
  const room = Math.max(1, Math.ceil(ids.size / batchSize)) * batchSize - ids.size
  return [...ids, ...newest.slice(0, room)]
}
