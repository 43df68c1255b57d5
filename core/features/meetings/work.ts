import { sql } from 'kysely'
import { adviceOn } from '#connectors/sdk/retries.ts'
import { type Change, change, type Services } from '../../services.ts'
import { ConnectionClosedError } from '../connections/open.ts'
import { type Agenda, agendaOf, CalendarGoneError, type Given } from './agenda.ts'
import { tellBoth } from './letters.ts'
import { erasedEmail, findMeeting, forAgent, type MeetingRow } from './repository.ts'
import { leaseMs, promiseWork, settle } from './states.ts'
import { type Done, fail, giveUpMove, insert, look, move, stopLooking } from './steps.ts'
import { tellMeeting } from './telling.ts'

/** So many tries end an insert or a move, and both are told. A look and a cancel go on until the time is over; the guest is told of a cancel
 *  then. */
const mostAttempts = 12

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
    agenda = await agendaOf(services, meeting, given).catch((error: unknown) => {
      // it is moved without that calendar, which its host then changes by hand
      if (meeting.eventDue === 'move' && isGone(error)) return null
      throw error
    })
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

/** What stands there, its host deletes, unless its time is over. */
const stopEnding = (services: Services, meeting: MeetingRow, error: unknown, isOver: boolean) =>
  settle(services, meeting, async (change, row) => {
    if (row.eventDue !== 'cancel') return
    // a calendar that takes no event of ours is not said to have one that was never booked
    const isLeft = !isOver && (row.state === 'cancelled' || isGone(error))
    await sql`
      update meetings set event_due = null, worked_until = null, last_problem = ${inWords(error)},
        left_at = coalesce(left_at, ${isLeft ? row.startAt : null})
      where id = ${row.id}`.execute(change.tx)
    const stopped = await findMeeting(change.tx, row.id)
    if (!stopped) return
    tellMeeting(change, forAgent(stopped))
    if (!isOver) await tellInstead(services, change, stopped)
  })

const inWords = (error: unknown) => (error instanceof Error ? error.message : 'Something went wrong.')

/** The provider was to tell the guest that it is cancelled, and does not, or nobody knows when. Whoever knows it is not told twice. */
async function tellInstead(services: Services, change: Change, row: MeetingRow): Promise<void> {
  if (row.state !== 'cancelled' || row.email === erasedEmail) return
  await tellBoth(services, change, row, 'cancelled', { guestIsTold: 'perhaps', hostHasEvent: true })
}

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
  const because = inWords(error)
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
    const isBehind = await isPast(services, meeting)
    if (isHopeless(error) || isBehind) {
      await stopEnding(services, meeting, error, isBehind)
      return 'refused'
    }
    if (isOver) await settle(services, meeting, (change, row) => tellInstead(services, change, row))
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

/** With all the times it has, or had: of a move in doubt there are two. */
async function isPast({ db, clock }: Services, { id, endAt }: MeetingRow): Promise<boolean> {
  const { rows } = await sql<{ until: Date | null }>`
    select coalesce(event_until, (select max(upper(taken)) from taken_times where meeting_id = ${id})) as until
    from meetings where id = ${id}`.execute(db)
  return (rows[0]?.until ?? endAt) <= clock.now()
}

/** Nothing can be done there, now or ever. */
const isHopeless = (error: unknown) => isGone(error) || adviceOn(error)?.again === 'never'

/** It was disconnected, which connecting another one does not repair. */
const isGone = (error: unknown) =>
  error instanceof CalendarGoneError ||
  (error instanceof ConnectionClosedError && error.details.state === 'disconnected')
