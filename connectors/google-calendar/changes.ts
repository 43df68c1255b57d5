import * as z from 'zod'
import type { ChangedEvent } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import { CursorExpiredError, ProviderAnswerError } from '../sdk/errors.ts'
import { EventPage, parsed } from './answers.ts'
import { google } from './client.ts'
import { eventOf } from './mapping.ts'

/** `since`: of the last whole reading; null while everything there is goes by for the first time. */
const Cursor = z.object({ since: z.string().nullable(), page: z.string().nullable() })

/** The same for every request, or Google's answer is undefined. */
const always = {
  maxResults: 2_500,
  fields:
    'timeZone,nextPageToken,nextSyncToken,items(id,etag,status,htmlLink,transparency,start,end,attendees(email,self,organizer,resource,responseStatus),hangoutLink,conferenceData(createRequest(status),entryPoints(entryPointType,uri)))',
}

/** https://developers.google.com/workspace/calendar/api/guides/sync */
export async function changes(
  connection: Connection,
  calendarId: string,
  cursor: string | null,
): Promise<{ changes: ChangedEvent[]; cursor: string; done: boolean }> {
  const { since, page } = cursor === null ? { since: null, page: null } : read(cursor)
  const { events } = await google(connection)
  const answer = await events.list({
    calendarId,
    ...always,
    ...(since === null ? {} : { syncToken: since }),
    ...(page === null ? {} : { pageToken: page }),
  })
  const { items, timeZone, nextPageToken, nextSyncToken } = parsed(EventPage, answer)
  // only the last page has it
  const isLast = nextPageToken === undefined
  if (isLast && nextSyncToken === undefined)
    throw new ProviderAnswerError('Google did not say from where to go on reading what changes.')
  const zone = timeZone ?? 'UTC'
  return {
    changes: since === null ? [] : items.map((event) => ({ id: event.id, event: eventOf(event, zone) })),
    cursor: JSON.stringify(
      isLast
        ? { since: nextSyncToken, page: null }
        : ({ since, page: nextPageToken } satisfies z.input<typeof Cursor>),
    ),
    done: isLast,
  }
}

/** @throws {CursorExpiredError} */
function read(cursor: string): z.output<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(cursor))
  } catch {
    throw new CursorExpiredError('Where we were in reading what changes is not known any more.')
  }
}
