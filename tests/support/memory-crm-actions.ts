import type {
  CrmPerson,
  KnownHistory,
  Logged,
  LoggedConversation,
  LoggedMeeting,
  NewPerson,
  PersonChange,
  PersonRef,
} from '#connectors/sdk/crm.ts'
import type { MemoryCrm } from './memory-crm.ts'

export type Answer = { ok: unknown } | { error: string; [detail: string]: unknown }

/** What the vendor does with a call. */
export function answerOf(crm: MemoryCrm, action: string, args: unknown[]): Answer {
  switch (action) {
    case 'owners':
      return { ok: { items: crm.users, cursor: null } }
    case 'findPerson':
      return { ok: find(crm, args[0] as string) }
    case 'readPerson':
      return read(crm, (args[0] as PersonRef).id)
    case 'activities':
      return activitiesOf(crm, args as [PersonRef, { from: Date; to: Date }, string | null])
    case 'allPeople':
      return { ok: page(crm, args[0] as string | null) }
    case 'changes':
      return changes(crm, args[0] as string | null)
    case 'staleHistories':
      return { ok: stale(crm, args[0] as KnownHistory[]) }
    case 'createPerson':
      return create(crm, args[0] as NewPerson)
    case 'updatePerson':
      return update(crm, args[0] as PersonRef, args[1] as PersonChange)
    case 'logConversation':
      return log(crm, args[0] as PersonRef, args[1] as LoggedConversation)
    case 'logMeeting':
      return meet(crm, args[0] as PersonRef, args[1] as LoggedMeeting)
    default:
      return { error: 'unknown' }
  }
}

function find(crm: MemoryCrm, email: string): CrmPerson | null {
  const found = [...crm.people.values()].filter(({ emails }) => emails.includes(email))
  return found.find(({ type }) => type === 'Contact') ?? found[0] ?? null
}

function read(crm: MemoryCrm, id: string): Answer {
  const successor = [...crm.people.values()].find(({ formerIds }) => formerIds.includes(id))
  const person = crm.people.get(id) ?? successor
  return person ? { ok: person } : { error: 'gone' }
}

function activitiesOf(
  crm: MemoryCrm,
  [ref, { from, to }, cursor]: [PersonRef, { from: Date; to: Date }, string | null],
): Answer {
  if (crm.gone.has(ref.id) && !crm.people.has(ref.id)) return { error: 'gone' }
  const all = (crm.activities.get(ref.id) ?? []).filter(({ at }) => at >= from && at <= to)
  const start = Number(cursor ?? 0)
  const end = start + crm.pageSize
  return { ok: { items: all.slice(start, end), cursor: end < all.length ? String(end) : null } }
}

function page(crm: MemoryCrm, cursor: string | null) {
  const all = [...crm.people.values()]
  const start = Number(cursor ?? 0)
  const end = start + crm.pageSize
  return {
    items: all.slice(start, end),
    cursor: end < all.length ? String(end) : null,
    total: all.length,
    totals: Object.fromEntries(
      ['Contact', 'Lead'].map((of) => [of, all.filter(({ type }) => type === of).length]),
    ),
  }
}

function changes(crm: MemoryCrm, cursor: string | null): Answer {
  if (cursor === null) return { ok: { changes: [], cursor: String(crm.feed.length), done: true } }
  const start = Number(cursor)
  if (start < crm.oldestCursor) return { error: 'cursor' }
  const end = Math.min(start + crm.pageSize, crm.feed.length)
  // the last ones once more: a feed repeats rather than misses
  const changes = crm.feed.slice(Math.max(crm.oldestCursor, start - 3), end)
  return { ok: { changes, cursor: String(end), done: end === crm.feed.length } }
}

function stale(crm: MemoryCrm, known: KnownHistory[]): PersonRef[] {
  const isThere = (ref: PersonRef, activity: string) =>
    (crm.activities.get(ref.id) ?? []).some(({ id }) => id === activity)
  return known
    .filter(({ ref, activityIds }) => !activityIds.every((id) => isThere(ref, id)))
    .map(({ ref }) => ref)
}

function create(crm: MemoryCrm, { values, type, ownerId, fixed }: NewPerson): Answer {
  const email = values.email ?? ''
  const existing = find(crm, email)
  if (existing) return { error: 'duplicate', ids: [existing.id] }
  const owner = crm.users.find(({ id }) => id === ownerId) ?? null
  return {
    ok: crm.put({ type, emails: [email], fields: { ...values, crmStatus: fixed.status ?? null }, owner }),
  }
}

function update(crm: MemoryCrm, ref: PersonRef, { values, onlyEmpty }: PersonChange): Answer {
  const person = crm.people.get(ref.id)
  if (!person) return { error: 'gone' }
  const filled = Object.entries(onlyEmpty).filter(([field]) => !person.fields[field as 'name'])
  const emails = values.email ? [values.email, ...person.emails] : person.emails
  return {
    ok: crm.put({
      ...person,
      changedAt: crm.tick(),
      emails,
      fields: { ...person.fields, ...Object.fromEntries(filled), ...values },
    }),
  }
}

function log(crm: MemoryCrm, ref: PersonRef, conversation: LoggedConversation): Answer {
  if (!crm.people.has(ref.id)) return { error: 'gone' }
  const known = crm.logged.find(({ id, conversation: { key } }) =>
    conversation.knownId === null
      ? conversation.mayExist && key === conversation.key
      : id === conversation.knownId,
  )
  if (known) {
    known.conversation = conversation
    return { ok: { id: known.id, url: `https://crm.example/${known.id}` } satisfies Logged }
  }
  const id = crm.newId('n')
  crm.logged.push({ personId: ref.id, id, conversation })
  crm.addActivity(ref.id, {
    id,
    kind: 'note',
    at: conversation.endedAt,
    title: conversation.subject,
    foyerKey: conversation.key,
  })
  return { ok: { id, url: `https://crm.example/${id}` } satisfies Logged }
}

function meet(crm: MemoryCrm, ref: PersonRef, meeting: LoggedMeeting): Answer {
  if (!crm.people.has(ref.id)) return { error: 'gone' }
  const { key, knownId, mayExist } = meeting
  const known = crm.meetings.find((one) =>
    knownId === null ? mayExist && one.meeting.key === key : one.id === knownId,
  )
  if (known) known.meeting = meeting
  const entry = known ?? { personId: ref.id, id: crm.newId('m'), meeting }
  if (!known) crm.meetings.push(entry)
  return { ok: { id: entry.id, url: `https://crm.example/${entry.id}` } satisfies Logged }
}
