import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { type Change, change, type Services } from '../../services.ts'
import * as conversations from '../conversations/repository.ts'
import { findMeeting, forAgent, lockMeeting, type MeetingRow, readMeetings, takeTime } from './repository.ts'
import { cancelRow, moveRow, takenBy } from './states.ts'
import { tellMeeting } from './telling.ts'

export interface CalendarChange {
  connectionId: string
  calendarId: string
  eventId: string
  /** As it is now; null: it is gone. */
  event: CalendarEvent | null
}

/**
 * Something was changed in an agent's calendar itself. Where it is a meeting of ours, what stands there holds: moved, ended, or
 * answered by the guest. Heard twice, late or of our own doing it changes nothing. Called by the reading of calendars.
 * @returns whether it is one of ours
 */
export async function applyCalendarChange(services: Services, heard: CalendarChange): Promise<boolean> {
  const [meeting] = await readMeetings(
    services.db,
    sql`m.event_id = ${heard.eventId} and m.connection_id = ${heard.connectionId}`,
  )
  if (!meeting) return false
  // what is being entered or moved settles by itself, with what the provider answers
  if (meeting.state !== 'booked') return true
  const { rows } = await sql<{ connector: string }>`
    select connector from connections where id = ${heard.connectionId}`.execute(services.db)
  const tellsGuests = services.connectors.get(rows[0]?.connector ?? '')?.calendar?.tellsGuests ?? false
  await change(services, async (change) => {
    if (meeting.conversationId) await conversations.lockAll(change.tx, [meeting.conversationId])
    const row = await lockMeeting(change.tx, meeting.id)
    if (row?.state === 'booked') await apply(services, change, row, heard.event, tellsGuests)
  })
  return true
}

async function apply(
  services: Services,
  change: Change,
  row: MeetingRow,
  event: CalendarEvent | null,
  tellsGuests: boolean,
): Promise<void> {
  const agenda = { tellsGuests }
  if (event === null || event.state === 'cancelled')
    return cancelRow(services, change, row, 'calendar', agenda, false)
  // the host will not come: the guest is to hear of it
  if (event.hostResponse === 'declined') return cancelRow(services, change, row, 'calendar', agenda, true)

  await noteAnswers(change, row, event)
  const { start } = event
  // calendars take an event without length; as a meeting it is as long as it was
  const end =
    event.end > start ? event.end : new Date(start.getTime() + row.endAt.getTime() - row.startAt.getTime())
  const isWhereItWas = start.getTime() === row.startAt.getTime() && end.getTime() === row.endAt.getTime()
  // a move of ours that is under way is told of by whoever makes it
  if (isWhereItWas || row.movingTo !== null) return
  const taken = takenBy(row, start, end)
  // on top of another meeting it is where it is all the same; the other one's time is taken already
  await takeTime(change.tx, row, taken.start, taken.end)
  await moveRow(services, change, row, start, end, { agenda, etag: event.etag })
}

async function noteAnswers(
  { tx, now, ...change }: Change,
  row: MeetingRow,
  event: CalendarEvent,
): Promise<void> {
  const videoUrl = event.video.url ?? row.videoUrl
  const guestResponse = event.guestResponse ?? row.guestResponse
  const isNews = videoUrl !== row.videoUrl || guestResponse !== row.guestResponse
  if (!isNews && event.etag === row.eventEtag) return
  await sql`
    update meetings set video_url = ${videoUrl}, guest_response = ${guestResponse}, event_etag = ${event.etag},
      changed_at = case when ${isNews} then ${now} else changed_at end
    where id = ${row.id}`.execute(tx)
  if (!isNews) return
  const noted = await findMeeting(tx, row.id)
  if (noted) tellMeeting({ tx, now, ...change }, forAgent(noted))
}
