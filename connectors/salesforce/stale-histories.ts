import type { Crm, KnownHistory, PersonRef } from '../sdk/crm.ts'
import { Salesforce } from './client.ts'
import { seeing } from './describe.ts'
import { asId } from './ids.ts'
import { instantAt, type Row } from './rows.ts'
import { soql } from './soql.ts'

/** As many ids as a query holds that stands in an address. */
const idsAtOnce = 200

/**
 * The feed tells of everything but a note that is taken from a person: the link to them is deleted, which leaves the note as it was, and
 * links can be asked for only by what they join. So of those who are known to have notes all links are read: a call for a thousand people,
 * and none where nobody has a note. Notes that were given to them are seen by the way.
 */
export const staleHistories = (crm: Crm, known: KnownHistory[]): Promise<PersonRef[]> =>
  seeing(crm, async (sight) => {
    const withNotes = known.filter(({ activityIds }) => activityIds.some(isNote))
    if (withNotes.length === 0 || !sight.seesType('ContentDocumentLink')) return []
    const salesforce = await Salesforce.over(crm.connection)
    const people = withNotes.map(({ ref }) => ref.id)
    const chunks = Array.from({ length: Math.ceil(people.length / idsAtOnce) }, (_, at) =>
      people.slice(at * idsAtOnce, (at + 1) * idsAtOnce),
    )
    const answers = await salesforce.rowsOfEach(
      chunks.map((ids) => ({
        soql: soql`SELECT Id, LinkedEntityId, ContentDocumentId, ContentDocument.CreatedDate FROM ContentDocumentLink WHERE LinkedEntityId IN ${ids} AND ContentDocument.FileType = ${'SNOTE'}`,
      })),
    )
    const links = new Map<string, Row[]>()
    for (const rows of answers) {
      if (rows instanceof Error) throw rows
      for (const row of rows) {
        const person = asId(row.LinkedEntityId) ?? ''
        links.set(person, [...(links.get(person) ?? []), row])
      }
    }
    const { now } = salesforce
    return withNotes
      .filter((history) => isStale(history, links.get(history.ref.id) ?? [], now))
      .map(({ ref }) => ref)
  })

/** Of `CrmActivity`: the first letters of a ContentDocument's id. */
const isNote = (activityId: string) => activityId.startsWith('069')

function isStale({ activityIds, since }: KnownHistory, links: Row[], now: Date): boolean {
  const linked = new Set(links.map((row) => asId(row.ContentDocumentId)))
  if (activityIds.some((id) => isNote(id) && !linked.has(id))) return true
  return links.some((row) => {
    const at = instantAt(row, 'ContentDocument.CreatedDate')
    return at !== null && at >= since && at <= now && !activityIds.includes(asId(row.ContentDocumentId) ?? '')
  })
}
