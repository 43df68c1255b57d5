import { sql } from 'kysely'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Services } from '../../services.ts'

/** For one agent's calendars; whoever reads longer has lost it. */
export const leaseMs = 120_000

export interface Lease {
  agentId: string
  /** Whose it is: no two processes take one at the same millisecond for the same agent. */
  until: Date
}

/** Agents with a calendar that is due and that nobody reads, each with a lease on all of theirs. @param atMost so many of them */
export async function takeDueCalendars({ db, clock }: Services, atMost: number): Promise<Lease[]> {
  const now = clock.now()
  const until = new Date(now.getTime() + leaseMs)
  const { rows } = await sql<{ agentId: string }>`${plannedOnce}
    with due as (
      select c.agent_id from calendars c join connections n on n.id = c.connection_id
      where n.state = 'active'
        and exists (select from calendar_feeds f where f.agent_id = c.agent_id and f.next_at <= ${now})
        and not exists (select from calendar_feeds f where f.agent_id = c.agent_id and f.lease_until > ${now})
      limit ${atMost} for update of c skip locked)
    update calendar_feeds f set lease_until = ${until} from due where f.agent_id = due.agent_id
    returning f.agent_id`.execute(db)
  return [...new Set(rows.map(({ agentId }) => agentId))].map((agentId) => ({ agentId, until }))
}
