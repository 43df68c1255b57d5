import { afterEach, beforeEach, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import type { CrmChange } from '#connectors/sdk/crm.ts'
import { CursorExpiredError } from '#connectors/sdk/errors.ts'
import { days, minutes, type StartedSalesforce, startSalesforce } from './support.ts'

let sf: StartedSalesforce
let cursor: string

beforeEach(async () => {
  sf = await startSalesforce()
  sf.org.insert('Lead', { LastName: 'Long ago', Company: 'X' })
  sf.passes(minutes(60))
  cursor = (await salesforce.crm.changes(await sf.describedCrm(), null)).cursor
})
afterEach(() => sf.close())

type Told = Exclude<CrmChange, { type: 'activity_changed' | 'company_changed' }>

/** One round of the feed, a minute later; of activities whose they are now. */
async function poll(options?: { afterMs?: number }): Promise<Told[]> {
  const isTold = (change: CrmChange): change is Told =>
    change.type !== 'activity_changed' && change.type !== 'company_changed'
  return (await pollAll(options)).filter(isTold)
}
async function pollAll({ afterMs = minutes(1) } = {}): Promise<CrmChange[]> {
  sf.passes(afterMs)
  const crm = await sf.describedCrm()
  const told: CrmChange[] = []
  for (let done = false; !done; ) {
    const answer = await salesforce.crm.changes(crm, cursor)
    told.push(...answer.changes)
    ;({ cursor, done } = answer)
  }
  return told
}
const short = (change: Told) =>
  change.type === 'changed'
    ? `changed ${change.person.type} ${change.person.fields.name}`
    : `${change.type} ${change.ref.type}`
const lead = (LastName: string) =>
  sf.org.insert('Lead', { LastName, Company: 'X', Email: `${LastName}@x.test` })

test('it starts now: what is old is not told', async () => {
  expect(await poll()).toEqual([])
})

test('new and changed people, oldest first, each round only what is new', async () => {
  const first = lead('A')
  sf.passes(1_000)
  lead('B')
  expect((await poll()).map(short)).toEqual(['changed Lead A', 'changed Lead B'])
  expect(await poll()).toEqual([])
  sf.org.update(first.Id, { Title: 'CEO' })
  expect(await poll()).toMatchObject([
    { type: 'changed', person: { id: first.Id, fields: { jobTitle: 'CEO' } } },
  ])
})

test('a quiet round costs two calls, however many people there are', async () => {
  for (let at = 0; at < 300; at++) lead(`L${at}`)
  await poll()
  sf.passes(minutes(30))
  await poll()
  await sf.describedCrm()
  sf.passes(minutes(1))
  const crm = await sf.describedCrm()
  sf.calls()
  for (let done = false; !done; ) ({ cursor, done } = await salesforce.crm.changes(crm, cursor))
  expect(sf.calls()).toEqual(['POST /composite', 'POST /composite'])
})

test('a quiet round costs one call while nobody looks at what people did, which is told to whoever looks soon after', async () => {
  const of = lead('A')
  await poll({ afterMs: days(1) })
  sf.org.insert('Task', { WhoId: of.Id, Subject: 'Call back' })
  sf.passes(minutes(1))
  const crm = await sf.describedCrm()
  sf.calls()
  const answer = await salesforce.crm.changes(crm, cursor, { histories: false })
  expect(sf.calls()).toEqual(['POST /composite'])
  expect(answer).toMatchObject({ changes: [], done: true })
  cursor = answer.cursor
  expect((await poll()).map(short)).toEqual(['activities_changed Lead'])
})

test('many changes of one second come in pages, each told once', async () => {
  for (let at = 0; at < 450; at++) lead(`L${at}`)
  const told = await poll()
  expect(new Set(told.map(short)).size).toBe(450)
  expect(told).toHaveLength(450)
})

test('a transaction that commits nine minutes late, with the stamp of its start, is not missed', async () => {
  const transaction = sf.org.startsTransaction()
  for (let minute = 0; minute < 8; minute++) {
    lead(`M${minute}`)
    await poll()
  }
  transaction.commits(() => lead('Late'))
  expect((await poll()).map(short)).toEqual(['changed Lead Late'])
})

test('a deleted person is gone; one that was merged is its winner; a converted one its contact', async () => {
  const [deleted, loser, winner, converted] = [lead('D'), lead('L'), lead('W'), lead('C')]
  await poll()
  sf.org.delete(deleted.Id)
  expect(await poll()).toEqual([{ type: 'gone', ref: { type: 'Lead', id: deleted.Id }, erase: false }])
  sf.org.merge(winner.Id, loser.Id)
  expect((await poll()).find((change) => change.type === 'changed')).toMatchObject({
    person: { id: winner.Id, formerIds: [loser.Id] },
  })
  const { contactId } = sf.org.convert(converted.Id)
  const told = await poll()
  expect(told).toMatchObject([{ type: 'changed', person: { type: 'Contact', id: contactId } }])
})

test('what changes twice within one second is not missed, though its stamp says seconds', async () => {
  const person = lead('Before')
  expect((await poll({ afterMs: 0 })).map(short)).toEqual(['changed Lead Before'])
  sf.org.update(person.Id, { LastName: 'After' })
  expect((await poll({ afterMs: 0 })).map(short)).toEqual(['changed Lead After'])
  sf.org.delete(person.Id)
  expect((await poll()).map(short)).toEqual(['gone Lead'])
  // settled: told once more at most
  await poll()
  expect(await poll()).toEqual([])
})

test('what left the recycle bin between two looks is gone within the hour', async () => {
  const purged = lead('P')
  await poll()
  sf.org.delete(purged.Id)
  sf.org.purge(purged.Id)
  expect(await poll()).toEqual([])
  sf.passes(minutes(60))
  expect(await poll()).toEqual([{ type: 'gone', ref: { type: 'Lead', id: purged.Id }, erase: false }])
  sf.passes(minutes(60))
  expect(await poll()).toEqual([])
})

test('a change of the account changes its contacts: name, status, owner', async () => {
  const account = sf.org.insert('Account', { Name: 'Northwind', Type: 'Prospect' })
  const contact = sf.org.insert('Contact', { LastName: 'Ricci', AccountId: account.Id })
  await poll()
  sf.org.update(account.Id, { Type: 'Customer - Direct' })
  expect(await poll()).toMatchObject([
    { type: 'changed', person: { id: contact.Id, fields: { crmStatus: 'Customer - Direct' } } },
  ])
  expect(await poll()).toEqual([])
})

test('activities of all kinds are told by whose they are, deleted ones too', async () => {
  const { Id } = lead('A')
  await poll()
  const tells = async (change: () => void) => {
    change()
    expect(await poll()).toEqual([{ type: 'activities_changed', ref: { type: 'Lead', id: Id } }])
  }
  let task = ''
  await tells(() => {
    task = sf.org.insert('Task', { WhoId: Id, Subject: 't' }).Id
    sf.org.insert('Event', { WhoId: Id, Subject: 'e' })
  })
  await tells(() => sf.org.delete(task))
  await tells(() => sf.org.insert('CampaignMember', { CampaignId: null, LeadId: Id }))
  await tells(() => sf.org.insert('Note', { ParentId: Id, Title: 'n' }))
  await tells(() => sf.org.insert('EmailMessageRelation', { RelationId: Id, RelationType: 'ToAddress' }))
})

const activitiesOf = (...ids: string[]) =>
  ids.map((id) => ({ type: 'activities_changed', ref: { type: 'Lead', id } }))

test('a note of today is told by whose it is: new, edited, deleted; a file is not', async () => {
  const [one, other] = [lead('A').Id, lead('B').Id]
  await poll()
  const document = (FileType: string) => {
    const { Id } = sf.org.insert('ContentDocument', { Title: 'n', FileType })
    for (const LinkedEntityId of [one, other, sf.org.userId])
      sf.org.insert('ContentDocumentLink', { ContentDocumentId: Id, LinkedEntityId })
    return Id
  }
  const note = document('SNOTE')
  expect(await poll()).toEqual(activitiesOf(one, other))
  sf.org.update(note, { Title: 'edited' })
  expect(await poll()).toEqual(activitiesOf(one, other))
  sf.org.delete(note)
  expect(await poll()).toEqual(activitiesOf(one, other))
  document('PDF')
  expect(await poll()).toEqual([])
})

test('an event of several people is told with each of them, whoever comes to it and when it is edited', async () => {
  const [first, second] = [lead('A').Id, lead('B').Id]
  const event = sf.org.insert('Event', { WhoId: first, Subject: 'e' })
  await poll()
  const relation = sf.org.insert('EventRelation', { EventId: event.Id, RelationId: second })
  expect(await poll()).toEqual(activitiesOf(second))
  sf.org.update(event.Id, { Subject: 'edited' })
  expect(await poll()).toEqual(activitiesOf(first, second))
  sf.org.delete(relation.Id)
  expect(await poll()).toEqual(activitiesOf(second))
  sf.org.delete(event.Id)
  // who had left it before is told as well: that harms nobody
  expect(await poll()).toEqual(activitiesOf(first, second))
})

test('a task of several people is told with each of them, where an org has such tasks', async () => {
  await sf.close()
  sf = await startSalesforce({ sharedActivities: true })
  const [first, second] = [lead('A').Id, lead('B').Id]
  const task = sf.org.insert('Task', { WhoId: first, Subject: 't' })
  sf.passes(minutes(60))
  cursor = (await salesforce.crm.changes(await sf.describedCrm(), null)).cursor
  sf.org.insert('TaskRelation', { TaskId: task.Id, RelationId: second })
  expect(await poll()).toEqual(activitiesOf(second))
  sf.org.update(task.Id, { Status: 'Completed' })
  expect(await poll()).toEqual(activitiesOf(first, second))
})

test('an activity that is given to somebody else, or to nobody, is told by its id, once', async () => {
  const [first, second] = [lead('A').Id, lead('B').Id]
  const activities = [
    sf.org.insert('Task', { WhoId: first, Subject: 't' }),
    sf.org.insert('Event', { WhoId: first, Subject: 'e' }),
  ].map(({ Id }) => Id)
  const moved = activities.map((id) => ({ type: 'activity_changed', id }))
  await poll()
  for (const id of activities) sf.org.update(id, { WhoId: second })
  expect(new Set(await pollAll())).toEqual(new Set([...activitiesOf(second), ...moved]))
  for (const id of activities) sf.org.update(id, { WhoId: null })
  expect(await pollAll()).toEqual(moved)
  const note = sf.org.insert('Note', { ParentId: first, Title: 'n' }).Id
  await poll()
  sf.org.update(note, { ParentId: second })
  expect(await pollAll()).toEqual([...activitiesOf(second), { type: 'activity_changed', id: note }])
})

test('activities of nobody, or of things that are no people, are told of nobody', async () => {
  sf.org.insert('Task', { Subject: 'mine' })
  sf.org.insert('Note', { ParentId: sf.org.insert('Account', { Name: 'A' }).Id, Title: 'n' })
  expect(await poll()).toEqual([])
})

test('a cursor from before the recycle bin’s end, or none of ours, has expired', async () => {
  sf.passes(days(15))
  const crm = await sf.describedCrm()
  for (const old of [cursor, 'nonsense', '{}'])
    await expect(salesforce.crm.changes(crm, old)).rejects.toThrow(CursorExpiredError)
})
