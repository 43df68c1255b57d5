import { sql } from 'kysely'
import type { CalendarDeclaration, CalendarEvent, EventRef } from '#connectors/sdk/calendar.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import {
  DuplicateError,
  ProviderConflictError,
  ReconnectNeededError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import type { Services } from '../../services.ts'
import { minuteMs } from '../availability/zone.ts'
import { openConnection } from '../connections/open.ts'
import type { MeetingRow } from './repository.ts'

/** An agent's calendar at work on one meeting. Foyer's own needs none of it: there the meeting's row is the event. */
export interface Agenda {
  /** The provider invites the guest and tells them of changes; if not, Foyer does. */
  tellsGuests: boolean
  /** As the provider says now, but for the meeting's own event. @throws {ConnectorError} when it is not known */
  isFree(start: Date, end: Date): Promise<boolean>
  /** Twice is once. */
  insert(meeting: MeetingRow, description: string): Promise<CalendarEvent>
  /** Null: it is gone. */
  move(meeting: MeetingRow, start: Date, end: Date): Promise<CalendarEvent | null>
  cancel(meeting: MeetingRow): Promise<void>
  read(meeting: MeetingRow): Promise<CalendarEvent | null>
}

export class CalendarGoneError extends ReconnectNeededError {}

interface CalendarRow {
  connectionId: string
  calendarId: string | null
  busyCalendarIds: string[]
  timeZone: string | null
}

export interface Given {
  signal: AbortSignal
  /** Whether somebody waits for it. */
  live: boolean
}

const triesOverEtag = 3

/**
 * The calendar that the meeting's event stands in.
 * @returns null for Foyer's own
 * @throws {CalendarGoneError} it was disconnected since
 */
export async function agendaOf(
  services: Services,
  meeting: MeetingRow,
  given: Given,
): Promise<Agenda | null> {
  if (meeting.connectionId === null) return null
  const row = await calendarOf(services, meeting)
  if (row?.connectionId !== meeting.connectionId)
    throw new CalendarGoneError(`${meeting.agentName}’s calendar is not connected any more.`)
  const { calendar, connection } = await open(services, row, given)
  const calendarId = meeting.calendarId ?? row.calendarId ?? ''
  const ref = { calendarId, id: meeting.eventId, timeZone: row.timeZone ?? meeting.agentTimeZone }

  return {
    tellsGuests: calendar.tellsGuests,
    isFree: (start, end) =>
      // the one that its host has chosen since, if it is another one than the meeting stands in
      isFreeIn(calendar, connection, { ...row, calendarId: row.calendarId ?? calendarId }, meeting, {
        start,
        end,
        except: ref,
      }),
    insert: (one, description) =>
      calendar.insertEvent(connection, calendarId, {
        id: one.eventId,
        title: one.title,
        body: description,
        location: one.location,
        start: one.startAt,
        end: one.endAt,
        timeZone: one.agentTimeZone,
        host: { name: one.agentName, email: one.agentEmail },
        guest: { name: one.name, email: one.email },
        wantsVideo: one.wantsVideo,
      }),
    async move(one, start, end) {
      let time = { start, end, timeZone: one.agentTimeZone }
      let etag = one.eventEtag
      for (let turn = 1; ; turn++)
        try {
          return await calendar.changeEvent(connection, ref, { time }, etag)
        } catch (error) {
          if (error instanceof RecordGoneError) return null
          if (!(error instanceof ProviderConflictError) || turn === triesOverEtag) throw error
          // somebody changed it meanwhile, its title say; who asked for the move did so after that
          const now = await calendar.readEvent(connection, ref)
          if (!now || now.state === 'cancelled') return null
          // made in a try whose answer was lost
          if (now.start.getTime() === start.getTime()) return now
          etag = now.etag
          // what they made of its length holds
          const length = now.end.getTime() - now.start.getTime()
          if (length > 0) time = { ...time, end: new Date(start.getTime() + length) }
        }
    },
    cancel: () => calendar.cancelEvent(connection, ref),
    read: () => calendar.readEvent(connection, ref),
  }
}

/**
 * For a meeting that stands in Foyer's own calendar, or in one that was disconnected: whether the one that its host has connected by now
 * leaves the time free. @throws {ConnectorError} when it is not known
 */
export async function isFreeForHost(
  services: Services,
  meeting: MeetingRow,
  given: Given,
  start: Date,
  end: Date,
): Promise<boolean> {
  const row = await calendarOf(services, meeting)
  if (!row) return true
  if (row.calendarId === null)
    throw new ReconnectNeededError(`${meeting.agentName} has not chosen a calendar yet.`)
  const { calendar, connection } = await open(services, row, given)
  return isFreeIn(calendar, connection, row, meeting, { start, end })
}

/** Null: Foyer's own. */
async function calendarOf({ db }: Services, { agentId }: MeetingRow): Promise<CalendarRow | null> {
  const { rows } = await sql<CalendarRow>`
    select connection_id, calendar_id, busy_calendar_ids, time_zone from calendars where agent_id = ${agentId}`.execute(
    db,
  )
  return rows[0] ?? null
}

async function open(services: Services, { connectionId }: CalendarRow, { signal, live }: Given) {
  const { connector, connection } = await openConnection(services, connectionId, {
    signal,
    priority: live ? 'live' : 'background',
  })
  if (!connector.calendar) throw new CalendarGoneError(`${connector.name} is no calendar.`)
  return { calendar: connector.calendar, connection }
}

async function isFreeIn(
  calendar: CalendarDeclaration,
  connection: Connection,
  row: CalendarRow,
  meeting: MeetingRow,
  { start, end, except }: { start: Date; end: Date; except?: EventRef },
): Promise<boolean> {
  const from = new Date(start.getTime() - meeting.bufferBeforeMinutes * minuteMs)
  const to = new Date(end.getTime() + meeting.bufferAfterMinutes * minuteMs)
  const calendarIds = [...new Set([row.calendarId ?? [], row.busyCalendarIds].flat())]
  const timeZone = row.timeZone ?? meeting.agentTimeZone
  const busy = await calendar.busy(connection, {
    calendarIds,
    timeZone,
    from,
    to,
    ...(except ? { except } : {}),
  })
  return !busy.some((one) => one.start < to && one.end > from)
}

export const isAnothers = (error: unknown): boolean => error instanceof DuplicateError
