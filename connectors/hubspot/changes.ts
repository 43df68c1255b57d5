import type { Crm, CrmChange } from '../sdk/crm.ts'
import { firstCursor, parseCursor, type Round, roundFrom, type Sweep, writeCursor } from './changes-cursor.ts'
import { clientFor, type Filter, type HubSpotRecord, pageSize } from './client.ts'
import { contactType } from './mapping.ts'
import { readPeople } from './people.ts'

/** What changed later is searched for again: a search may see a change only some time after a later one. */
const overlapMs = 300_000
/** Archived contacts are in no search; their list has no order of time, so it is looked through now and then, behind the webhooks. */
const sweepEveryMs = 3_600_000

/**
 * Contacts changed since the cursor, a page of the search at a time, oldest first; each is read anew by its id. Never by HubSpot's own paging,
 * which counts places: who changes again while changes are read leaves the front, and as many behind the page's end would be passed over (nor
 * does it go beyond 10,000). States of a round:
 * - reading: what changed at or after the last instant told
 * - in a tie: a page is full of one instant, which is read on by ids, and left behind
 * - over: the next one begins `overlap` before the newest change seen, or before this round's start, if that is earlier
 * Between rounds, once an hour:
 * - sweeping: through the list of archived contacts
 */
export async function changes(
  crm: Crm,
  cursor: string | null,
): Promise<{ changes: CrmChange[]; cursor: string; done: boolean }> {
  const now = crm.connection.now().getTime()
  if (cursor === null) return { changes: [], cursor: writeCursor(firstCursor(now)), done: true }
  const { round, sweep } = parseCursor(cursor)
  if (sweep.after !== null) return sweepOn(crm, round, sweep, sweep.after)

  const { records, isLast } = await page(crm, round)
  const fresh = records.filter((record) => !round.seen.includes(seenAs(record)))
  const found = await whatBecameOf(crm, fresh, round.from)
  const { next, isOver } = roundAfter({ ...round, startedAt: round.startedAt ?? now }, records, isLast)
  if (isOver && now - sweep.at >= sweepEveryMs)
    return {
      changes: found,
      cursor: writeCursor({ round: next, sweep: { ...sweep, after: '' } }),
      done: false,
    }
  return { changes: found, cursor: writeCursor({ round: next, sweep }), done: isOver }
}

async function page({ connection }: Crm, { at, tie }: Round) {
  const filters: Filter[] =
    tie === null
      ? [{ propertyName: 'lastmodifieddate', operator: 'Gte', value: String(at) }]
      : [
          { propertyName: 'lastmodifieddate', operator: 'Eq', value: String(at) },
          { propertyName: 'hs_object_id', operator: 'Gt', value: tie },
        ]
  const { records, after } = await clientFor(connection).search('contacts', {
    groups: [filters],
    sort: tie === null ? 'lastmodifieddate' : 'hs_object_id',
    properties: ['lastmodifieddate', 'notes_last_updated'],
    limit: pageSize,
    after: null,
  })
  return { records, isLast: after === null }
}

function roundAfter(
  round: Round & { startedAt: number },
  records: HubSpotRecord[],
  isLast: boolean,
): { next: Round; isOver: boolean } {
  const newest = Math.max(round.newest, ...records.map(modifiedAt))
  const nextFrom = Math.max(round.from, Math.min(newest, round.startedAt) - overlapMs)
  const seen = remembered([...round.seen, ...records.map(seenAs)], nextFrom)
  const on = { ...round, newest, seen }
  const last = records.at(-1)
  if (last && !isLast) {
    if (round.tie !== null) return { next: { ...on, tie: last.id }, isOver: false }
    const at = modifiedAt(last)
    return { next: at > round.at ? { ...on, at } : { ...on, tie: '0' }, isOver: false }
  }
  if (round.tie !== null) return { next: { ...on, at: round.at + 1, tie: null }, isOver: false }
  return { next: roundFrom(nextFrom, seen), isOver: true }
}

const modifiedAt = ({ properties, updatedAt }: HubSpotRecord): number => {
  const at = Date.parse(properties.lastmodifieddate ?? '')
  return Number.isNaN(at) ? updatedAt.getTime() : at
}
const seenAs = (record: HubSpotRecord) => `${record.id}@${modifiedAt(record)}`

/** Enough to read the overlap of a usual day once; what is forgotten is read again, which harms nobody. */
const remembersAtMost = 400
function remembered(seen: string[], since: number): string[] {
  const recent = [...new Set(seen)].filter((one) => Number(one.split('@')[1]) >= since)
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
