import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { adviceOn } from '#connectors/sdk/retries.ts'
import { change, type Services } from '../../services.ts'
import { ConnectionClosedError } from '../connections/open.ts'
import { type Agenda, agendaOf, isAnothers } from './agenda.ts'
import { describeEvent } from './letters.ts'
import { findMeeting, type MeetingRow } from './repository.ts'
import {
  bookRow,
  cancelRow,
  endLate,
  fail,
  leaseMs,
  moveRow,
  type NotTaken,
  promiseWork,
  settle,
  stay,
} from './states.ts'

/**
 * What a calendar has still to be brought to (`event_due`), done step by step, each of which may be the last before a crash:
 *
 *   held     insert   live check -> event under the meeting's own id -> booked, or failed
 *   booked   move     live check -> event moved -> moved, or as it was
 *   cancelled, failed: cancel   event ended
 *
 * Whoever works on a meeting holds its lease (`worked_until`). A step that was done and not written down is done again: the id was
 * made before the event, so the second time finds what the first has made.
 */
export type Done =
  /** The calendar and the row say the same. */
  | 'done'
  /** The time is not free, or the calendar can take nothing: it failed, or was not moved. */
  | 'refused'
  /** Not yet; a job goes on. */
  | 'later'

/** A provider that is away for longer than this has failed, and both are told. */
const mostAttempts = 12

interface Given {
  signal: AbortSignal
  /** Whether somebody waits for it. */
  live: boolean
}

/** @returns null when somebody else is at it */
export async function workOn(services: Services, meetingId: string, given: Given): Promise<Done | null> {
  const meeting = await takeLease(services, meetingId)
  return meeting && workLeased(services, meeting, given)
}

/** @param meeting whose lease the caller has */
export async function workLeased(services: Services, meeting: MeetingRow, given: Given): Promise<Done> {
  try {
    const agenda = await agendaOf(services, meeting, given)
    return await nextStep(services, meeting, agenda, given)
  } catch (error) {
    return await notDone(services, meeting, error, given)
  }
}

async function takeLease({ db, clock }: Services, id: string): Promise<MeetingRow | null> {
  const now = clock.now()
  const { rows } = await sql`
    update meetings set worked_until = ${new Date(now.getTime() + leaseMs)}
    where id = ${id} and event_due is not null and (worked_until is null or worked_until <= ${now})
    returning id`.execute(db)
  return rows.length > 0 ? findMeeting(db, id) : null
}

async function nextStep(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
): Promise<Done> {
  switch (meeting.eventDue) {
    case 'insert':
      return insert(services, meeting, agenda, given)
    case 'move':
      return move(services, meeting, agenda, given)
    case 'cancel':
      await agenda?.cancel(meeting)
      await sql`
        update meetings set event_due = null, worked_until = null, attempts = 0
        where id = ${meeting.id} and event_due = 'cancel'`.execute(services.db)
      return 'done'
    case null:
      return 'done'
    default:
      return meeting.eventDue satisfies never
  }
}

async function insert(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
): Promise<Done> {
  if (agenda && !(await agenda.isFree(meeting.startAt, meeting.endAt))) {
    await fail(services, meeting, taken('The time was taken in the calendar meanwhile.'), given)
    return 'refused'
  }
  if (agenda)
    await sql`update meetings set checked_at = ${services.clock.now()} where id = ${meeting.id}`.execute(
      services.db,
    )
  const event = agenda ? await insertEvent(services, meeting, agenda) : null
  if (event?.state === 'cancelled') {
    await fail(services, meeting, taken('The event was deleted in the calendar before it was booked.'), given)
    return 'refused'
  }
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'held') return agenda ? endLate(services, change, row) : undefined
    await bookRow(services, change, row, event, agenda)
  })
  return 'done'
}

const taken = (because: string): NotTaken => ({ for: 'taken', because })

const videoLooks = 3
const videoPauseMs = 700

async function insertEvent(services: Services, meeting: MeetingRow, agenda: Agenda): Promise<CalendarEvent> {
  const event = await agenda
    .insert(meeting, await describeEvent(services, meeting))
    .catch(async (error: unknown) => {
      if (!isAnothers(error)) throw error
      // a stranger's event stands under our id: another one, written down before it is used
      const eventId = `${meeting.eventId}v`
      await sql`update meetings set event_id = ${eventId} where id = ${meeting.id}`.execute(services.db)
      meeting.eventId = eventId
      return agenda.insert(meeting, await describeEvent(services, meeting))
    })
  let seen = event
  for (let look = 0; seen.video.state === 'pending' && look < videoLooks; look++) {
    await new Promise((resolve) => setTimeout(resolve, videoPauseMs))
    seen = (await agenda.read(meeting)) ?? seen
  }
  // a link that comes later is heard of by the feed of changes
  return seen
}

async function move(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
): Promise<Done> {
  const start = meeting.movingTo
  if (!start) return 'done'
  const end = new Date(start.getTime() + meeting.endAt.getTime() - meeting.startAt.getTime())
  if (agenda && !(await agenda.isFree(start, end))) {
    await stay(services, meeting, taken('The new time was taken in the calendar meanwhile.'), given)
    return 'refused'
  }
  const event = agenda ? await agenda.move(meeting, start, end) : null
  if (agenda && event === null) {
    await settle(services, meeting, (change, row) =>
      cancelRow(services, change, row, 'calendar', agenda, false),
    )
    return 'refused'
  }
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'booked') return agenda ? endLate(services, change, row) : undefined
    if (row.movingTo?.getTime() !== start.getTime()) return
    await moveRow(services, change, row, start, end, { agenda, etag: event?.etag ?? null })
  })
  return 'done'
}

async function notDone(services: Services, meeting: MeetingRow, error: unknown, given: Given): Promise<Done> {
  const advice = adviceOn(error)
  const isOver =
    error instanceof ConnectionClosedError ||
    advice?.again === 'never' ||
    advice?.again === 'on_repair' ||
    meeting.attempts + 1 >= mostAttempts
  const because = error instanceof Error ? error.message : 'Something went wrong.'
  if (isOver && meeting.eventDue === 'insert') {
    await fail(services, meeting, { for: 'calendar', because }, given)
    return 'refused'
  }
  if (isOver && meeting.eventDue === 'move') {
    await stay(services, meeting, { for: 'calendar', because }, given)
    return 'refused'
  }
  if (
    isOver &&
    meeting.eventDue === 'cancel' &&
    (advice?.again === 'never' || error instanceof ConnectionClosedError)
  ) {
    // nothing is left that could be done there
    await sql`
      update meetings set event_due = null, worked_until = null, last_problem = ${because}
      where id = ${meeting.id} and event_due = 'cancel'`.execute(services.db)
    return 'refused'
  }
  if (!advice && !given.signal.aborted)
    services.log.error({ err: error, meeting: meeting.id }, 'Work on a meeting failed')
  const afterMs = advice?.afterMs ?? Math.min(300_000, 2_000 * 2 ** meeting.attempts)
  await change(services, async (change) => {
    await sql`
      update meetings set attempts = attempts + 1, last_problem = ${because},
        worked_until = ${new Date(change.now.getTime() + afterMs)}
      where id = ${meeting.id} and event_due is not null`.execute(change.tx)
    await promiseWork(services, change, meeting.id, afterMs + 100)
  })
  return 'later'
}
