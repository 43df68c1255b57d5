import type { FieldMapping } from '../sdk/crm.ts'
import { keyOf, type Place } from './change-cursor.ts'
import type { Select } from './client.ts'
import type { Sight } from './describe.ts'
import { asId } from './ids.ts'
import { fieldsToRead } from './people.ts'
import { instantAt, type Row } from './rows.ts'
import { all, any, names, type Soql, soql } from './soql.ts'

/** One query of the feed. */
export interface ChangeSource {
  /** One letter: the cursor remembers rows by it. */
  name: string
  type: string
  isPerson: boolean
  /** Rows are what a history shows, and may be given to another person. */
  isActivity?: boolean
  pageSize: number
  /** Where rows name no person, or only the first of several: the type that joins them, its field for the row, and the one for the person. */
  people?: { type: string; of: string; person: string }
  select(since: Date, after: Place | null): Select
}

export function changeSources(mapping: FieldMapping, sight: Sight): ChangeSource[] {
  const people = (name: string, type: string): ChangeSource => ({
    name,
    type,
    isPerson: true,
    pageSize: 200,
    select: (since, after) => page(type, fieldsToRead(type, mapping, sight), since, after, 200),
  })
  const activity = (
    name: string,
    type: string,
    fields: string[],
    people?: ChangeSource['people'],
  ): ChangeSource => ({
    name,
    type,
    isPerson: false,
    isActivity: ['Task', 'Event', 'Note'].includes(type),
    pageSize: 500,
    ...(people && sight.seesType(people.type) ? { people } : {}),
    select: (since, after) => page(type, ['Id', 'SystemModstamp', ...fields], since, after, 500),
  })
  // the link to a person keeps its stamp when the note changes, and links cannot be asked for by their stamp
  const notes = { type: 'ContentDocumentLink', of: 'ContentDocumentId', person: 'LinkedEntityId' }
  const ofAccounts: ChangeSource = {
    ...people('a', 'Contact'),
    // a contact shows its account's name, status and owner, whose changes leave the contact's stamp alone
    select: (since, after) => {
      const changed = soql`Account.SystemModstamp >= ${since}`
      const where = after ? all(changed, soql`Id > ${after.id}`) : changed
      const fields = names(...fieldsToRead('Contact', mapping, sight), 'Account.SystemModstamp')
      return { soql: soql`SELECT ${fields} FROM Contact WHERE ${where} ORDER BY Id LIMIT ${200}` }
    },
  }
  return [
    people('c', 'Contact'),
    people('l', 'Lead'),
    ...(sight.seesType('Account') && sight.sees('Contact', 'AccountId') ? [ofAccounts] : []),
    activity('t', 'Task', ['WhoId', 'Who.Type'], {
      type: 'TaskRelation',
      of: 'TaskId',
      person: 'RelationId',
    }),
    activity('e', 'Event', ['WhoId', 'Who.Type'], {
      type: 'EventRelation',
      of: 'EventId',
      person: 'RelationId',
    }),
    activity('r', 'TaskRelation', ['RelationId']),
    activity('v', 'EventRelation', ['RelationId']),
    activity('m', 'EmailMessageRelation', ['RelationId']),
    activity('k', 'CampaignMember', ['LeadId', 'ContactId']),
    activity('n', 'Note', ['ParentId']),
    ...(sight.seesType(notes.type) ? [activity('d', 'ContentDocument', ['FileType'], notes)] : []),
  ].filter(({ type }) => sight.seesType(type))
}

/** Oldest first, from where the last page ended; the recycle bin too. */
function page(type: string, fields: string[], since: Date, after: Place | null, size: number): Select {
  const where: Soql = after
    ? any(
        soql`SystemModstamp > ${new Date(after.stamp)}`,
        all(soql`SystemModstamp = ${new Date(after.stamp)}`, soql`Id > ${after.id}`),
      )
    : soql`SystemModstamp >= ${since}`
  return {
    soql: soql`SELECT ${names(...fields)} FROM ${names(type)} WHERE ${where} ORDER BY SystemModstamp, Id LIMIT ${size}`,
    withDeleted: true,
  }
}

export function positionAfter(rows: Row[]): Place | 'done' {
  const last = rows.at(-1)
  const id = asId(last?.Id)
  if (!last || !id) return 'done'
  return { id, stamp: (instantAt(last, 'SystemModstamp') ?? new Date(0)).toISOString() }
}

/** Of a contact whose account changed, the account's stamp counts. */
export const rowKey = ({ name }: ChangeSource, row: Row): string =>
  keyOf(name, asId(row.Id) ?? '', instantAt(row, name === 'a' ? 'Account.SystemModstamp' : 'SystemModstamp'))
