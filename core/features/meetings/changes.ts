import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import type { Change, Services } from '../../services.ts'
import type { Agenda } from './agenda.ts'
import {
  findMeeting,
  forAgent,
  isSameVersion,
  type MeetingRow,
  readMeetings,
  takeTime,
} from './repository.ts'
import {
  cancelRow,
  endFrom,
  failRow,
  moveRow,
  type NotTaken,
  promiseWork,
  responseOf,
  settle,
  takenBy,
} from './states.ts'
import { tellMeeting } from './telling.ts'

export interface CalendarChange {
  connectionId: string
  calendarId: string
  eventId: string
  /** As of when the calendar's feed was read; null: the feed does not say. */
  event: CalendarEvent | null
  /** As it is now; null: it is gone. */
  read: () => Promise<CalendarEvent | null>
}

/**
 * Something was changed in an agent's calendar itself. Where it is a meeting of ours, what stands there holds: moved, ended, or
 * answered by the guest. Heard twice, late or of our own doing it changes nothing. While the event is being entered or moved it is not
 * known which came first: the event is read once more after that. The same where we have done so since the feed was read: of the
 * feed's own words only the version that is known already is taken. Called by the reading of calendars.
 * @returns whether it is one of ours
 */
export async function applyCalendarChange(services: Services, heard: CalendarChange): Promise<boolean> {
  const [meeting] = await readMeetings(
    services.db,
    sql`m.event_id = ${heard.eventId} and m.connection_id = ${heard.connectionId}`,
  )
  if (!meeting) return false
  if (meeting.state !== 'held' && meeting.state !== 'booked') return true
  const { rows } = await sql<{ connector: string }>`
    select connector from connections where id = ${heard.connectionId}`.execute(services.db)
  const tellsGuests = services.connectors.get(rows[0]?.connector ?? '')?.calendar?.tellsGuests ?? false
  const isKnown = heard.event !== null && heard.event.etag !== null && heard.event.etag === meeting.eventEtag
  const event = isKnown ? heard.event : await heard.read()
  await settle(services, meeting, async (change, row) => {
    if (!isSameVersion(row, meeting)) return lookAgain(services, change, row)
    if (row.state === 'held') await applyToHeld(services, change, row, event)
    if (row.state === 'booked') await applyEvent(services, change, row, event, { tellsGuests })
  })
  return true
}

/** Something newer than what was read is known by now, and whether the calendar has something newer still is not. */
async function lookAgain(services: Services, change: Change, row: MeetingRow): Promise<void> {
  if (row.state !== 'held' && row.state !== 'booked') return
  if (row.eventDue !== null) return void (await rememberChange(change, row))
  await sql`update meetings set event_due = 'look' where id = ${row.id}`.execute(change.tx)
  await promiseWork(services, change, row.id)
}

async function applyToHeld(
  services: Services,
  change: Change,
  row: MeetingRow,
  event: CalendarEvent | null,
): Promise<void> {
  if (isOff(event)) return failRow(services, change, row, takenOff, { live: false })
  await rememberChange(change, row)
}

/** The host will not come. */
export const isOff = (event: CalendarEvent | null): boolean =>
  event === null || event.state === 'cancelled' || event.hostResponse === 'declined'

export const takenOff: NotTaken = {
  for: 'taken',
  because: 'The event was deleted or declined in the calendar before it was booked.',
}

const rememberChange = ({ tx }: Change, { id }: MeetingRow) =>
  sql`update meetings set changed_meanwhile = true where id = ${id}`.execute(tx)

/** Makes a meeting that is booked what its event is. @param event as it is now; null: it is gone */
export async function applyEvent(
  services: Services,
  change: Change,
  row: MeetingRow,
  event: CalendarEvent | null,
  { tellsGuests }: Pick<Agenda, 'tellsGuests'>,
): Promise<void> {
  const byHand = { tellsGuests, isUncertain: true }
  if (event === null || event.state === 'cancelled')
    return cancelRow(services, change, row, 'calendar', byHand, false)
  // the event is ended for the guest as well, who is told as of any end of ours
  if (isOff(event)) return cancelRow(services, change, row, 'calendar', { tellsGuests }, true)

  await noteAnswers(change, row, event)
  if (row.movingTo !== null) {
    // a move of ours that is under way is told of by whoever makes it; of two readings meanwhile the older may come last
    if (event.etag === null || event.etag !== row.eventEtag) await rememberChange(change, row)
    return
  }
  const { start, end } = timesOf(row, event)
  const isWhereItWas = start.getTime() === row.startAt.getTime() && end.getTime() === row.endAt.getTime()
  if (isWhereItWas) return
  const taken = takenBy(row, start, end)
  // on top of another meeting it is where it is all the same; the other one's time is taken already
  await takeTime(change.tx, row, taken.start, taken.end)
  await moveRow(services, change, row, start, end, { agenda: byHand, etag: event.etag })
}

/** Calendars take an event without length; as a meeting it is as long as it was. */
export const timesOf = (row: MeetingRow, { start, end }: CalendarEvent) => ({
  start,
  end: end > start ? end : endFrom(row, start),
})

async function noteAnswers(
  { tx, now, ...change }: Change,
  row: MeetingRow,
  event: CalendarEvent,
): Promise<void> {
  const videoUrl = event.video.url ?? row.videoUrl
  const guestResponse = responseOf(event, row) ?? row.guestResponse
  const isNews = videoUrl !== row.videoUrl || guestResponse !== row.guestResponse
  // a move under way that finds another version than it knows takes that one's length
  const etag = row.movingTo === null ? event.etag : row.eventEtag
  if (!isNews && etag === row.eventEtag) return
  await sql`
    update meetings set video_url = ${videoUrl}, guest_response = ${guestResponse}, event_etag = ${etag},
      changed_at = case when ${isNews} then ${now} else changed_at end
    where id = ${row.id}`.execute(tx)
  if (!isNews) return
  const noted = await findMeeting(tx, row.id)
  if (noted) tellMeeting({ tx, now, ...change }, forAgent(noted))
}
