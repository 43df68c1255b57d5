import { propfind } from 'tsdav'
import type { Connection } from '../sdk/contract.ts'
import { knownZone } from '../sdk/days.ts'
import { textOf } from './discovery.ts'
import { zoneOfCalendarText } from './icalendar.ts'
import { asked } from './query.ts'
import { fetchOf } from './server.ts'

/**
 * The zone that whole days of a calendar, and times that name none, are of: RFC 4791 5.2.2. Asked for only where one of these texts has such.
 * @param otherwise where the server says none
 */
export async function zoneFor(
  connection: Connection,
  calendarId: string,
  texts: readonly string[],
  otherwise: string,
): Promise<string> {
  if (!texts.some(namesNoZone)) return otherwise
  const props = { 'c:calendar-timezone': {} }
  const [answer] = await asked(() =>
    propfind({ url: calendarId, props, depth: '0', fetch: fetchOf(connection) }),
  )
  return knownZone(zoneOfCalendarText(textOf(answer?.props?.calendarTimezone))) ?? otherwise
}

/** Also of those that bring a zone's rules along after the event: that costs a question. */
const namesNoZone = (text: string): boolean =>
  /\n(DTSTART|RECURRENCE-ID|RDATE)(?![^\n]{0,200}TZID=)[^\n]{0,200}:\d{8}(T\d{6})?\s/.test(
    text.slice(text.indexOf('BEGIN:VEVENT')),
  )
