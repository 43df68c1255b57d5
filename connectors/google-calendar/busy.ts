import type { BusyAsked, BusyEvent, BusyTime } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import type { Page } from '../sdk/crm.ts'
import { ProviderAnswerError, ProviderUnavailableError, RecordGoneError } from '../sdk/errors.ts'
import { items } from '../sdk/paging.ts'
import { EventPage, FreeBusy, parsed } from './answers.ts'
import { google } from './client.ts'
import { blocks, instantOf } from './mapping.ts'

/** https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query */
const calendarsAtOnce = 50

export async function busy(connection: Connection, asked: BusyAsked): Promise<BusyTime[]> {
  const { except } = asked
  // free/busy does not say which event it is: the one that is moved would stand in its own way
  const apart = asked.calendarIds.filter((id) => id === except?.calendarId)
  const together = asked.calendarIds.filter((id) => id !== except?.calendarId)
  const found: BusyTime[] = []
  for (let from = 0; from < together.length; from += calendarsAtOnce)
    found.push(...(await freeBusy(connection, asked, together.slice(from, from + calendarsAtOnce))))
  for (const calendarId of apart)
    for await (const { id, start, end } of items((cursor) =>
      busyEvents(connection, calendarId, asked, cursor),
    ))
      if (id !== except?.id) found.push({ calendarId, start, end })
  return found
}

async function freeBusy(connection: Connection, { from, to }: BusyAsked, ids: string[]): Promise<BusyTime[]> {
  const { freebusy } = await google(connection)
  const requestBody = {
    timeMin: from.toISOString(),
    timeMax: to.toISOString(),
    items: ids.map((id) => ({ id })),
  }
  const { calendars } = parsed(FreeBusy, await freebusy.query({ requestBody }))
  return ids.flatMap((calendarId) => {
    const calendar = calendars[calendarId]
    if (!calendar) throw new ProviderAnswerError('Google left a calendar out when it was asked what is busy.')
    // within a 200: this one is unknown, and unknown is not free
    if (calendar.errors?.length) throw unknownCalendar(calendar.errors[0]?.reason)
    return calendar.busy.map(({ start, end }) => ({ calendarId, start: new Date(start), end: new Date(end) }))
  })
}

const unknownCalendar = (reason: string | undefined) =>
  reason === 'notFound'
    ? new RecordGoneError(
        'A calendar is not there any more, or Google hides it from us. Choose your calendars anew.',
      )
    : new ProviderUnavailableError('Google could not say when one of the calendars is busy.', 'nothing')

const fields = 'timeZone,nextPageToken,items(id,status,transparency,start,end,attendees(self,responseStatus))'

/** Repeated events come one by one, each under an id of its own. */
export async function busyEvents(
  connection: Connection,
  calendarId: string,
  { from, to, timeZone, except }: Omit<BusyAsked, 'calendarIds'>,
  cursor: string | null,
): Promise<Page<BusyEvent>> {
  const { events } = await google(connection)
  const answer = await events.list({
    calendarId,
    timeMin: from.toISOString(),
    timeMax: to.toISOString(),
    singleEvents: true,
    maxResults: 2_500,
    fields,
    ...(cursor === null ? {} : { pageToken: cursor }),
  })
  const page = parsed(EventPage, answer)
  const zone = page.timeZone ?? timeZone
  return {
    items: page.items.flatMap((event) => {
      if (!event.start || !event.end || !blocks(event) || event.id === except?.id) return []
      const [start, end] = [instantOf(event.start, zone), instantOf(event.end, zone)]
      return start < end ? [{ id: event.id, start, end }] : []
    }),
    cursor: page.nextPageToken ?? null,
  }
}
