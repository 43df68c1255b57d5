import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { adviceOn } from '#connectors/sdk/retries.ts'
import { type Change, change, type Services } from '../../services.ts'
import { ConnectionClosedError } from '../connections/open.ts'
import { type Agenda, agendaOf, CalendarGoneError, isAnothers } from './agenda.ts'
import { applyEvent, isOff, takenOff, timesOf } from './changes.ts'
import { describeEvent, tellBoth } from './letters.ts'
import {
  erasedEmail,
  findMeeting,
  giveBackTimes,
  isSameVersion,
  type MeetingRow,
  takeTime,
} from './repository.ts'
import {
  bookRow,
  endFrom,
  endLate,
  failRow,
  leaseMs,
  moveRow,
  type NotTaken,
  promiseWork,
  settle,
  stayRow,
  takenBy,
} from './states.ts'

export type Done =
  /** The calendar and the row say the same. */
  | 'done'
  /** The time is not free, or the calendar can take nothing: it failed, or was not moved. */
  | 'refused'
  /** Not yet; a job goes on. */
  | 'later'

/** So many tries end an insert or a move, and both are told. A look and a cancel go on until the time is over. */
const mostAttempts = 12

interface Given {
  signal: AbortSignal
  /** Whether somebody waits for it. */
  live: boolean
}

/**
 * What a calendar has still to be brought to (`event_due`), done step by step, each of which may be the last before a crash:
 *
 *   held     insert   live check -> event under the meeting's own id -> booked, or failed
 *   booked   move     live check -> event moved -> moved, or as it was
 *   booked   look     event read -> where and what that says
 *   cancelled, failed: cancel   event ended
 *
 * Whoever works on a meeting holds its lease (`worked_until`). A step that was done and not written down is done again: the id was
 * made before the event, so the second time finds what the first has made.
 * @returns null when somebody else is at it
 */
export async function workOn(services: Services, meetingId: string, given: Given): Promise<Done | null> {
  const meeting = await takeLease(services, meetingId)
  return meeting && workLeased(services, meeting, given)
}

/** @param meeting whose lease the caller has */
export async function workLeased(services: Services, meeting: MeetingRow, given: Given): Promise<Done> {
  let agenda: Agenda | null = null
  try {
    agenda = await agendaOf(services, meeting, given)
    return await nextStep(services, meeting, agenda, given)
  } catch (error) {
    return await notDone(services, meeting, agenda, error, given)
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
    case 'look':
      return look(services, meeting, agenda)
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
  const made = agenda && (await elsewhere(meeting, agenda))
  if (agenda && !made && !(await agenda.isFree(meeting.startAt, meeting.endAt))) {
    await fail(services, meeting, taken('The time was taken in the calendar meanwhile.'), given)
    return 'refused'
  }
  if (agenda) await noteChecked(services, meeting)
  const event = made ?? (agenda && (await insertEvent(services, meeting, agenda)))
  if (event && isOff(event)) {
    await fail(services, meeting, takenOff, given)
    return 'refused'
  }
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'held') return agenda ? endLate(services, change, row) : undefined
    await bookRow(services, change, row, event, agenda)
    if (!agenda) return
    // it may have been moved there since an insert whose answer was lost
    const booked = await findMeeting(change.tx, row.id)
    if (booked) await applyEvent(services, change, booked, event, agenda)
  })
  return 'done'
}

/** An event whose making was not heard of, and which was moved since: what is at its old time is not in its way. */
async function elsewhere(meeting: MeetingRow, agenda: Agenda): Promise<CalendarEvent | null> {
  const event = meeting.checkedAt && (await agenda.read(meeting))
  return event && !isOff(event) && !isAt(event, meeting.startAt) ? event : null
}

/** From here on the calendar may have done what it is asked for, whatever becomes of this process. */
async function noteChecked({ db, clock }: Services, meeting: MeetingRow): Promise<void> {
  meeting.checkedAt = clock.now()
  await sql`update meetings set checked_at = ${meeting.checkedAt} where id = ${meeting.id}`.execute(db)
}

const fail = (services: Services, meeting: MeetingRow, refused: NotTaken, given: Given) =>
  settle(services, meeting, async (change, row) => {
    if (row.state === 'held') await failRow(services, change, row, refused, given)
  })

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
  const end = endFrom(meeting, start)
  if (agenda && !(await agenda.isFree(start, end)))
    return giveUpMove(
      services,
      meeting,
      agenda,
      taken('The new time was taken in the calendar meanwhile.'),
      given,
    )
  if (agenda) await noteChecked(services, meeting)
  const event = agenda ? await agenda.move(meeting, start, end) : null
  if (agenda && event === null) {
    await settle(services, meeting, (change, row) => applyEvent(services, change, row, null, agenda))
    return 'refused'
  }
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'booked') return agenda ? endLate(services, change, row) : undefined
    if (row.movingTo?.getTime() !== start.getTime()) return
    await arrive(services, change, row, start, event, agenda)
  })
  return 'done'
}

/** A move is made. Its time has been the meeting's since it was ordered; not so what the host has made of its length meanwhile. */
async function arrive(
  services: Services,
  change: Change,
  row: MeetingRow,
  start: Date,
  event: CalendarEvent | null,
  agenda: Agenda | null,
): Promise<void> {
  const ordered = endFrom(row, start)
  const end = event && isAt(event, start) ? timesOf(row, event).end : ordered
  if (end.getTime() !== ordered.getTime()) {
    const taken = takenBy(row, start, end)
    await takeTime(change.tx, row, taken.start, taken.end)
  }
  await moveRow(services, change, row, start, end, { agenda, etag: event?.etag ?? null })
}

/** The calendar may have made it all the same, in a try whose answer was lost: then what stands there holds, and not that it was given
 *  up. */
async function giveUpMove(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  refused: NotTaken,
  given: Given,
): Promise<Done> {
  const mayBeMade = meeting.checkedAt !== null
  const read = mayBeMade && agenda ? await agenda.read(meeting).then(asRead, () => null) : null
  let done: Done = 'refused'
  await settle(services, meeting, async (change, row) => {
    const { movingTo } = row
    if (row.state !== 'booked' || movingTo === null) return
    const stays = () =>
      stayRow(services, change, row, refused, { live: given.live, inDoubt: mayBeMade && read === null })
    if (read === null || agenda === null) return stays()
    const { event } = read
    if (event === null || isOff(event) || !isAt(event, row.startAt, movingTo))
      return applyEvent(services, change, { ...row, movingTo: null, movingTimeZone: null }, event, agenda)
    if (isAt(event, movingTo)) {
      await arrive(services, change, row, movingTo, event, agenda)
      done = 'done'
      return
    }
    await stays()
    const stayed = await findMeeting(change.tx, row.id)
    // it may be of another length there
    if (stayed) await applyEvent(services, change, stayed, event, agenda)
  })
  return done
}

const asRead = (event: CalendarEvent | null) => ({ event })

const isAt = ({ start }: CalendarEvent, ...times: Date[]) =>
  times.some((time) => time.getTime() === start.getTime())

async function look(services: Services, meeting: MeetingRow, agenda: Agenda | null): Promise<Done> {
  const event = agenda && (await agenda.read(meeting))
  let done: Done = 'done'
  await settle(services, meeting, async (change, row) => {
    if (row.eventDue !== 'look') return
    if (!isSameVersion(row, meeting)) {
      // something newer was heard while it was read
      done = 'later'
      await sql`update meetings set worked_until = null where id = ${row.id}`.execute(change.tx)
      return promiseWork(services, change, row.id)
    }
    await doneLooking(change, row)
    const seen = await findMeeting(change.tx, row.id)
    if (agenda && seen) await applyEvent(services, change, seen, event, agenda)
    await keepOneTime(change, row.id)
  })
  return done
}

const doneLooking = ({ tx }: Change, { id }: MeetingRow) =>
  sql`
    update meetings set event_due = null, changed_meanwhile = false, worked_until = null, attempts = 0
    where id = ${id} and event_due = 'look'`.execute(tx)

/** Of a move in doubt there were two. */
async function keepOneTime({ tx }: Change, id: string): Promise<void> {
  const row = await findMeeting(tx, id)
  if (row?.state === 'booked') await giveBackTimes(tx, row, takenBy(row, row.startAt, row.endAt))
}

/** Nothing can be read there, now or ever, or its time is over. */
const stopLooking = (services: Services, meeting: MeetingRow) =>
  settle(services, meeting, async (change, row) => {
    if (row.eventDue !== 'look') return
    await doneLooking(change, row)
    await keepOneTime(change, row.id)
  })

const stopEnding = ({ db }: Services, { id }: MeetingRow, because: string) =>
  sql`
    update meetings set event_due = null, worked_until = null, last_problem = ${because}
    where id = ${id} and event_due = 'cancel'`.execute(db)

/** The provider was to tell the guest that it is cancelled, and does not before it is connected again. */
const tellInstead = (services: Services, meeting: MeetingRow) =>
  settle(services, meeting, async (change, row) => {
    if (row.state !== 'cancelled' || row.email === erasedEmail) return
    await tellBoth(services, change, row, 'cancelled', { guestIsTold: 'perhaps', hostHasEvent: true })
  })

async function notDone(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  error: unknown,
  given: Given,
): Promise<Done> {
  const advice = adviceOn(error)
  const isClosed = error instanceof ConnectionClosedError
  const waits = advice?.again === 'when_told'
  const attempts = meeting.attempts + (waits ? 0 : 1)
  const cannotBe = isClosed || advice?.again === 'never' || advice?.again === 'on_repair'
  const isOver = cannotBe || attempts >= mostAttempts || hasCome(services, meeting)
  const because = error instanceof Error ? error.message : 'Something went wrong.'
  if (isOver && meeting.eventDue === 'insert') {
    await fail(services, meeting, { for: 'calendar', because }, given)
    return 'refused'
  }
  if (isOver && meeting.eventDue === 'move')
    return giveUpMove(services, meeting, agenda, { for: 'calendar', because }, given)
  if (meeting.eventDue === 'look' && (isHopeless(error) || (await isPast(services, meeting)))) {
    await stopLooking(services, meeting)
    return 'refused'
  }
  if (meeting.eventDue === 'cancel') {
    if (isHopeless(error) || (await isPast(services, meeting))) {
      await stopEnding(services, meeting, because)
      return 'refused'
    }
    if (cannotBe && !isClosed) await tellInstead(services, meeting)
  }
  if (!advice && !isClosed && !given.signal.aborted)
    services.log.error({ err: error, meeting: meeting.id }, 'Work on a meeting failed')
  const afterMs = advice?.afterMs ?? Math.min(300_000, 2_000 * 2 ** meeting.attempts)
  await change(services, async (change) => {
    await sql`
      update meetings set attempts = ${attempts},
        last_problem = case when event_due = 'look' then last_problem else ${because} end,
        worked_until = ${new Date(change.now.getTime() + afterMs)}
      where id = ${meeting.id} and event_due is not null`.execute(change.tx)
    await promiseWork(services, change, meeting.id, afterMs + 100)
  })
  return 'later'
}

/** The time that was wanted. */
const hasCome = ({ clock }: Services, { eventDue, startAt, movingTo }: MeetingRow) =>
  (eventDue === 'insert' ? startAt : (movingTo ?? startAt)) <= clock.now()

/** With all the times it has: of a move in doubt there are two; of what is cancelled none is left but its own. */
async function isPast({ db, clock }: Services, { id, endAt }: MeetingRow): Promise<boolean> {
  const { rows } = await sql<{ until: Date | null }>`
    select max(upper(taken)) as until from taken_times where meeting_id = ${id}`.execute(db)
  return (rows[0]?.until ?? endAt) <= clock.now()
}

/** Nothing can be done there, now or ever: it was disconnected, which connecting another one does not repair, or the provider refuses for
 *  good. */
const isHopeless = (error: unknown) =>
  error instanceof CalendarGoneError ||
  (error instanceof ConnectionClosedError && error.details.state === 'disconnected') ||
  adviceOn(error)?.again === 'never'
