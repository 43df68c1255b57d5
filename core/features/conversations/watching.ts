import { sql } from 'kysely'
import type { Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import type { Viewer } from './visibility.ts'

/** Who goes on watching is not written down with every line they read. */
const againAfterMs = 10 * 60_000

/** Somebody is about to read these conversations: of those that go on and are another agent's, the audit log says so before they
 *  are told what was said. The rows of the list are not counted as reading, though each shows the first words and the last. */
export async function noteWatching(services: Services, viewer: Viewer, ids: string[]): Promise<void> {
  // nobody else sees any
  if (ids.length === 0 || !viewer.permissions.has('conversations.supervise')) return
  const now = services.clock.now()
  const { rows } = await sql<{ id: string; agentId: string | null }>`
    select c.id, c.agent_id from conversations c
    where c.id = any (${ids}::uuid[]) and c.status in ('waiting', 'active') and c.agent_id is distinct from ${viewer.id}
      and not exists (
        select from audit_log l where l.at > ${new Date(now.getTime() - againAfterMs)} and l.actor_id = ${viewer.id}
          and l.action = 'conversation.watched' and l.object_id = c.id::text)`.execute(services.db)
  if (rows.length === 0) return
  await services.db.transaction().execute(async (tx) => {
    for (const { id, agentId } of rows)
      await audit(tx, {
        now,
        actorId: viewer.id,
        action: 'conversation.watched',
        objectType: 'conversation',
        objectId: id,
        detail: { agentId },
      })
  })
}
