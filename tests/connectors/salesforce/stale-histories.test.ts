import { afterEach, beforeEach, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import type { KnownHistory } from '#connectors/sdk/crm.ts'
import { days, minutes, type StartedSalesforce, startSalesforce } from './support.ts'

let sf: StartedSalesforce

beforeEach(async () => {
  sf = await startSalesforce()
})
afterEach(() => sf.close())

const lead = (LastName: string) => sf.org.insert('Lead', { LastName, Company: 'X' }).Id
const document = (FileType = 'SNOTE') => sf.org.insert('ContentDocument', { Title: 'n', FileType }).Id
const link = (ContentDocumentId: string, LinkedEntityId: string) =>
  sf.org.insert('ContentDocumentLink', { ContentDocumentId, LinkedEntityId }).Id

/** As Foyer reads and keeps it, a minute later. */
async function historyOf(id: string): Promise<KnownHistory> {
  sf.passes(minutes(1))
  const ref = { type: 'Lead', id }
  const readAt = sf.clock.now
  const since = new Date(readAt.getTime() - days(90))
  const crm = await sf.describedCrm()
  const { items } = await salesforce.crm.activities(crm, ref, { from: since, to: readAt })
  return { ref, readAt, since, activityIds: items.map(({ id }) => id) }
}

async function staleOf(known: KnownHistory[]) {
  sf.passes(minutes(1))
  const crm = await sf.describedCrm()
  return (await salesforce.crm.staleHistories(crm, known)).map(({ id }) => id)
}

test('a note that is taken from a person, or given to one with notes, is told, though the note stays as it was', async () => {
  const [first, second, third] = [lead('A'), lead('B'), lead('C')]
  const [note, other] = [document(), document()]
  const taken = link(note, first)
  for (const id of [second, third]) link(note, id)
  link(document('PDF'), second)
  const known = [await historyOf(first), await historyOf(second), await historyOf(third)]
  expect(known.map(({ activityIds }) => activityIds)).toEqual([[note], [note], [note]])
  expect(await staleOf(known)).toEqual([])
  sf.org.delete(taken)
  link(other, second)
  expect(await staleOf(known)).toEqual([first, second])
  expect(await staleOf([await historyOf(first), await historyOf(second)])).toEqual([])
})

test('a note older than what is known makes nobody be read again', async () => {
  const [person, old] = [lead('A'), document()]
  sf.passes(days(91))
  link(document(), person)
  link(old, person)
  const known = await historyOf(person)
  expect(known.activityIds).toHaveLength(1)
  expect(await staleOf([known])).toEqual([])
})

test('many are asked about with one call, and nobody without a note', async () => {
  const note = document()
  const people = Array.from({ length: 450 }, (_, place) => lead(`P${place}`))
  for (const id of people) link(note, id)
  const readAt = sf.clock.now
  const since = new Date(readAt.getTime() - days(90))
  const known = people.map((id) => ({ ref: { type: 'Lead', id }, readAt, since, activityIds: [note] }))
  sf.calls()
  expect(await staleOf(known)).toEqual([])
  expect(sf.calls()).toEqual(['POST /composite'])
  expect(
    await staleOf(known.map((history) => ({ ...history, activityIds: ['00T000000000001AAA'] }))),
  ).toEqual([])
  expect(sf.calls()).toEqual([])
})
