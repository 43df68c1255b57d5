import type { Connection } from '../sdk/contract.ts'
import type { Crm, CrmOwner, Page } from '../sdk/crm.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { clientFor, type HubSpotOwner } from './client.ts'

/** Active ones first, then archived ones: records go on naming those. The user's id is another number and named nowhere. */
export async function owners({ connection }: Crm, cursor: string | null): Promise<Page<CrmOwner>> {
  const [archived, after] = cursor === null ? [false, null] : fromCursor(cursor)
  const page = await clientFor(connection).owners(archived, after)
  const items = page.owners.map(ownerOf)
  if (page.after !== null) return { items, cursor: `${archived ? 'archived' : 'active'}:${page.after}` }
  return { items, cursor: archived ? null : 'archived:' }
}

function fromCursor(cursor: string): [archived: boolean, after: string | null] {
  const divider = cursor.indexOf(':')
  return [cursor.slice(0, divider) === 'archived', cursor.slice(divider + 1) || null]
}

export const ownerOf = ({ id, email, firstName, lastName, type, archived }: HubSpotOwner): CrmOwner => ({
  id,
  name: [firstName, lastName].filter(Boolean).join(' ') || null,
  email: email?.toLowerCase() ?? null,
  active: !archived,
  isQueue: type === 'QUEUE',
})

const unknown = (id: string): CrmOwner => ({ id, name: null, email: null, active: false, isQueue: false })

/** Asked for one by one, more than so many cost more than the whole list. */
const worthTheList = 4

/** The owners met during one piece of work. */
const met = new WeakMap<Connection, Map<string, Promise<CrmOwner>>>()

export async function ownersById(
  connection: Connection,
  ids: Iterable<string>,
): Promise<Map<string, CrmOwner>> {
  const known = met.get(connection) ?? new Map<string, Promise<CrmOwner>>()
  met.set(connection, known)
  const wanted = new Set(ids)
  const missing = [...wanted].filter((id) => !known.has(id))
  if (missing.length >= worthTheList) {
    const list = wholeList(connection)
    for (const id of missing)
      known.set(
        id,
        list.then((all) => all.get(id) ?? unknown(id)),
      )
  } else for (const id of missing) known.set(id, one(connection, id))
  try {
    return new Map(
      await Promise.all([...wanted].map(async (id) => [id, (await known.get(id)) ?? unknown(id)] as const)),
    )
  } catch (error) {
    // what failed is asked anew
    for (const id of missing) known.delete(id)
    throw error
  }
}

async function one(connection: Connection, id: string): Promise<CrmOwner> {
  const client = clientFor(connection)
  for (const archived of [false, true])
    try {
      return ownerOf(await client.owner(id, archived))
    } catch (error) {
      if (!(error instanceof RecordGoneError)) throw error
    }
  return unknown(id)
}

async function wholeList(connection: Connection): Promise<Map<string, CrmOwner>> {
  const crm = { connection, mapping: {}, description: null }
  const all = new Map<string, CrmOwner>()
  let cursor: string | null = null
  do {
    const page: Page<CrmOwner> = await owners(crm, cursor)
    for (const owner of page.items) if (!all.has(owner.id)) all.set(owner.id, owner)
    cursor = page.cursor
  } while (cursor !== null)
  return all
}
