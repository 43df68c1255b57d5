import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { Channel } from './channels.ts'

export interface Feed extends Channel {
  /** Null: to be read anew and whole. */
  syncToken: string | null
  failures: number
}

/** All that the reading of an agent's calendars begins with. */
export interface ReadingState {
  agentId: string
  connectionId: string
  /** Null: none is chosen, so there is nothing to read. */
  calendarId: string | null
  busyCalendarIds: string[]
  /** Of whole days, where the provider does not say. */
  timeZone: string
  daysAhead: number
  busyFrom: Date | null
  busyUntil: Date | null
  /** When it was last read, or else chosen. */
  knownAt: Date
  feeds: Feed[]
}

/** Whether its agent has chosen it. One that they had chosen before is followed for the meetings that stand in it. */
export const isChosen = (
  { calendarId, busyCalendarIds }: ReadingState,
  feed: Pick<Feed, 'calendarId'>,
): boolean => feed.calendarId === calendarId || busyCalendarIds.includes(feed.calendarId)

export async function readReadingState(db: Db, agentId: string): Promise<ReadingState | null> {
  const { rows } = await sql<Omit<ReadingState, 'feeds'>>`
    select c.agent_id, c.connection_id, c.calendar_id, c.busy_calendar_ids, c.busy_from, c.busy_until,
           coalesce(c.busy_read_at, c.changed_at) as known_at,
           coalesce(c.time_zone, s.settings ->> 'timeZone', o.time_zone) as time_zone,
           coalesce((s.settings ->> 'daysAhead')::integer, 30) as days_ahead
    from calendars c cross join organisation o left join meeting_settings s on s.agent_id = c.agent_id
    where c.agent_id = ${agentId}`.execute(db)
  const [row] = rows
  if (!row) return null
  const { rows: feeds } = await sql<Feed>`
    select calendar_id, sync_token, failures, channel_id, channel_resource_id, channel_expires_at
    from calendar_feeds where agent_id = ${agentId} order by calendar_id`.execute(db)
  return { ...row, feeds }
}
