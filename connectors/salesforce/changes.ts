import type { Crm, CrmChange, PersonRef } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { type Feed, feedFrom, hourMs, textOf, windowStart } from './change-cursor.ts'
import { type ChangeSource, changeSources, positionAfter, rowKey } from './change-sources.ts'
import { Salesforce } from './client.ts'
import { type Sight, seeing } from './describe.ts'
import { asId } from './ids.ts'
import { personFrom, personTypes } from './people.ts'
import { asPerson, followed, webOriginOf } from './read-person.ts'
import { instantAt, type Row } from './rows.ts'
import { names, soql } from './soql.ts'

/** An account's change is told with its contacts. */
type ToldChange = Exclude<CrmChange, { type: 'company_changed' }>

/**
 * Polls by SystemModstamp: each round reads from ten minutes before the last one's start, since long transactions commit with the stamp of
 * their start, and leaves out what the last rounds told already. A round takes a call or two while little changes, whatever the number
 * of people; with much to tell it is read a page at a time, `done` with the last one.
 */
export const changes = (
  crm: Crm,
  cursor: string | null,
  { histories } = { histories: true },
): Promise<{ changes: CrmChange[]; cursor: string; done: boolean }> =>
  seeing(crm, async (sight) => {
    const feed = feedFrom(cursor, crm.connection.now())
    if (cursor === null) return { changes: [], cursor: textOf(feed), done: true }
    const salesforce = await Salesforce.over(crm.connection)
    // activities nobody looks at are left out of this round; the next one looks ten minutes back again
    const open = changeSources(crm.mapping, sight).filter(
      ({ name, isPerson }) => feed.places[name] !== 'done' && (histories || isPerson),
    )
    // five queries are as many as one call carries
    const asked = open.slice(0, 5)
    const answers = await salesforce.rowsOfEach(
      asked.map((source) => source.select(windowStart(feed), feed.placeOf(source.name))),
    )
    feed.startedAt ??= salesforce.now.toISOString()
    const told: { at: number; change: ToldChange }[] = []
    for (const [at, source] of asked.entries()) {
      const rows = answers[at]
      if (rows === undefined || rows instanceof Error) throw rows
      const isLast = rows.length < source.pageSize
      feed.places[source.name] = isLast ? 'done' : positionAfter(rows)
      const fresh = rows.filter((row) => feed.isNew(rowKey(source, row)))
      const joined = await peopleBehind(salesforce, source, fresh)
      for (const row of fresh) {
        const change = await changeFrom(salesforce, crm, sight, source, row)
        const ofOthers = joined(row).map((ref): ToldChange => ({ type: 'activities_changed', ref }))
        // a row says only whose it is now
        const ofWhoHadIt: ToldChange[] = source.isActivity
          ? [{ type: 'activity_changed', id: asId(row.Id) ?? '' }]
          : []
        const stamp = instantAt(row, 'SystemModstamp')?.getTime() ?? 0
        const all = [...(change ? [change] : []), ...ofOthers, ...ofWhoHadIt]
        told.push(...all.map((change) => ({ at: stamp, change })))
      }
    }
    const isDone = open.every(({ name }) => feed.places[name] === 'done')
    if (isDone) {
      const purged = await purgedSince(salesforce, feed, sight)
      told.push(...purged.map((change) => ({ at: Number.POSITIVE_INFINITY, change })))
      feed.endRound(salesforce.now)
    }
    const inOrder = told.sort((a, b) => a.at - b.at).map(({ change }) => change)
    return { changes: onceEach(inOrder), cursor: textOf(feed), done: isDone }
  })

async function changeFrom(
  salesforce: Salesforce,
  crm: Crm,
  sight: Sight,
  { type, isPerson }: ChangeSource,
  row: Row,
): Promise<ToldChange | null> {
  const id = asId(row.Id) ?? ''
  if (!isPerson) {
    const person =
      asId(row.WhoId) ?? asId(row.RelationId) ?? asId(row.ContactId) ?? asId(row.LeadId) ?? asId(row.ParentId)
    const of = person && (whoType(row) ?? typeOfPrefix[person.slice(0, 3)])
    return of ? { type: 'activities_changed', ref: { type: of, id: person } } : null
  }
  const isElsewhere = row.IsDeleted === true || row.IsConverted === true
  if (!isElsewhere)
    return {
      type: 'changed',
      person: personFrom(type, row, { mapping: crm.mapping, sight, webOrigin: webOriginOf(crm) }),
    }
  try {
    // merged or converted: whoever it is now
    return {
      type: 'changed',
      person: asPerson(crm, sight, await followed(salesforce, crm, sight, { type, id })),
    }
  } catch (error) {
    if (error instanceof RecordGoneError) return { type: 'gone', ref: { type, id }, erase: false }
    throw error
  }
}

/** Deleted links too: they go with the note they lead to. */
async function peopleBehind(
  salesforce: Salesforce,
  { name, people }: ChangeSource,
  rows: Row[],
): Promise<(row: Row) => PersonRef[]> {
  const refs = new Map<string, PersonRef[]>()
  // of documents only notes are in a history
  const asked = rows.filter((row) => name !== 'd' || row.FileType === 'SNOTE').map(({ Id }) => String(Id))
  for (let at = 0; people && at < asked.length; at += 200) {
    const { type, of, person } = people
    const links = await salesforce.rows({
      soql: soql`SELECT Id, ${names(of, person)} FROM ${names(type)} WHERE ${names(of)} IN ${asked.slice(at, at + 200)}`,
      withDeleted: true,
    })
    for (const link of links) {
      const id = asId(link[person])
      const key = asId(link[of]) ?? ''
      const kind = id && typeOfPrefix[id.slice(0, 3)]
      if (kind) refs.set(key, [...(refs.get(key) ?? []), { type: kind, id }])
    }
  }
  return (row) => refs.get(asId(row.Id) ?? '') ?? []
}

/** `Who.Type` where the query has it; the first letters of an id say the same. */
const whoType = (row: Row): string | null => {
  const type = (row.Who as { Type?: unknown } | null | undefined)?.Type
  return type === 'Lead' || type === 'Contact' ? type : null
}
const typeOfPrefix: Record<string, string> = { '003': 'Contact', '00Q': 'Lead' }

/** What left the recycle bin before we looked is in no query; Salesforce names it for 15 days. Asked once an hour. */
async function purgedSince(salesforce: Salesforce, feed: Feed, sight: Sight): Promise<ToldChange[]> {
  const from = new Date(feed.deletedAt)
  const to = salesforce.now
  if (to.getTime() - from.getTime() < hourMs) return []
  const gone: ToldChange[] = []
  for (const { type } of personTypes.filter(({ type }) => sight.seesType(type))) {
    const ids = await salesforce.deletedIds(type, from, to)
    for (let at = 0; at < ids.length; at += 200) {
      const some = ids.slice(at, at + 200)
      const rows = await salesforce.rows({
        soql: soql`SELECT Id FROM ${names(type)} WHERE Id IN ${some}`,
        withDeleted: true,
      })
      const binned = new Set(rows.map((row) => asId(row.Id)))
      for (const id of some) if (!binned.has(id)) gone.push({ type: 'gone', ref: { type, id }, erase: false })
    }
  }
  // a little again: seconds are ignored
  feed.deletedAt = new Date(to.getTime() - 5 * 60_000).toISOString()
  return gone
}

/** Of several rows about one person the last one says it all, but for who was merged into them: that the loser's row says. */
function onceEach(changes: ToldChange[]): ToldChange[] {
  const last = new Map<string, ToldChange>()
  for (const change of changes) {
    const key = keyOf(change)
    const before = last.get(key)
    last.delete(key)
    last.set(
      key,
      change.type === 'changed' && before?.type === 'changed' ? withFormer(change, before) : change,
    )
  }
  return [...last.values()]
}

function keyOf(change: ToldChange): string {
  if (change.type === 'activity_changed') return change.id
  const { type, id } = change.type === 'changed' ? change.person : change.ref
  return `${change.type === 'activities_changed'}/${type}/${id}`
}

const withFormer = (change: CrmChange & { type: 'changed' }, before: CrmChange & { type: 'changed' }) => ({
  ...change,
  person: {
    ...change.person,
    formerIds: [...new Set([...before.person.formerIds, ...change.person.formerIds])],
  },
})
