import type { CalendarEvent, EventChange, EventRef, NewEvent } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import { DuplicateError, ProviderAnswerError, ProviderConflictError, RecordGoneError } from '../sdk/errors.ts'
import type { GuardedResponse } from '../sdk/http.ts'
import { eventOf, fileOf, mainEvent, parse, write } from './icalendar.ts'
import { zoneFor } from './own-zone.ts'
import { send } from './server.ts'

const contentType = { 'content-type': 'text/calendar; charset=utf-8' }

/** What Foyer puts there lies under its own id. */
export const urlOf = ({ calendarId, id }: EventRef): string =>
  new URL(`${encodeURIComponent(id)}.ics`, calendarId.endsWith('/') ? calendarId : `${calendarId}/`).href

export async function insertEvent(
  connection: Connection,
  calendarId: string,
  event: NewEvent,
): Promise<CalendarEvent> {
  const ref = { calendarId, id: event.id, timeZone: event.timeZone }
  try {
    const body = fileOf(event, connection.now())
    await send(connection, urlOf(ref), {
      method: 'PUT',
      headers: { ...contentType, 'if-none-match': '*' },
      body,
    })
  } catch (error) {
    // an earlier run's: its answer was lost
    if (!(error instanceof ProviderConflictError)) throw error
  }
  const there = await readEvent(connection, ref)
  if (!there) throw new ProviderAnswerError('The server took the event and does not have it.')
  if (there.id !== event.id)
    throw new DuplicateError('In the calendar there is another event under the id of this meeting.', [
      event.id,
    ])
  return there
}

export async function readEvent(connection: Connection, ref: EventRef): Promise<CalendarEvent | null> {
  const answer = await readFile(connection, ref)
  if (!answer) return null
  // times in Foyer's events are instants; a person may have made a whole day of one
  const zone = await zoneFor(connection, ref.calendarId, [answer.text], ref.timeZone ?? 'UTC')
  return eventOf(answer.text, etagOf(answer), zone)
}

async function readFile(connection: Connection, ref: EventRef): Promise<GuardedResponse | null> {
  try {
    return await send(connection, urlOf(ref), { method: 'GET' })
  } catch (error) {
    if (error instanceof RecordGoneError) return null
    throw error
  }
}

const etagOf = ({ headers }: GuardedResponse) => headers.etag ?? null

/** Only what changes is changed: the rest of the file is what others made of it. */
export async function changeEvent(
  connection: Connection,
  ref: EventRef,
  { time, ...texts }: EventChange,
  etag: string | null,
): Promise<CalendarEvent> {
  const answer = await readFile(connection, ref)
  const event = answer && mainEvent(answer.text)
  if (!answer || !event || event.component.getFirstPropertyValue('status') === 'CANCELLED')
    throw new RecordGoneError('The event was deleted in the calendar.')
  const seen = etag ?? etagOf(answer)
  const calendar = parse(answer.text)
  const component = calendar.getAllSubcomponents('vevent').find((one) => !one.hasProperty('recurrence-id'))
  if (!component) throw new RecordGoneError('The event was deleted in the calendar.')
  write(component, { ...texts, ...(time ? { start: time.start, end: time.end } : {}) }, connection.now())
  component.updatePropertyWithValue('sequence', Number(component.getFirstPropertyValue('sequence') ?? 0) + 1)
  await send(connection, urlOf(ref), {
    method: 'PUT',
    headers: { ...contentType, ...(seen === null ? {} : { 'if-match': seen }) },
    body: calendar.toString(),
  })
  const changed = await readEvent(connection, ref)
  if (!changed) throw new RecordGoneError('The event was deleted in the calendar.')
  return changed
}

export async function cancelEvent(connection: Connection, ref: EventRef): Promise<void> {
  try {
    await send(connection, urlOf(ref), { method: 'DELETE' })
  } catch (error) {
    if (!(error instanceof RecordGoneError)) throw error
  }
}
