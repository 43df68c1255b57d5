import { sql } from 'kysely'
import type { ConnectionState } from '../../contracts/connections.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { dayMs } from '../availability/zone.ts'

/** The calendar that an agent has connected, and the connection that it is reached by. */
export interface CalendarRow {
  agentId: string
  connectionId: string
  connector: string
  connectionState: ConnectionState
  connectionReason: string | null
  account: { id: string; name: string } | null
  state: 'choosing' | 'ok' | 'broken'
  brokenBecause: string | null
  calendarId: string | null
  name: string | null
  timeZone: string | null
  busyCalendarIds: string[]
  busyFrom: Date | null
  busyUntil: Date | null
  busyReadAt: Date | null
  /** What has gone wrong since it was read, or chosen. */
  failedSince: string | null
}

/** Null: Foyer's own. */
export async function findCalendar(db: Db | Tx, agentId: string): Promise<CalendarRow | null> {
  const { rows } = await sql<CalendarRow>`
    select c.agent_id, c.connection_id, n.connector, n.state as connection_state, n.state_reason as connection_reason, n.account,
           c.state, c.broken_because, c.calendar_id, c.name, c.time_zone, c.busy_calendar_ids, c.busy_from, c.busy_until,
           c.busy_read_at, h.last_failure as failed_since
    from calendars c join connections n on n.id = c.connection_id
    left join connection_health h on h.connection_id = n.id and h.last_failure_at >= coalesce(c.busy_read_at, c.changed_at)
    where c.agent_id = ${agentId}`.execute(db)
  return rows[0] ?? null
}

interface OwnConnection {
  id: string
  connector: string
  state: ConnectionState
  stateReason: string | null
  account: { id: string; name: string } | null
}

/** The connection of an agent that is not over, whether it came to a calendar or not. */
export async function findOwnConnection(db: Db | Tx, agentId: string): Promise<OwnConnection | null> {
  const { rows } = await sql<OwnConnection>`
    select id, connector, state, state_reason, account from connections
    where agent_id = ${agentId} and state <> 'disconnected'`.execute(db)
  return rows[0] ?? null
}

/** Just agreed to, the first time or again. A calendar that was chosen before stays chosen. */
export async function keepConnected(tx: Tx, agentId: string, connectionId: string, now: Date): Promise<void> {
  await sql`
    insert into calendars (agent_id, connection_id, state, changed_at) values (${agentId}, ${connectionId}, 'choosing', ${now})
    on conflict (agent_id) do update set
      connection_id = excluded.connection_id, broken_because = null, broken_at = null, changed_at = excluded.changed_at,
      state = case when calendars.calendar_id is null then 'choosing' else 'ok' end`.execute(tx)
  await takeUpMeetings(tx, agentId, connectionId, now)
  await readSoon(tx, agentId, now)
}

/** Those ahead that stand in the same account, which was disconnected before: each event is read, to hear what became of it; what was
 *  left there of others, ended. */
const takeUpMeetings = (tx: Tx, agentId: string, connectionId: string, now: Date) =>
  sql`
    update meetings m set connection_id = n.id, left_at = null, worked_until = null, attempts = 0,
      event_due = case when m.state = 'booked' then coalesce(m.event_due, 'look') else 'cancel' end
    from connections n join connections o on o.agent_id = n.agent_id and o.connector = n.connector
      and o.account ->> 'id' = n.account ->> 'id' and o.state = 'disconnected'
    where n.id = ${connectionId} and m.connection_id = o.id and m.agent_id = ${agentId}
      and m.start_at > ${new Date(now.getTime() - dayMs)} and m.end_at > ${now}
      and (m.state = 'booked' or m.state in ('cancelled', 'failed') and m.left_at is not null)`.execute(tx)

export interface Chosen {
  calendarId: string
  name: string
  timeZone: string | null
  busyCalendarIds: string[]
}

/** What is known of others' busy time is of no use any more: all of it is read anew. Calendars that meetings stand in are followed
 *  until those are over. */
export async function keepChoice(tx: Tx, agentId: string, now: Date, chosen: Chosen): Promise<void> {
  const ids = [...new Set([chosen.calendarId, ...chosen.busyCalendarIds])]
  await sql`
    update calendars set state = 'ok', broken_because = null, broken_at = null, calendar_id = ${chosen.calendarId},
      name = ${chosen.name}, time_zone = ${chosen.timeZone}, busy_calendar_ids = ${chosen.busyCalendarIds}::text[],
      busy_from = null, busy_until = null, busy_read_at = null, changed_at = ${now}
    where agent_id = ${agentId}`.execute(tx)
  await sql`delete from calendar_busy where agent_id = ${agentId}`.execute(tx)
  await dropFeeds(tx, agentId, now)
  await sql`
    insert into calendar_feeds (agent_id, calendar_id, next_at)
    select ${agentId}, id, ${now} from unnest(${ids}::text[]) as id
    on conflict (agent_id, calendar_id) do update set next_at = excluded.next_at, failures = 0, lease_until = null`.execute(
    tx,
  )
}

/** Those of calendars that are chosen no more, once no meeting stands in them. */
export async function dropFeeds(db: Db | Tx, agentId: string, now: Date): Promise<void> {
  await sql`
    delete from calendar_feeds f using calendars c
    where f.agent_id = ${agentId} and c.agent_id = f.agent_id
      and f.calendar_id <> c.calendar_id and f.calendar_id <> all (c.busy_calendar_ids)
      and not exists (
        select from meetings m
        where m.agent_id = f.agent_id and m.start_at > ${new Date(now.getTime() - dayMs)} and m.end_at > ${now}
          and m.state in ('held', 'booked') and m.connection_id = c.connection_id and m.calendar_id = f.calendar_id)`.execute(
    db,
  )
}

export async function dropFeed(db: Db, agentId: string, calendarId: string): Promise<void> {
  await sql`delete from calendar_feeds where agent_id = ${agentId} and calendar_id = ${calendarId}`.execute(
    db,
  )
}

/** Its busy time and its place in the feeds go with it. */
export async function forgetCalendar(tx: Tx, agentId: string): Promise<void> {
  await sql`delete from calendars where agent_id = ${agentId}`.execute(tx)
}

export async function readSoon(db: Db | Tx, agentId: string, now: Date): Promise<void> {
  await sql`update calendar_feeds set next_at = ${now}, failures = 0 where agent_id = ${agentId}`.execute(db)
}
