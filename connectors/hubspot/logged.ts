import type { Crm, Logged, PersonRef } from '../sdk/crm.ts'
import { clientFor } from './client.ts'
import { recordUrl } from './links.ts'
import { keyOf } from './marker.ts'
import { objectTypes } from './object-types.ts'

const bodyOf = { notes: 'hs_note_body', meetings: 'hs_meeting_body' } as const

/** Writes an entry of the contact's history once: under its id if that is known, under the key in its body if an earlier answer may have been lost,
 *  else as a new one. */
export async function logOnce(
  crm: Crm,
  ref: PersonRef,
  type: 'notes' | 'meetings',
  entry: { key: string; knownId: string | null; mayExist: boolean },
  properties: Record<string, string>,
): Promise<Logged> {
  const client = clientFor(crm.connection)
  const id = entry.knownId ?? (entry.mayExist ? await find(crm, ref, type, entry.key) : null)
  const record =
    id === null
      ? await client.create(type, properties, { id: ref.id, typeId: objectTypes[type].toContact })
      : await client.update(type, id, properties)
  return {
    id: record.id,
    url: `${recordUrl(crm.connection, 'contacts', ref.id)}/?engagement=${record.id}`,
  }
}

/** Through the contact's own entries, newest first: the search would not know of one that was just made. */
async function find(
  { connection }: Crm,
  { id: contactId }: PersonRef,
  type: 'notes' | 'meetings',
  key: string,
): Promise<string | null> {
  const client = clientFor(connection)
  const ids: string[] = []
  let after: string | null = null
  do {
    const [page]: Awaited<ReturnType<typeof client.associated>> = await client.associated('contacts', type, [
      { id: contactId, ...(after === null ? {} : { after }) },
    ])
    ids.push(...(page?.to ?? []).map(({ id }) => id))
    after = page?.after ?? null
  } while (after !== null)
  const newestFirst = [...new Set(ids)].sort((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1))
  for (let i = 0; i < newestFirst.length; i += 100) {
    const records = await client.readMany(type, newestFirst.slice(i, i + 100), [bodyOf[type]])
    const found = records.find(({ properties }) => keyOf(properties[bodyOf[type]]) === key)
    if (found) return found.id
  }
  return null
}
