import { sql } from 'kysely'
import type { CalendarDeclaration, CalendarEvent, ChangedEvent } from '#connectors/sdk/calendar.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import { CursorExpiredError } from '#connectors/sdk/errors.ts'
import type { Services } from '../../services.ts'
import type { Feed, ReadingState } from './state.ts'

/** Takes in what became of one of our meetings; heard twice it changes nothing. */
export type TellBooking = (
  services: Services,
  heard: {
    connectionId: string
    calendarId: string
    eventId: string
    /** As of when the feed was read; null: the feed does not say. */
    event: CalendarEvent | null
    /** As it is now; null: it is gone. */
    read: () => Promise<CalendarEvent | null>
  },
) => Promise<unknown>

export interface Heard {
  calendarId: string
  /** Something did, or it is not known what. */
  hasChanged: boolean
  /** Where to go on the next time. */
  cursor: string
}

/** Reads a feed to its end for now, and tells booking what of it is about our meetings. */
export async function hear(
  services: Services,
  calendar: CalendarDeclaration,
  connection: Connection,
  state: ReadingState,
  { calendarId, syncToken }: Feed,
  tellBooking: TellBooking,
): Promise<Heard> {
  const { timeZone } = state
  const tell = (changes: ChangedEvent[]) =>
    tellOurs(services, calendar, connection, { calendarId, timeZone }, changes, tellBooking)
  const readFrom = async (from: string | null): Promise<Heard> => {
    let hasChanged = from === null
    for (let cursor = from; ; ) {
      const page = await calendar.changes(connection, calendarId, cursor)
      hasChanged ||= page.changes.length > 0
      await tell(page.changes)
      cursor = page.cursor
      if (page.done) return { calendarId, hasChanged, cursor }
    }
  }
  if (syncToken !== null)
    try {
      return await readFrom(syncToken)
    } catch (error) {
      if (!(error instanceof CursorExpiredError)) throw error
      services.log.info(
        { connection: connection.id },
        'A calendar is read anew: its feed does not go back so far',
      )
    }
  const heard = await readFrom(null)
  // what happened before, nobody tells any more: our meetings are looked at one by one
  await tell(await ourMeetings(services, state, calendarId))
  return heard
}

async function tellOurs(
  services: Services,
  calendar: CalendarDeclaration,
  connection: Connection,
  { calendarId, timeZone }: { calendarId: string; timeZone: string },
  changes: ChangedEvent[],
  tellBooking: TellBooking,
): Promise<void> {
  if (changes.length === 0) return
  const { rows } = await sql<{ id: string }>`
    select event_id as id from meetings
    where connection_id = ${connection.id} and state in ('held', 'booked') and event_id = any (${changes.map(({ id }) => id)}::text[])`.execute(
    services.db,
  )
  const ours = new Set(rows.map(({ id }) => id))
  for (const { id, event } of changes)
    if (ours.has(id)) {
      const read = () => calendar.readEvent(connection, { calendarId, id, timeZone })
      await tellBooking(services, { connectionId: connection.id, calendarId, eventId: id, event, read })
    }
}

async function ourMeetings(
  { db, clock }: Services,
  { connectionId }: ReadingState,
  calendarId: string,
): Promise<ChangedEvent[]> {
  const { rows } = await sql<{ id: string }>`
    select event_id as id from meetings
    where connection_id = ${connectionId} and calendar_id = ${calendarId} and state = 'booked' and end_at > ${clock.now()}
    order by start_at limit 1000`.execute(db)
  return rows.map(({ id }) => ({ id, event: null }))
}
