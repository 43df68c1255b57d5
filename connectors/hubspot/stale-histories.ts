import type { Crm, KnownHistory, PersonRef } from '../sdk/crm.ts'
import { engagementIdIn, happenedAt, timeProperties } from './activity-mapping.ts'
import { batchSize, clientFor, modifiedAt } from './client.ts'
import { type EngagementType, engagementTypes } from './object-types.ts'

/**
 * HubSpot tells nowhere else what is deleted, or given to another contact: no search has what is deleted, the list of it has no order of time, an
 * activity's stamp does not say whose it is, and events of notes are a beta that each app has to subscribe to. So of each kind it is asked what
 * these contacts have, and what became of that: a call for all of them, and one for each hundred that is known.
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
  const contacts = known.map(({ ref }) => ({ id: ref.id }))
  const pages = new Map((await client.associated('contacts', type, contacts)).map((page) => [page.id, page]))
  const histories = known.map(({ ref, readAt, since, activityIds }) => {
    const page = pages.get(ref.id)
    const has = new Set(page?.to.map(({ id }) => id))
    const ids = new Set(activityIds.flatMap((id) => engagementIdIn(type, id) ?? []))
    // of more than a page it is not known what is missing
    const isMissed = !page?.after && [...ids].some((id) => !has.has(id))
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

/** Most of what is not known is older than the history. What is not is among the newest, mostly: for them the last batch has room. */
function withNewest(known: string[], others: string[]): string[] {
  const ids = new Set(known)
  const newest = [...new Set(others)].filter((id) => !ids.has(id)).sort((a, b) => Number(b) - Number(a))
  const room = Math.max(1, Math.ceil(ids.size / batchSize)) * batchSize - ids.size
  return [...ids, ...newest.slice(0, room)]
}
