import type { Crm, Logged, PersonRef } from '../sdk/crm.ts'
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
    // events belong to people, not to queues
    const owner = entry.ownerId?.startsWith('005') ? entry.ownerId : null
    const id = await withAnyOwner(owner, (ownerId) => {
      const values = {
        ...writable(entry, sight),
        // no WhatId: Salesforce refuses one beside a lead, and finds a contact's account itself
        WhoId: person.id,
        ...(ownerId ? { OwnerId: ownerId } : {}),
      }
      return write(salesforce, sight, entry, values, [person.id, ...person.formerIds])
    })
    return { id, url: `${webOriginOf(crm)}/${id}` }
  })

async function write(
  salesforce: Salesforce,
  sight: Sight,
  entry: Entry,
  values: Record<string, string | boolean>,
  people: string[],
): Promise<string> {
  const { type, key, knownId } = entry
  if (sight.sees(type, keyField)) return salesforce.upsert(type, keyField, key, values)
  const id = knownId ?? (entry.mayExist ? await writtenEarlier(salesforce, entry, people) : undefined)
  if (!id) return salesforce.create(type, values)
  await salesforce.update(type, id, values)
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
