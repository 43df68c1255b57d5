import { sql } from 'kysely'
import type { Conversation } from '../../contracts/conversations.ts'
import type { Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import type { Viewer } from './visibility.ts'

/** Who goes on watching is not written down with every line they read. */
const againAfterMs = 10 * 60_000

/** Somebody is about to read this conversation: if it goes on and is another agent's, the audit log says so before they
 *  see a word of it. */
export async function noteWatching(
  services: Services,
  viewer: Viewer,
  { id, status, agent }: Conversation,
): Promise<void> {
  if (status === 'ended' || status === 'missed' || agent?.id === viewer.id) return
  const now = services.clock.now()
  const { rows } = await sql`
    select from audit_log where at > ${new Date(now.getTime() - againAfterMs)} and actor_id = ${viewer.id}
      and action = 'conversation.watched' and object_id = ${id} limit 1`.execute(services.db)
  if (rows.length > 0) return
  await services.db.transaction().execute((tx) =>
    audit(tx, {
      now,
      actorId: viewer.id,
      action: 'conversation.watched',
      objectType: 'conversation',
      objectId: id,
      detail: { agentId: agent?.id ?? null },
    }),
  )
}
