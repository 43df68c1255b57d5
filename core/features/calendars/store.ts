import { sql } from 'kysely'
import type { BusyEvent } from '#connectors/sdk/calendar.ts'
import type { Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import type { Lease } from './lease.ts'
import type { ReadingState } from './state.ts'

/** What a reading of an agent's calendars brought. */
export interface Read {
  startedAt: Date
  /** Everything was read anew, changed or not. */
  isWhole: boolean
  /** The stretch of time that the mirror is whole for. */
  from: Date
  until: Date
  /** Of those calendars that were read anew. */
  busy: Map<string, BusyEvent[]>
  /** Where each of the feeds goes on. */
  tokens: Map<string, string>
}

/** All of it or nothing, and nothing if the agent has chosen otherwise meanwhile or another process reads now. */
export async function storeRead(
  { db, clock }: Services,
  { agentId, until: leasedUntil }: Lease,
  state: ReadingState,
  { startedAt, from, until, busy, tokens }: Read,
  nextInMs: number,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (!(await isStillOurs(tx, agentId, leasedUntil, state))) return
    for (const [calendarId, events] of busy) await replaceBusy(tx, agentId, calendarId, events)
    await sql`
      update calendars set busy_from = ${from}, busy_until = ${until}, busy_read_at = ${startedAt}, state = 'ok',
        broken_because = null, broken_at = null
      where agent_id = ${agentId}`.execute(tx)
    const now = clock.now()
    // a call that came meanwhile has moved the next reading forward already
    for (const [calendarId, token] of tokens)
      await sql`
        update calendar_feeds set sync_token = ${token}, read_at = ${startedAt}, failures = 0, lease_until = null,
          next_at = case when next_at > ${startedAt} then next_at else ${new Date(now.getTime() + nextInMs)} end
        where agent_id = ${agentId} and calendar_id = ${calendarId}`.execute(tx)
  })
}

async function isStillOurs(
  tx: Tx,
  agentId: string,
  leasedUntil: Date,
  state: ReadingState,
): Promise<boolean> {
  const { rows } = await sql<{ connectionId: string; calendarId: string | null; ids: string[] }>`
    select c.connection_id, c.calendar_id,
           array(select f.calendar_id from calendar_feeds f
                 where f.agent_id = c.agent_id and f.lease_until = ${leasedUntil} order by 1) as ids
    from calendars c where c.agent_id = ${agentId} for update`.execute(tx)
  const [row] = rows
  return (
    row?.connectionId === state.connectionId &&
    row.calendarId === state.calendarId &&
    [...row.ids].sort().join('\n') ===
      state.feeds
        .map(({ calendarId }) => calendarId)
        .sort()
        .join('\n')
  )
}

async function replaceBusy(tx: Tx, agentId: string, calendarId: string, events: BusyEvent[]): Promise<void> {
  await sql`delete from calendar_busy where agent_id = ${agentId} and calendar_id = ${calendarId}`.execute(tx)
  await sql`
    insert into calendar_busy (agent_id, calendar_id, event_id, start_at, end_at)
    select ${agentId}, ${calendarId}, e.id, e.start_at, e.end_at
    from unnest(${events.map(({ id }) => id)}::text[], ${events.map(({ start }) => start)}::timestamptz[],
                ${events.map(({ end }) => end)}::timestamptz[]) as e (id, start_at, end_at)
    on conflict do nothing`.execute(tx)
}
