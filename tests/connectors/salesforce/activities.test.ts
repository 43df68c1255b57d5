import { afterEach, beforeEach, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { fillWithPeople } from '#connectors/salesforce/stand-in/people.ts'
import type { CrmActivity } from '#connectors/sdk/crm.ts'
import { days, type StartedSalesforce, startSalesforce } from './support.ts'

let sf: StartedSalesforce
let sofia: { type: string; id: string }

beforeEach(async () => {
  sf = await startSalesforce({ pageSize: 3 })
  sofia = { type: 'Lead', id: sf.org.insert('Lead', { LastName: 'Ricci', Company: 'Northwind' }).Id }
})
afterEach(() => sf.close())

async function shown(ref = sofia, back = 90): Promise<CrmActivity[]> {
  const { now: to } = sf.clock
  const from = new Date(to.getTime() - days(back))
  const { items, cursor } = await salesforce.crm.activities(await sf.describedCrm(), ref, { from, to })
  expect(cursor).toBeNull()
  return items.sort((a, b) => b.at.getTime() - a.at.getTime())
}
const ago = (count: number) => new Date(sf.clock.now.getTime() - days(count)).toISOString()

test('Sofia’s last 90 days: each kind, each thing once, nothing older', async () => {
  fillWithPeople(sf.org)
  const known = await salesforce.crm.findPerson(sf.crm(), 'sofia.ricci@northwind.test')
  const all = await shown(known ?? sofia)
  expect(all.map(({ kind, title }) => [kind, title])).toEqual([
    ['email', 'Re: Prices for 400 seats'],
    ['email', 'Prices for 400 seats'],
    ['call', 'Call: needs and time frame'],
    ['task', 'Send case study about purchasing teams'],
    ['note', 'Who decides'],
    ['meeting', 'Product demo for Northwind'],
    ['campaign', 'Purchasing webinar'],
  ])
  expect(await shown(known ?? sofia, 200)).toHaveLength(10)
})

test('all kinds cost two calls, however many there are', async () => {
  const crm = await sf.describedCrm()
  sf.calls()
  await salesforce.crm.activities(crm, sofia, { from: new Date(0), to: sf.clock.now })
  expect(sf.calls()).toEqual(
    ['GET /query', 'POST /composite', 'POST /composite'].map((call) => call.replace('/query', '/queryAll')),
  )
})

test('an e-mail and its task are one; a task without its message stays', async () => {
  const mail = (Subject: string, hasMessage: boolean) => {
    const task = sf.org.insert('Task', {
      WhoId: sofia.id,
      Subject: `Email: ${Subject}`,
      TaskSubtype: 'Email',
      ActivityDate: '2026-11-20',
    })
    if (!hasMessage) return task.Id
    const message = sf.org.insert('EmailMessage', {
      Subject,
      ActivityId: task.Id,
      MessageDate: ago(8),
      MessageIdentifier: '<1@x.test>',
    })
    sf.org.insert('EmailMessageRelation', {
      EmailMessageId: message.Id,
      RelationId: sofia.id,
      RelationType: 'ToAddress',
    })
    return task.Id
  }
  const taskId = mail('one', true)
  mail('two', false)
  const all = await shown()
  expect(all.map(({ kind, title }) => [kind, title])).toEqual([
    ['email', 'one'],
    ['email', 'Email: two'],
  ])
  expect(all[0]?.sameAs).toEqual([taskId, 'message-id:<1@x.test>'])
})

test('an e-mail of the hour before the span does not come as its task, whose noon lies in it', async () => {
  sf.clock.now = new Date('2026-11-28T08:00:00Z')
  const sent = new Date(sf.clock.now.getTime() - 90 * 86_400_000 - 3_600_000).toISOString()
  const task = sf.org.insert('Task', {
    WhoId: sofia.id,
    Subject: 'Email: late',
    TaskSubtype: 'Email',
    ActivityDate: sent.slice(0, 10),
  })
  const message = sf.org.insert('EmailMessage', { Subject: 'late', ActivityId: task.Id, MessageDate: sent })
  sf.org.insert('EmailMessageRelation', {
    EmailMessageId: message.Id,
    RelationId: sofia.id,
    RelationType: 'ToAddress',
  })
  expect(await shown()).toEqual([])
})

test('a date without a zone is that date’s noon, an event its moment', async () => {
  sf.org.insert('Task', { WhoId: sofia.id, Subject: 'due', ActivityDate: '2026-11-20' })
  sf.org.insert('Task', { WhoId: sofia.id, Subject: 'undated', CreatedDate: '2026-11-19T08:00:00Z' })
  sf.org.insert('Event', {
    WhoId: sofia.id,
    Subject: 'fair',
    IsAllDayEvent: true,
    ActivityDate: '2026-11-18',
  })
  sf.org.insert('Event', {
    WhoId: sofia.id,
    Subject: 'demo',
    StartDateTime: '2026-11-17T09:30:00Z',
    EndDateTime: '2026-11-17T10:00:00Z',
  })
  expect((await shown()).map(({ title, at, isAllDay }) => [title, at.toISOString(), isAllDay])).toEqual([
    ['due', '2026-11-20T12:00:00.000Z', true],
    ['undated', '2026-11-19T08:00:00.000Z', false],
    ['fair', '2026-11-18T12:00:00.000Z', true],
    ['demo', '2026-11-17T09:30:00.000Z', false],
  ])
})

test('a task was done when it was completed, whenever it was due', async () => {
  const task = (Subject: string, ActivityDate: string | null, CompletedDateTime: string) =>
    sf.org.insert('Task', { WhoId: sofia.id, Subject, ActivityDate, CompletedDateTime })
  task('early', '2027-01-10', ago(3))
  task('late', ago(120).slice(0, 10), ago(5))
  task('without a date', null, ago(7))
  task('long ago', ago(1).slice(0, 10), ago(91))
  expect((await shown()).map(({ title, at }) => [title, at.toISOString()])).toEqual([
    ['early', ago(3)],
    ['late', ago(5)],
    ['without a date', ago(7)],
  ])
})

test('the span’s first and last instants belong to it, a second beyond does not', async () => {
  for (const seconds of [-1, 0, 90 * 86_400, 90 * 86_400 + 1])
    sf.org.insert('Event', {
      WhoId: sofia.id,
      Subject: String(seconds),
      StartDateTime: new Date(sf.clock.now.getTime() - seconds * 1_000).toISOString(),
      EndDateTime: sf.clock.now.toISOString(),
    })
  expect((await shown()).map(({ title }) => title)).toEqual(['0', String(90 * 86_400)])
})

test('this morning’s call is shown although its noon has not come', async () => {
  sf.clock.now = new Date('2026-11-28T08:00:00Z')
  sf.org.insert('Task', {
    WhoId: sofia.id,
    Subject: 'Call',
    TaskSubtype: 'Call',
    ActivityDate: '2026-11-28',
    CreatedDate: '2026-11-28T07:30:00Z',
  })
  sf.org.insert('Task', {
    WhoId: sofia.id,
    Subject: 'Planned',
    ActivityDate: '2026-11-28',
    CreatedDate: '2026-11-01T07:30:00Z',
  })
  expect(await shown()).toMatchObject([
    { kind: 'call', at: new Date('2026-11-28T07:30:00Z'), isAllDay: false },
  ])
})

test('what was done after midnight where the CRM is, is shown while it is still yesterday in Greenwich', async () => {
  // Rome's 29th has begun
  sf.clock.now = new Date('2026-11-28T23:30:00Z')
  const dated = { WhoId: sofia.id, ActivityDate: '2026-11-29' }
  sf.org.insert('Task', { ...dated, Subject: 'Logged', CreatedDate: '2026-11-28T23:10:00Z' })
  sf.org.insert('Task', { ...dated, Subject: 'Planned', CreatedDate: '2026-11-28T22:50:00Z' })
  expect(await shown()).toMatchObject([
    { title: 'Logged', at: new Date('2026-11-28T23:10:00Z'), isAllDay: false },
  ])
})

test('meetings with several people are found, colleagues’ copies and series are not', async () => {
  const event = { StartDateTime: ago(3), EndDateTime: ago(3) }
  const shared = sf.org.insert('Event', { ...event, Subject: 'shared' })
  sf.org.insert('EventRelation', { EventId: shared.Id, RelationId: sofia.id })
  sf.org.insert('Event', { ...event, WhoId: sofia.id, Subject: 'copy', IsChild: true })
  sf.org.insert('Event', { ...event, WhoId: sofia.id, Subject: 'series', IsRecurrence: true })
  const both = sf.org.insert('Event', { ...event, WhoId: sofia.id, Subject: 'both' })
  sf.org.insert('EventRelation', { EventId: both.Id, RelationId: sofia.id })
  expect((await shown()).map(({ title }) => title).sort()).toEqual(['both', 'shared'])
})

test('notes, old and new ones, without private ones', async () => {
  sf.org.insert('Note', { ParentId: sofia.id, Title: 'old', Body: 'x'.repeat(3_000), CreatedDate: ago(5) })
  sf.org.insert('Note', { ParentId: sofia.id, Title: 'private', IsPrivate: true, CreatedDate: ago(5) })
  for (const [Title, FileType] of [
    ['new', 'SNOTE'],
    ['price list', 'PDF'],
  ] as const) {
    const document = sf.org.insert('ContentDocument', { Title, FileType, CreatedDate: ago(4) })
    sf.org.insert('ContentDocumentLink', { ContentDocumentId: document.Id, LinkedEntityId: sofia.id })
  }
  const all = await shown()
  expect(all.map(({ kind, title }) => [kind, title])).toEqual([
    ['note', 'new'],
    ['note', 'old'],
  ])
  expect(all[1]?.detail).toHaveLength(2_000)
})

test('more than a page of a kind is read to the end', async () => {
  for (let at = 0; at < 10; at++)
    sf.org.insert('Task', { WhoId: sofia.id, Subject: `t${at}`, ActivityDate: '2026-11-20' })
  expect(await shown()).toHaveLength(10)
})

test('a merged or converted person has the history of who it is now', async () => {
  sf.org.insert('Task', { WhoId: sofia.id, Subject: 'before', ActivityDate: '2026-11-20' })
  sf.org.convert(sofia.id)
  expect(await shown()).toMatchObject([{ title: 'before' }])
})

test('what Foyer wrote itself is known by its key, which people do not see', async () => {
  sf.org.insert('Task', {
    WhoId: sofia.id,
    Subject: 'Chat with Sofia [foyer-chat-42]',
    ActivityDate: '2026-11-20',
  })
  expect(await shown()).toMatchObject([{ title: 'Chat with Sofia', foyerKey: 'foyer-chat-42' }])
})

test('kinds that the user may not see are left out', async () => {
  sf.org.insert('Task', { WhoId: sofia.id, Subject: 't', ActivityDate: '2026-11-20' })
  for (const hidden of [
    'EmailMessage',
    'Note',
    'ContentDocumentLink',
    'EventRelation',
    'Task.Description',
    'Task.CallType',
    'Event.IsChild',
  ])
    sf.org.hidden.add(hidden)
  expect(await shown()).toMatchObject([{ title: 't', detail: null }])
})
