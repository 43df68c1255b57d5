import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import type { Change, Services } from '../../services.ts'
import { type Agenda, type Given, isAnothers, isFreeForHost } from './agenda.ts'
import { applyEvent, isOff, takenOff, timesOf } from './changes.ts'
import { nextEventId } from './event-id.ts'
import { describeEvent } from './letters.ts'
import { findMeeting, giveBackTimes, isSameVersion, type MeetingRow, takeTime } from './repository.ts'
import {
  bookRow,
  endFrom,
  endLate,
  failRow,
  moveRow,
  type NotTaken,
  promiseWork,
  settle,
  stayRow,
  takenBy,
} from './states.ts'

/** What is done in a calendar, a step at a time, and written down; `work.ts` says whose turn it is, and goes on where a step fails. */

export type Done =
  /** The calendar and the row say the same. */
  | 'done'
  /** The time is not free, or the calendar can take nothing: it failed, or was not moved. */
  | 'refused'
  /** Not yet; a job goes on. */
  | 'later'

export async function insert(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
): Promise<Done> {
  const made = agenda && (await elsewhere(meeting, agenda))
  // who had no calendar when it was held may have connected one since
  if (!made && !(await isFree(services, meeting, agenda, given, meeting.startAt, meeting.endAt))) {
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

/** As the host's calendar says now, their meeting's own or the one that they have connected since. */
const isFree = (
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
  start: Date,
  end: Date,
): Promise<boolean> =>
  agenda ? agenda.isFree(start, end) : isFreeForHost(services, meeting, given, start, end)

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

export const fail = (services: Services, meeting: MeetingRow, refused: NotTaken, given: Given) =>
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
      const eventId = nextEventId(meeting.eventId)
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

export async function move(
  services: Services,
  meeting: MeetingRow,
  agenda: Agenda | null,
  given: Given,
): Promise<Done> {
  const start = meeting.movingTo
  if (!start) return 'done'
  const end = endFrom(meeting, start)
  if (!(await isFree(services, meeting, agenda, given, start, end)))
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
export async function giveUpMove(
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

export async function look(services: Services, meeting: MeetingRow, agenda: Agenda | null): Promise<Done> {
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
export const stopLooking = (services: Services, meeting: MeetingRow) =>
  settle(services, meeting, async (change, row) => {
    if (row.eventDue !== 'look') return
    await doneLooking(change, row)
    await keepOneTime(change, row.id)
  })
