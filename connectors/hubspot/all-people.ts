import type { Crm, CrmPerson, Page } from '../sdk/crm.ts'
import { CursorExpiredError } from '../sdk/errors.ts'
import { clientFor } from './client.ts'
import { propertiesToRead } from './mapping.ts'
import { companyIdsOf, toPeople } from './people.ts'

/** The list has no end at 10,000, as the search has; the search tells how many there are. */
export async function allPeople(
  crm: Crm,
  cursor: string | null,
): Promise<Page<CrmPerson> & { total: number | null }> {
  const client = clientFor(crm.connection)
  const { after, total } = cursor === null ? { after: null, total: await count(crm) } : fromCursor(cursor)
  const page = await client.list('contacts', {
    properties: propertiesToRead(crm),
    associations: ['companies'],
    after,
  })
  const items = await toPeople(crm, page.records, companyIdsOf(page.records))
  return { items, total, cursor: page.after === null ? null : JSON.stringify({ after: page.after, total }) }
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
