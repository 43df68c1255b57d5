import { type RawBuilder, sql } from 'kysely'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'

/**
 * Who may see a visitor: whoever may see one of the visitor's conversations, and whoever is being asked to take one.
 * A visitor known only from somebody else's active chat does not exist for the others, as that chat does not.
 * @param v the alias of `visitors` in the query.
 */
export function visitorVisibleTo(viewer: Viewer, now: Date, v = 'v'): RawBuilder<boolean> {
  const id = sql.ref(`${v}.id`)
  return sql<boolean>`(
    exists (select from conversations c where c.visitor_id = ${id} and ${visibleTo(viewer)})
    or exists (
      select from offers o join conversations c on c.id = o.conversation_id
      where c.visitor_id = ${id} and o.agent_id = ${viewer.id} and o.state = 'pending' and o.expires_at > ${now}))`
}
