import type { Crm, CrmChange } from '../sdk/crm.ts'
import { contactActivityProperties } from './activity-mapping.ts'
import {
  type Cursor,
  type FollowedType,
  firstCursor,
  parseCursor,
  type Round,
  roundFrom,
  type Sweep,
  turnAfter,
  typeAfter,
  writeCursor,
} from './changes-cursor.ts'
import { clientFor, type Filter, type HubSpotRecord, modifiedAt, pageSize } from './client.ts'
import { contactType } from './mapping.ts'
import { type EngagementType, engagementTypes } from './object-types.ts'
import { readCompanies, readPeople } from './people.ts'

/** What changed later is searched for again: a search may see a change only some time after a later one. */
const overlapMs = 300_000
/** Archived contacts are in no search; their list has no order of time, so it is looked through now and then, behind the webhooks. */
const sweepEveryMs = 3_600_000

const withHistories = { histories: true }

/**
 * What has changed since the cursor, one type of record after the other, a page of the search at a time, oldest first; each is read anew by its id.
 * Never by HubSpot's own paging, which counts places: what changes again while changes are read leaves the front, and as many behind the page's end
 * would be passed over (nor does it go beyond 10,000). States of a type's round:
 * - reading: what changed at or after the last instant told
 * - in a tie: a page is full of one instant, which is read on by ids, and left behind
 * - over: the next one begins `overlap` before the newest change seen, or before this round's start, if that is earlier
 * Contacts and companies have a round each poll. Kinds of activities take turns, one a poll, and only while somebody looks at a history: what is logged
 * touches the contact, and what is edited or deleted is found by `staleHistories`, mostly.
 * After the last type, once an hour:
 * - sweeping: through the list of archived contacts
 */
export async function changes(
  crm: Crm,
  cursor: string | null,
  { histories } = withHistories,
): Promise<{ changes: CrmChange[]; cursor: string; done: boolean }> {
  const now = crm.connection.now().getTime()
  if (cursor === null) return { changes: [], cursor: writeCursor(firstCursor(now)), done: true }
  const before = parseCursor(cursor)
  if (before.sweep.after !== null) return sweepOn(crm, before, before.sweep.after)

  const at = histories ? before : withoutActivities(before, now)
  const { type, turn, sweep } = at
  const round = at.rounds[type]
  const { records, isLast } = await page(crm, type, round)
  const fresh = records.filter((record) => !round.seen.includes(seenAs(record)))
  const found = await whatChanged(crm, type, fresh, round.from)
  const { next, isOver } = roundAfter({ ...round, startedAt: round.startedAt ?? now }, records, isLast)
  const rounds = { ...at.rounds, [type]: next }
  const told = (then: Omit<Cursor, 'rounds'>, done: boolean) => ({
    changes: found,
    cursor: writeCursor({ rounds, ...then }),
    done,
  })
  if (!isOver) return told({ type, turn, sweep }, false)
  const further = typeAfter(type, turn)
  if (further !== null && (histories || !isActivity(further)))
    return told({ type: further, turn, sweep }, false)
  const first = { type: firstCursor(now).type, turn: isActivity(type) ? turnAfter(turn) : turn }
  return now - sweep.at >= sweepEveryMs
    ? told({ ...first, sweep: { ...sweep, after: '' } }, false)
    : told({ ...first, sweep }, true)
}

const isActivity = (type: FollowedType): type is EngagementType => engagementTypes.some((one) => one === type)

/** Nobody looks at a history: activities are followed from a little while ago on, for whoever is looked at next. */
function withoutActivities(at: Cursor, now: number): Cursor {
  const moved = engagementTypes.map((type) => {
    const { from, seen } = at.rounds[type]
    const later = Math.max(from, now - overlapMs)
    return [type, roundFrom(later, remembered(seen, later))]
  })
  const rounds = { ...at.rounds, ...Object.fromEntries(moved) }
  return { ...at, rounds, type: isActivity(at.type) ? 'contacts' : at.type }
}

const modified = (type: FollowedType) => (type === 'contacts' ? 'lastmodifieddate' : 'hs_lastmodifieddate')

async function page({ connection }: Crm, type: FollowedType, { at, tie }: Round) {
  const propertyName = modified(type)
  const filters: Filter[] =
    tie === null
      ? [{ propertyName, operator: 'Gte', value: String(at) }]
      : [
          { propertyName, operator: 'Eq', value: String(at) },
          { propertyName: 'hs_object_id', operator: 'Gt', value: tie },
        ]
  const { records, after } = await clientFor(connection).search(type, {
    groups: [filters],
    sort: tie === null ? propertyName : 'hs_object_id',
    properties: type === 'contacts' ? [propertyName, ...activityDates] : [propertyName],
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

const seenAs = (record: HubSpotRecord) => `${record.id}@${modifiedAt(record)}`

/** Enough to read the overlap of a usual day once; what is forgotten is read again, which harms nobody. */
const remembersAtMost = 400
function remembered(seen: string[], since: number): string[] {
  const recent = [...new Set(seen)].filter((one) => Number(one.split('@')[1]) >= since)
  return recent.slice(-remembersAtMost)
}

async function whatChanged(
  crm: Crm,
  type: FollowedType,
  records: HubSpotRecord[],
  since: number,
): Promise<CrmChange[]> {
  if (records.length === 0) return []
  if (type === 'contacts') return whatBecameOf(crm, records, since)
  const ids = records.map(({ id }) => id)
  if (type !== 'companies') return whoseHistory(crm, type, ids)
  const companies = await readCompanies(crm, ids)
  return [...companies.values()].map((company) => ({ type: 'company_changed', company }))
}

/** What was logged with several people is in the history of each. */
async function whoseHistory({ connection }: Crm, type: EngagementType, ids: string[]): Promise<CrmChange[]> {
  const associated = await clientFor(connection).associated(
    type,
    'contacts',
    ids.map((id) => ({ id })),
  )
  const contacts = new Set(associated.flatMap(({ to }) => to.map(({ id }) => id)))
  return [...contacts].map((id) => ({ type: 'activities_changed', ref: { type: contactType, id } }))
}

/** What a contact keeps of its own history: a form, a mail, that something was logged. */
const activityDates = [
  'notes_last_updated',
  ...contactActivityProperties.filter((name) => name.endsWith('_date')),
]

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
    const isLogged = activityDates.some((name) => instantOf(properties[name]) >= since)
    return [
      { type: 'changed', person },
      ...(isLogged
        ? [{ type: 'activities_changed' as const, ref: { type: contactType, id: person.id } }]
        : []),
    ]
  })
}

/** ISO 8601, or milliseconds since 1970; NaN for none. */
const instantOf = (value: string | null | undefined): number =>
  value && /^\d+$/.test(value) ? Number(value) : Date.parse(value ?? '')

async function sweepOn({ connection }: Crm, at: Cursor, after: string) {
  const { sweep } = at
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
  return { changes: gone, cursor: writeCursor({ ...at, sweep: next }), done: isDone }
}
