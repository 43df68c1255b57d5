import type { ListedCalendar } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import { knownZone } from '../sdk/days.ts'
import { items } from '../sdk/paging.ts'
import { CalendarPage, parsed } from './answers.ts'
import { google } from './client.ts'

/** https://developers.google.com/workspace/calendar/api/v3/reference/calendarList/list */
export async function calendars(connection: Connection): Promise<ListedCalendar[]> {
  const { calendarList } = await google(connection)
  const entries = items(async (pageToken) => {
    const answer = await calendarList.list({ maxResults: 250, ...(pageToken === null ? {} : { pageToken }) })
    const page = parsed(CalendarPage, answer)
    return { items: page.items, cursor: page.nextPageToken ?? null }
  })
  const listed: ListedCalendar[] = []
  for await (const entry of entries)
    if (!entry.deleted)
      listed.push({
        id: entry.id,
        name: entry.summaryOverride ?? entry.summary,
        timeZone: knownZone(entry.timeZone),
        isPrimary: entry.primary ?? false,
        mayWrite: entry.accessRole === 'owner' || entry.accessRole === 'writer',
      })
  return listed
}
