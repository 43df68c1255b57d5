import { sql } from 'kysely'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { findMeeting, forAgent, type MeetingRow } from './repository.ts'
import { settle } from './states.ts'
import { tellMeeting } from './telling.ts'

/** What agents are told of their meetings in Foyer itself, whether mails go out or not, until they say that they know: clocks that are set by
 *  new rules, and events that they have to delete in their calendar themselves. */

/** Of how many meetings of theirs there is something to be told. */
export async function countToNote({ db, clock }: Services, agentId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from meetings
    where agent_id = ${agentId} and (left_at is not null or agent_told_wall_time is not null)
      and (left_at > ${clock.now()} or state = 'booked' and end_at > ${clock.now()})`.execute(db)
  return rows[0]?.count ?? 0
}

/** Its agent knows, and has done what was to be done by hand. @throws {NotFoundError} also for anybody else */
export async function noteMeeting(services: Services, viewer: Viewer, id: string): Promise<MeetingRow> {
  const meeting = await findMeeting(services.db, id)
  if (meeting?.agentId !== viewer.id) throw new NotFoundError('meeting')
  await settle(services, meeting, async (change, row) => {
    await sql`update meetings set left_at = null, agent_told_wall_time = null where id = ${id}`.execute(
      change.tx,
    )
    tellMeeting(change, forAgent({ ...row, leftAt: null, agentToldWallTime: null }))
  })
  return { ...meeting, leftAt: null, agentToldWallTime: null }
}
