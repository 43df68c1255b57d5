import { type RawBuilder, sql } from 'kysely'
import type { Permission } from '../../contracts/agents.ts'

/** Somebody signed in, as far as what they may see is concerned. */
export interface Viewer {
  id: string
  permissions: ReadonlySet<Permission>
}

/**
 * The visibility rule, in its only place: a conversation is visible to its own agent, and to everybody once it is
 * ended or missed; an active or waiting one of others needs `conversations.supervise`. Lists, reads by id, search,
 * transcripts, activities and visitors all go through this predicate.
 * What a blocked visitor asked for is nobody's to see.
 * @param c the alias of `conversations` in the query.
 */
export function visibleTo(viewer: Viewer, c = 'c'): RawBuilder<boolean> {
  const table = sql.table(c)
  if (viewer.permissions.has('conversations.supervise')) return sql<boolean>`not ${table}.blocked`
  return sql<boolean>`(not ${table}.blocked and (${table}.status in ('ended', 'missed') or ${table}.agent_id = ${viewer.id}))`
}

/** The viewer as far as changing something is concerned: who watches the chats of others only reads. */
export function withoutWatching(viewer: Viewer): Viewer {
  const permissions = new Set(viewer.permissions)
  permissions.delete('conversations.supervise')
  return { id: viewer.id, permissions }
}
