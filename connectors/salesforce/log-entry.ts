import type { Crm, Logged, PersonRef } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { Salesforce } from './client.ts'
import { withAnyOwner } from './create-person.ts'
import { keyField, type Sight, seeing } from './describe.ts'
import { asId } from './ids.ts'
import { keyIn, withKey } from './marks.ts'
import { followed, webOriginOf } from './read-person.ts'
import { textAt } from './rows.ts'
import { all, containing, names, soql } from './soql.ts'

/** A task or event that Foyer keeps up to date. */
export interface Entry {
  type: 'Task' | 'Event'
  key: string
  knownId: string | null
  mayExist: boolean
  ownerId: string | null
  subject: string
  values: Record<string, string | boolean>
}

/**
 * Written once, however often it runs: by the unique field if an admin added it; else under the id that is known; else, when an earlier
 * run may have had its effect, under the entry whose subject carries our mark.
 */
export const logEntry = (crm: Crm, ref: PersonRef, entry: Entry): Promise<Logged> =>
  seeing(crm, async (sight) => {
    const salesforce = await Salesforce.over(crm.connection)
    const person = await followed(salesforce, crm, sight, ref)
    const status = await closedStatus(salesforce, sight, entry)
    // events belong to people, not to queues
    const owner = entry.ownerId?.startsWith('005') ? entry.ownerId : null
    const id = await withAnyOwner(owner, (ownerId) => {
      const values = {
        ...writable(entry, sight),
        ...status,
        // no WhatId: Salesforce refuses one beside a lead, and finds a contact's account itself
        WhoId: person.id,
        ...(ownerId ? { OwnerId: ownerId } : {}),
      }
      return write(salesforce, sight, entry, values, [person.id, ...person.formerIds])
    })
    return { id, url: `${webOriginOf(crm)}/${id}` }
  })

/** An organisation may call "Completed" by another name. */
async function closedStatus(
  salesforce: Salesforce,
  sight: Sight,
  { type, values }: Entry,
): Promise<Record<string, string>> {
  const options = sight.field(type, 'Status')?.options
  if (!values.Status || !options || options.some(({ value }) => value === values.Status)) return {}
  const rows = await salesforce.rows({
    soql: soql`SELECT ApiName FROM TaskStatus WHERE IsClosed = ${true} LIMIT 1`,
  })
  const status = textAt(rows[0] ?? {}, 'ApiName')
  return status ? { Status: status } : {}
}

async function write(
  salesforce: Salesforce,
  sight: Sight,
  entry: Entry,
  values: Record<string, string | boolean>,
  people: string[],
): Promise<string> {
  const { type, key, knownId, mayExist } = entry
  const hasKeyField = sight.sees(type, keyField)
  const id = knownId
    ? knownIdOf(knownId)
    : mayExist && !hasKeyField
      ? await writtenEarlier(salesforce, entry, people)
      : undefined
  if (id) {
    // one that was written before the field was there gets its key now
    await salesforce.update(type, id, hasKeyField ? { ...values, [keyField]: key } : values)
    return id
  }
  return hasKeyField ? salesforce.upsert(type, keyField, key, values) : salesforce.create(type, values)
}

/** @throws {RecordGoneError} */
function knownIdOf(knownId: string): string {
  const id = asId(knownId)
  if (!id) throw new RecordGoneError('What is known of the entry in Salesforce is no id of a record.')
  return id
}

async function writtenEarlier(salesforce: Salesforce, { type, key }: Entry, people: string[]) {
  const rows = await salesforce.rows({
    soql: soql`SELECT Id, Subject FROM ${names(type)} WHERE ${all(
      soql`WhoId IN ${people}`,
      soql`Subject LIKE ${containing(`[${key}]`)}`,
    )} ORDER BY CreatedDate, Id LIMIT 20`,
  })
  return asId(rows.find((row) => keyIn(textAt(row, 'Subject') ?? '') === key)?.Id)
}

/** Fields that the user may not write are left out rather than failing the entry. */
function writable({ type, key, subject, values }: Entry, sight: Sight): Record<string, string | boolean> {
  const marked = sight.sees(type, keyField) ? subject.slice(0, 255) : withKey(subject, key)
  const all = { Subject: marked, ...values }
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => {
      const field = sight.field(type, name)
      const isListed =
        !field?.options || name !== 'Status' || field.options.some((option) => option.value === value)
      return field?.mayWrite === true && isListed
    }),
  )
}
