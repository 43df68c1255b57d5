import type { Crm, CrmPerson, PeoplePage } from '../sdk/crm.ts'
import { CursorExpiredError } from '../sdk/errors.ts'
import { clientFor } from './client.ts'
import { propertiesToRead } from './mapping.ts'
import { companyIdsOf, toPeople } from './people.ts'

/** So many pages of the list are one page here. */
const pagesAtOnce = 10

/** The list has no end at 10,000, as the search has; the search tells how many there are. A page of the list names the next one, so these come one
 *  after the other; whom their contacts work for is asked meanwhile. */
export async function allPeople(crm: Crm, cursor: string | null): Promise<PeoplePage> {
  const client = clientFor(crm.connection)
  const { after, total } = cursor === null ? { after: null, total: await count(crm) } : fromCursor(cursor)
  const pages: Promise<CrmPerson[]>[] = []
  let next: string | null = after
  do {
    const page = await client.list('contacts', {
      properties: propertiesToRead(crm),
      associations: ['companies'],
      after: next,
    })
    next = page.after
    const people = toPeople(crm, page.records, companyIdsOf(page.records))
    // heard of below; until then it is nobody's
    people.catch(() => undefined)
    pages.push(people)
  } while (next !== null && pages.length < pagesAtOnce)
  const items = (await Promise.all(pages)).flat()
  return { items, total, cursor: next === null ? null : JSON.stringify({ after: next, total }) }
}

async function count({ connection }: Crm): Promise<number> {
  const { total } = await clientFor(connection).search('contacts', {
    groups: [],
    sort: 'hs_object_id',
    properties: [],
    limit: 1,
    after: null,
  })
  return total
}

function fromCursor(cursor: string): { after: string; total: number | null } {
  try {
    return JSON.parse(cursor)
  } catch (cause) {
    throw new CursorExpiredError('The import cannot go on from here. It begins anew.', { cause })
  }
}
