import { setTimeout } from 'node:timers/promises'
import type { CalendarEvent, EventChange, EventRef, NewEvent } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import { CursorExpiredError, DuplicateError, RecordGoneError } from '../sdk/errors.ts'
import { Event, parsed } from './answers.ts'
import { google } from './client.ts'
import { asDescription, eventOf, ownMark, wholeEventOf } from './mapping.ts'

/** Of whole days in an event that is read alone. */
const zoneOf = ({ account }: Connection) => account?.details?.timeZone ?? 'UTC'

const timesOf = ({ start, end, timeZone }: Pick<NewEvent, 'start' | 'end' | 'timeZone'>) => ({
  start: { dateTime: start.toISOString(), timeZone },
  end: { dateTime: end.toISOString(), timeZone },
})

/** A video link is made after the event; most are there within a second. */
const videoLooks = 3
const videoPauseMs = 500

/** https://developers.google.com/workspace/calendar/api/v3/reference/events/insert */
export async function insertEvent(
  connection: Connection,
  calendarId: string,
  event: NewEvent,
): Promise<CalendarEvent> {
  const { events } = await google(connection)
  const { id, title, body, location, guest, wantsVideo } = event
  let made: Event
  try {
    const answer = await events.insert({
      calendarId,
      conferenceDataVersion: 1,
      // guests hear nothing without it
      sendUpdates: 'all',
      requestBody: {
        id,
        summary: title,
        description: asDescription(body),
        ...(location === null ? {} : { location }),
        ...timesOf(event),
        attendees: [{ email: guest.email, displayName: guest.name }],
        guestsCanModify: false,
        extendedProperties: { private: { [ownMark]: id } },
        ...(wantsVideo
          ? {
              conferenceData: {
                createRequest: { requestId: id, conferenceSolutionKey: { type: 'hangoutsMeet' } },
              },
            }
          : {}),
      },
    })
    made = parsed(Event, answer)
  } catch (error) {
    if (!(error instanceof DuplicateError)) throw error
    // an earlier run's: its answer was lost
    made = parsed(Event, await events.get({ calendarId, eventId: id }))
    if (made.extendedProperties?.private?.[ownMark] !== id)
      throw new DuplicateError('In the calendar there is another event under the id of this meeting.', [id])
  }
  return wantsVideo ? withVideo(connection, calendarId, made) : wholeEventOf(made, zoneOf(connection))
}

/** @returns the event with its video link, or as it is when that takes too long. */
async function withVideo(connection: Connection, calendarId: string, made: Event): Promise<CalendarEvent> {
  let event = wholeEventOf(made, zoneOf(connection))
  for (let look = 0; look < videoLooks && event.video.state === 'pending'; look++) {
    await setTimeout(videoPauseMs, undefined, { signal: connection.signal })
    event = (await readEvent(connection, { calendarId, id: event.id }).catch(() => null)) ?? event
  }
  return event
}

export async function readEvent(
  connection: Connection,
  { calendarId, id }: EventRef,
): Promise<CalendarEvent | null> {
  const { events } = await google(connection)
  try {
    return eventOf(parsed(Event, await events.get({ calendarId, eventId: id })), zoneOf(connection))
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** https://developers.google.com/workspace/calendar/api/guides/version-resources */
export async function changeEvent(
  connection: Connection,
  { calendarId, id }: EventRef,
  { title, body, location, time }: EventChange,
  etag: string | null,
): Promise<CalendarEvent> {
  const { events } = await google(connection)
  const now = await readEvent(connection, { calendarId, id })
  // a change would bring a deleted one back
  if (!now || now.state === 'cancelled')
    throw new RecordGoneError('The event was deleted in Google Calendar.')
  const answer = await events.patch(
    {
      calendarId,
      eventId: id,
      conferenceDataVersion: 1,
      sendUpdates: 'all',
      requestBody: {
        ...(title === undefined ? {} : { summary: title }),
        ...(body === undefined ? {} : { description: asDescription(body) }),
        ...(location === undefined ? {} : { location: location ?? '' }),
        ...(time ? timesOf(time) : {}),
      },
    },
    { headers: { 'If-Match': etag ?? now.etag ?? '*' } },
  )
  return wholeEventOf(parsed(Event, answer), zoneOf(connection))
}

export async function cancelEvent(connection: Connection, { calendarId, id }: EventRef): Promise<void> {
  const { events } = await google(connection)
  try {
    await events.delete({ calendarId, eventId: id, sendUpdates: 'all' })
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

/** 404, and 410 whatever reason it gives: of one event it means that it is deleted. */
const isGone = (error: unknown) => error instanceof RecordGoneError || error instanceof CursorExpiredError
