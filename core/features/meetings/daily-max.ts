import { sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { zoneNamed } from '../availability/zone.ts'
import type { Bookable } from './bookable.ts'

/**
 * Whether the agent's daily maximum leaves room on the date of `start`, seen by one booking or move of an agent at a time: it holds a
 * lock until the transaction ends. Call it before any conversation is locked, or two wait for each other.
 * A meeting that is being moved counts on both dates until it is certain where it is.
 * @param exceptMeetingId one that does not stand in its own way
 */
export async function hasRoomThatDay(
  tx: Tx,
  { id, settings }: Pick<Bookable, 'id' | 'settings'>,
  start: Date,
  exceptMeetingId: string | null = null,
): Promise<boolean> {
  if (settings.dailyMax === null) return true
  await sql`select pg_advisory_xact_lock(hashtextextended(${`meetings of ${id}`}, 0))`.execute(tx)
  const zone = zoneNamed(settings.timeZone)
  const day = zone.dayAt(start.getTime())
  const [from, to] = [new Date(zone.startOf(day)), new Date(zone.startOf(day + 1))]
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select id from meetings
      where agent_id = ${id} and state in ('held', 'booked') and start_at >= ${from} and start_at < ${to}
      union
      select id from meetings
      where agent_id = ${id} and event_due = 'move' and moving_to >= ${from} and moving_to < ${to}) of_day
    where id is distinct from ${exceptMeetingId}::uuid`.execute(tx)
  return (rows[0]?.count ?? 0) < settings.dailyMax
}
