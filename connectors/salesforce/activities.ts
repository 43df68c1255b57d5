import type { Crm, CrmActivity, Page, PersonRef } from '../sdk/crm.ts'
import { activityFrom, activityIdsBehind } from './activity-rows.ts'
import { Salesforce, type Select } from './client.ts'
import { type Sight, seeing } from './describe.ts'
import { asId } from './ids.ts'
import { followed, webOriginOf } from './read-person.ts'
import type { Row } from './rows.ts'
import { all, any, dateLiteral, names, type Soql, soql } from './soql.ts'

interface Span {
  from: Date
  to: Date
}

interface Source {
  type: string
  /** Null: this connection does not see what it needs. */
  query(id: string, span: Span, sight: Sight): Soql | null
}

/** All of it at once: every kind in a call or two, then each thing once. */
export const activities = (crm: Crm, ref: PersonRef, span: Span): Promise<Page<CrmActivity>> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    const { type, id } = await followed(salesforce, crm, sight, ref)
    const asked = sources(type).flatMap((source) => {
      const query = sight.seesType(source.type) ? source.query(id, span, sight) : null
      return query ? [{ type: source.type, soql: query }] : []
    })
    const answers = await salesforce.rowsOfEach(asked satisfies Select[])
    const found = new Map<string, { type: string; row: Row }>()
    answers.forEach((rows, at) => {
      if (rows instanceof Error) throw rows
      for (const row of rows) found.set(asId(row.Id) ?? '', { type: asked[at]?.type ?? '', row })
    })
    const webOrigin = webOriginOf(crm)
    const today = { now: span.to, timeZone: crm.connection.account?.details?.timeZone ?? 'UTC' }
    // Salesforce keeps an e-mail as a message and as a task: the message says more
    const toldByAnother = new Set([...found.values()].flatMap(({ row }) => activityIdsBehind(row)))
    const told = [...found]
      .filter(([id]) => !toldByAnother.has(id))
      .map(([, { type, row }]) => activityFrom(type, row, webOrigin, today))
      .filter((activity) => activity !== null && isWithin(activity, span))
    return { items: told as CrmActivity[], cursor: null }
  })

const isWithin = ({ at }: CrmActivity, { from, to }: Span) => at >= from && at <= to

const stamps = (field: string, { from, to }: Span) =>
  // literals are to the second: a later end is cut off again when the rows are mapped
  all(soql`${names(field)} >= ${from}`, soql`${names(field)} <= ${new Date(to.getTime() + 1_000)}`)

/** Dates have no zone: a day more on both sides, cut off again later. */
const dates = (field: string, { from, to }: Span) =>
  all(
    soql`${names(field)} >= ${dateLiteral(dayOf(from, -1))}`,
    soql`${names(field)} <= ${dateLiteral(dayOf(to, 1))}`,
  )

/** Of an e-mail just outside the span, too, must be known that it is a task's: that task's date may lie inside. */
const around = ({ from, to }: Span): Span => ({
  from: new Date(from.getTime() - 2 * dayMs),
  to: new Date(to.getTime() + 2 * dayMs),
})

const dayMs = 86_400_000

const dayOf = (at: Date, days: number) => new Date(at.getTime() + days * dayMs).toISOString().slice(0, 10)

const taskFields = [
  'Subject',
  'ActivityDate',
  'Status',
  'TaskSubtype',
  'CallType',
  'CallDisposition',
  'CallDurationInSeconds',
  'Description',
  'CompletedDateTime',
  'Foyer_Key__c',
]

const taskQuery = (isOfPerson: Soql, span: Span, sight: Sight) => {
  const within = any(
    dates('ActivityDate', span),
    all(soql`ActivityDate = ${null}`, stamps('CreatedDate', span)),
    // done before or after it was due
    ...sight.seen('Task', ['CompletedDateTime']).map((field) => stamps(field, span)),
  )
  const once = sight.seen('Task', ['IsRecurrence']).map((field) => soql`${names(field)} = ${false}`)
  const fields = names('Id', 'CreatedDate', ...sight.seen('Task', taskFields))
  return soql`SELECT ${fields} FROM Task WHERE ${all(isOfPerson, within, ...once)}`
}

const eventFields = [
  'Subject',
  'Location',
  'IsAllDayEvent',
  'ActivityDate',
  'StartDateTime',
  'EndDateTime',
  'Description',
  'Foyer_Key__c',
]

const eventQuery = (isOfPerson: Soql, span: Span, sight: Sight) => {
  const within = any(stamps('StartDateTime', span), dates('ActivityDate', span))
  // copies for colleagues, and the rows that only describe a series
  const once = sight
    .seen('Event', ['IsChild', 'IsRecurrence'])
    .map((field) => soql`${names(field)} = ${false}`)
  const fields = names('Id', 'CreatedDate', ...sight.seen('Event', eventFields))
  return soql`SELECT ${fields} FROM Event WHERE ${all(isOfPerson, within, ...once)}`
}

const emailFields = [
  'Subject',
  'TextBody',
  'Incoming',
  'FromAddress',
  'ToAddress',
  'ActivityId',
  'MessageIdentifier',
]

const sources = (type: string): Source[] => [
  {
    type: 'EmailMessage',
    query: (id, span, sight) => {
      if (!sight.seesType('EmailMessageRelation')) return null
      const sent = sight
        .seen('EmailMessage', ['IsPrivateDraft'])
        .map((field) => soql`${names(field)} = ${false}`)
      const isOfPerson = soql`Id IN (SELECT EmailMessageId FROM EmailMessageRelation WHERE RelationId = ${id})`
      const fields = names('Id', 'MessageDate', ...sight.seen('EmailMessage', emailFields))
      return soql`SELECT ${fields} FROM EmailMessage WHERE ${all(isOfPerson, stamps('MessageDate', around(span)), ...sent)}`
    },
  },
  { type: 'Task', query: (id, span, sight) => taskQuery(soql`WhoId = ${id}`, span, sight) },
  {
    type: 'Task',
    // there only with "Shared Activities": tasks of several people
    query: (id, span, sight) =>
      sight.seesType('TaskRelation')
        ? taskQuery(soql`Id IN (SELECT TaskId FROM TaskRelation WHERE RelationId = ${id})`, span, sight)
        : null,
  },
  { type: 'Event', query: (id, span, sight) => eventQuery(soql`WhoId = ${id}`, span, sight) },
  {
    type: 'Event',
    query: (id, span, sight) =>
      sight.seesType('EventRelation')
        ? eventQuery(soql`Id IN (SELECT EventId FROM EventRelation WHERE RelationId = ${id})`, span, sight)
        : null,
  },
  {
    type: 'CampaignMember',
    query: (id, span) => {
      const isOfPerson = soql`${names(type === 'Lead' ? 'LeadId' : 'ContactId')} = ${id}`
      return soql`SELECT Id, Status, CreatedDate, CampaignId, Campaign.Name, Campaign.Type FROM CampaignMember WHERE ${all(isOfPerson, stamps('CreatedDate', span))}`
    },
  },
  {
    type: 'Note',
    query: (id, span, sight) => {
      const fields = names('Id', 'CreatedDate', ...sight.seen('Note', ['Title', 'Body']))
      const open = sight.seen('Note', ['IsPrivate']).map((field) => soql`${names(field)} = ${false}`)
      return soql`SELECT ${fields} FROM Note WHERE ${all(soql`ParentId = ${id}`, stamps('CreatedDate', span), ...open)}`
    },
  },
  {
    type: 'ContentDocumentLink',
    query: (id, span) => {
      const isNote = soql`ContentDocument.FileType = ${'SNOTE'}`
      const conditions = all(
        soql`LinkedEntityId = ${id}`,
        isNote,
        stamps('ContentDocument.CreatedDate', span),
      )
      return soql`SELECT Id, ContentDocumentId, ContentDocument.Title, ContentDocument.CreatedDate FROM ContentDocumentLink WHERE ${conditions}`
    },
  },
]
