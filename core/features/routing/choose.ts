import { sql } from 'kysely'
import type { Profile } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import type { Tx } from '../../db/pool.ts'
import { isReachable } from '../../realtime/presence-sql.ts'
import { permissionsOf } from '../agents/permissions.ts'
import { availabilityAt } from '../availability/schedule.ts'
import { toOverride } from '../availability/service.ts'

interface Candidate {
  id: string
  position: number
  profile: Profile
  liveChatSchedule: Schedule
  overrideStatus: 'available' | 'unavailable' | null
  overrideSetAt: Date | null
  overrideUntil: Date | null
}

/** Takes the place in the queue of choosers: one request at a time chooses, so order and caps hold under any race.
 *  Always after the conversation's own lock, never before it.
 *  @returns the round robin's position of the agent offered last. */
export async function lockRouting(tx: Tx): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    select last_offered_position as position from organisation for update`.execute(tx)
  return rows[0]?.position ?? 0
}

/**
 * The next agent in the sequential round robin: the first after `after`, in the order of position and around the end,
 * who may take chats, is available, reachable, not full, and has not been asked for this conversation in its round.
 * Call under {@link lockRouting}, so that this reads what the last chooser committed.
 * @param cap chats of one agent at most, active and offered together.
 * @param first an agent who is asked out of turn, if all of that holds for them.
 */
export async function nextAgent(
  tx: Tx,
  now: Date,
  {
    conversation,
    after,
    cap,
    first,
  }: { conversation: { id: string; round: number }; after: number; cap: number; first: string | null },
): Promise<{ id: string; position: number } | null> {
  const { rows } = await sql<Candidate>`
    select a.id, a.position, a.profile, a.live_chat_schedule, a.override_status, a.override_set_at, a.override_until
    from agents a
    where a.active
      and ${isReachable('agent', sql`a.id`, now)}
      and not exists (
        select from offers o
        where o.conversation_id = ${conversation.id} and o.agent_id = a.id and o.round = ${conversation.round})
      and (select count(*) from conversations c where c.agent_id = a.id and c.status = 'active')
        + (select count(*) from offers o where o.agent_id = a.id and o.state = 'pending') < ${cap}
    order by (a.id = ${first}) desc, (a.position <= ${after}), a.position`.execute(tx)
  const next = rows.find((agent) => canChat(agent.profile) && isAvailable(agent, now))
  return next ? { id: next.id, position: next.position } : null
}

/** `now` was read before the wait for the lock, perhaps by another process: a switch set since then, or by a clock a
 *  little ahead, already counts. */
function isAvailable(agent: Candidate, now: Date): boolean {
  const at = agent.overrideSetAt && agent.overrideSetAt > now ? agent.overrideSetAt : now
  return availabilityAt(agent.liveChatSchedule, toOverride(agent), at).available
}

const canChat = (profile: Profile) => permissionsOf(profile).includes('conversations.reply')
