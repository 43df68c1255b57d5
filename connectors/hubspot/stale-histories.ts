import type { Crm, KnownHistory, PersonRef } from '../sdk/crm.ts'
import { activityIdOf, engagementIdIn } from './activity-mapping.ts'
import { clientFor, modifiedAt } from './client.ts'
import { engagementTypes } from './object-types.ts'

/**
 * What is known of each is read again, a hundred of a kind a call: who is left out is gone. HubSpot tells of it nowhere else: no search has what is deleted,
 * the list of it has no order of time, and events of notes are a beta that each app has to subscribe to.
 */
export async function staleHistories({ connection }: Crm, known: KnownHistory[]): Promise<PersonRef[]> {
  const client = clientFor(connection)
  const all = new Set(known.flatMap(({ activityIds }) => activityIds))
  const changed = new Map<string, number>()
  await Promise.all(
    engagementTypes.map(async (type) => {
      const ids = [...all].flatMap((id) => engagementIdIn(type, id) ?? [])
      if (ids.length === 0) return
      // until it is read it counts as gone
      for (const id of ids) changed.set(activityIdOf(type, id), Number.POSITIVE_INFINITY)
      for (const record of await client.readMany(type, ids, ['hs_lastmodifieddate']))
        changed.set(activityIdOf(type, record.id), modifiedAt(record))
    }),
  )
  return known
    .filter(({ activityIds, readAt }) =>
      activityIds.some((id) => (changed.get(id) ?? Number.NEGATIVE_INFINITY) >= readAt.getTime()),
    )
    .map(({ ref }) => ref)
}
