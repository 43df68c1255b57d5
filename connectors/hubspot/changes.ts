import type { Crm, CrmChange } from '../sdk/crm.ts'
import { firstCursor, parseCursor, type Round, type Sweep, writeCursor } from './changes-cursor.ts'
import { clientFor, type Filter, type HubSpotRecord, pageSize } from './client.ts'
import { contactType } from './mapping.ts'
import { readPeople } from './people.ts'

/** What changed later is searched for again: a search may see a change only some time after a later one. */
const overlapMs = 300_000
/** HubSpot refuses to page further: https://developers.hubspot.com/docs/api-reference/search/guide#limitations */
const searchCap = 10_000
/** Archived contacts are in no search; their list has no order of time, so it is looked through now and then, behind the webhooks. */
const sweepEveryMs = 3_600_000

/**
 * Contacts changed since the cursor, a page of the search at a time, oldest first; each is read anew by its id. States:
 * - paging: on to the next page of what has changed since `from`
 * - restarting: after 10,000 results `from` moves to the last instant seen
 * - in a tie: more than 10,000 share that instant, and are paged by their ids
 * - sweeping: through the list of archived contacts, once an hour
 * - done: `from` moves to `overlap` before the newest change seen
 */
export const changes = (crm: Crm, cursor: string | null) => changesWithin(searchCap, crm, cursor)

export async function changesWithin(
  cap: number,
  crm: Crm,
  cursor: string | null,
): Promise<{ changes: CrmChange[]; cursor: string; done: boolean }> {
  const now = crm.connection.now().getTime()
  if (cursor === null) return { changes: [], cursor: writeCursor(firstCursor(now)), done: true }
  const { round, sweep } = parseCursor(cursor)
  if (sweep.after !== null) return sweepOn(crm, round, sweep, sweep.after)

  const { records, after } = await page(crm, round)
  const fresh = records.filter((record) => !round.seen.includes(seenAs(record)))
  const found = await whatBecameOf(crm, fresh, round.from)
  const next = nextRound(round, records, after, cap)
  if (next.isDone && now - sweep.at >= sweepEveryMs)
    return {
      changes: found,
      cursor: writeCursor({ round: next.round, sweep: { ...sweep, after: '' } }),
      done: false,
    }
  return { changes: found, cursor: writeCursor({ round: next.round, sweep }), done: next.isDone }
}

function page({ connection }: Crm, { from, after, tie }: Round) {
  const filters: Filter[] =
    tie === null
      ? [{ propertyName: 'lastmodifieddate', operator: 'Gte', value: String(from) }]
      : [
          { propertyName: 'lastmodifieddate', operator: 'Eq', value: String(from) },
          { propertyName: 'hs_object_id', operator: 'Gt', value: tie },
        ]
  return clientFor(connection).search('contacts', {
    groups: [filters],
    sort: tie === null ? 'lastmodifieddate' : 'hs_object_id',
    properties: ['lastmodifieddate', 'notes_last_updated'],
    limit: pageSize,
    after: tie === null ? after : null,
  })
}

function nextRound(
  round: Round,
  records: HubSpotRecord[],
  after: string | null,
  cap: number,
): { round: Round; isDone: boolean } {
  const last = records.at(-1)
  const newest = Math.max(round.newest, ...records.map(modifiedAt))
  const seen = remembered([...round.seen, ...records.map(seenAs)], newest)
  const on = { ...round, newest, seen }
  if (round.tie !== null) {
    // an instant that is read to the end is left behind
    if (last && after !== null) return { round: { ...on, tie: last.id }, isDone: false }
    return { round: { ...on, from: round.from + 1, tie: null, after: null, rows: 0 }, isDone: false }
  }
  const rows = round.rows + records.length
  if (last && after !== null) {
    if (rows + pageSize <= cap) return { round: { ...on, after, rows }, isDone: false }
    const at = modifiedAt(last)
    const isTie = at === round.from
    return { round: { ...on, from: at, after: null, rows: 0, tie: isTie ? '0' : null }, isDone: false }
  }
  return {
    round: { ...on, from: Math.max(round.from, newest - overlapMs), after: null, rows: 0 },
    isDone: true,
  }
}

const modifiedAt = ({ properties, updatedAt }: HubSpotRecord): number => {
  const at = Date.parse(properties.lastmodifieddate ?? '')
  return Number.isNaN(at) ? updatedAt.getTime() : at
}
const seenAs = (record: HubSpotRecord) => `${record.id}@${modifiedAt(record)}`

/** Enough to read the overlap of a usual day once; what is forgotten is read again, which harms nobody. */
const remembersAtMost = 400
function remembered(seen: string[], newest: number): string[] {
  const recent = [...new Set(seen)].filter((one) => Number(one.split('@')[1]) >= newest - overlapMs)
  return recent.slice(-remembersAtMost)
}

/** Own writes come back here as well, and read as what they are. */
async function whatBecameOf(crm: Crm, records: HubSpotRecord[], since: number): Promise<CrmChange[]> {
  const people = await readPeople(
    crm,
    records.map(({ id }) => id),
  )
  const byId = new Map(people.flatMap((person) => [person.id, ...person.formerIds].map((id) => [id, person])))
  const told = new Set<string>()
  return records.flatMap(({ id, properties }): CrmChange[] => {
    const person = byId.get(id)
    if (!person) return [{ type: 'gone', ref: { type: contactType, id }, erase: false }]
    // two that were merged meanwhile are one
    if (told.has(person.id)) return []
    told.add(person.id)
    const loggedAt = Date.parse(properties.notes_last_updated ?? '')
    return [
      { type: 'changed', person },
      ...(loggedAt >= since
        ? [{ type: 'activities_changed' as const, ref: { type: contactType, id: person.id } }]
        : []),
    ]
  })
}

async function sweepOn({ connection }: Crm, round: Round, sweep: Sweep, after: string) {
  const startedAt = after === '' ? connection.now().getTime() : sweep.startedAt
  const found = await clientFor(connection).list('contacts', {
    properties: [],
    archived: true,
    after: after || null,
  })
  const gone = found.records
    .filter(({ archivedAt }) => archivedAt && archivedAt.getTime() >= sweep.at - overlapMs)
    .map(({ id }): CrmChange => ({ type: 'gone', ref: { type: contactType, id }, erase: false }))
  const isDone = found.after === null
  const next: Sweep = isDone
    ? { at: startedAt, startedAt, after: null }
    : { ...sweep, startedAt, after: found.after }
  return { changes: gone, cursor: writeCursor({ round, sweep: next }), done: isDone }
}
