import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { adviceOn } from '#connectors/sdk/retries.ts'
import { workOnMeeting } from '../../contracts/jobs.ts'
import { type Change, change, eachByItself, type Services } from '../../services.ts'
import { minuteMs } from '../availability/zone.ts'
import { ConnectionClosedError } from '../connections/open.ts'
import * as conversations from '../conversations/repository.ts'
import { enqueue } from '../outbox/outbox.ts'
import { promiseMeetingLog } from '../write-back/orders.ts'
import { type Agenda, agendaOf, isAnothers } from './agenda.ts'
import { describeEvent, type News, tellBoth } from './letters.ts'
import { findMeeting, forAgent, giveBackTimes, lockMeeting, type MeetingRow } from './repository.ts'
import { tellEntry, tellMeeting } from './telling.ts'
import { wallTimes } from './times.ts'

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

const leaseMs = 30_000
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
  if (!meeting) return null
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
    await fail(services, meeting, 'The time was taken in the calendar meanwhile.', given)
    return 'refused'
  }
  if (agenda)
    await sql`update meetings set checked_at = ${services.clock.now()} where id = ${meeting.id}`.execute(
      services.db,
    )
  const event = agenda ? await insertEvent(services, meeting, agenda) : null
  if (event?.state === 'cancelled') {
    await fail(services, meeting, 'The event was deleted in the calendar before it was booked.', given)
    return 'refused'
  }
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'held') return agenda ? endLate(services, change, row) : undefined
    const { tx, now } = change
    await sql`
      update meetings set state = 'booked', booked_at = ${now}, event_due = null, worked_until = null, attempts = 0,
        last_problem = null, event_etag = ${event?.etag ?? null}, video_url = ${event?.video.url ?? null},
        guest_response = ${event?.guestResponse ?? null}, changed_at = ${now}
      where id = ${row.id}`.execute(tx)
    await announce(services, change, row.id, 'booked', agenda)
  })
  return 'done'
}

/** Cancelled while its event was being made: the event may have come after the calendar was told to end it. */
async function endLate(services: Services, change: Change, row: MeetingRow): Promise<void> {
  await sql`update meetings set event_due = 'cancel', worked_until = null where id = ${row.id}`.execute(
    change.tx,
  )
  await promiseWork(services, change, row.id)
}

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
    await stay(services, meeting, 'The new time was taken in the calendar meanwhile.', given)
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
    if (row.state !== 'booked' || row.movingTo?.getTime() !== start.getTime()) return
    await moveRow(services, change, row, start, end, { agenda, etag: event?.etag ?? null })
  })
  return 'done'
}

/** The meeting is at another time now, in its calendar too. */
export async function moveRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  start: Date,
  end: Date,
  { agenda, etag }: { agenda: Pick<Agenda, 'tellsGuests'> | null; etag: string | null },
): Promise<void> {
  const { tx, now } = change
  const { wallTime, agentWallTime } = wallTimes(start, row.timeZone, row.agentTimeZone)
  await sql`
    update meetings set start_at = ${start}, end_at = ${end}, wall_time = ${wallTime}, agent_wall_time = ${agentWallTime},
      moving_to = null, event_due = null, worked_until = null, attempts = 0, last_problem = null, sequence = sequence + 1,
      event_etag = coalesce(${etag}, event_etag), changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  await giveBackTimes(tx, row.id, takenBy(row, start, end))
  await announce(services, change, row.id, 'moved', agenda)
}

/** With the buffers as of booking. */
export const takenBy = (
  row: Pick<MeetingRow, 'bufferBeforeMinutes' | 'bufferAfterMinutes'>,
  start: Date,
  end: Date,
) => ({
  start: new Date(start.getTime() - row.bufferBeforeMinutes * minuteMs),
  end: new Date(end.getTime() + row.bufferAfterMinutes * minuteMs),
})

/** @param eventIsThere whether the calendar has still to be told */
export async function cancelRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  by: 'visitor' | 'agent' | 'calendar',
  agenda: Pick<Agenda, 'tellsGuests'> | null,
  eventIsThere: boolean,
): Promise<void> {
  if (row.state !== 'held' && row.state !== 'booked') return
  const { tx, now } = change
  const due = eventIsThere && row.connectionId !== null ? 'cancel' : null
  await sql`
    update meetings set state = 'cancelled', cancelled_at = ${now}, cancelled_by = ${by}, event_due = ${due}, moving_to = null,
      remind_at = null, worked_until = null, attempts = 0, sequence = sequence + 1, changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  await giveBackTimes(tx, row.id)
  await sql`delete from calendar_busy where agent_id = ${row.agentId} and event_id = ${row.eventId}`.execute(
    tx,
  )
  if (due) await promiseWork(services, change, row.id)
  await announce(services, change, row.id, 'cancelled', agenda)
}

async function fail(services: Services, meeting: MeetingRow, because: string, given: Given): Promise<void> {
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'held') return
    const { tx, now } = change
    // whether an insert whose answer was lost had its effect is not known: what may be there is ended
    const due = row.connectionId !== null && row.checkedAt !== null ? 'cancel' : null
    await sql`
      update meetings set state = 'failed', failed_at = ${now}, failed_because = ${because}, event_due = ${due},
        worked_until = null, attempts = 0, remind_at = null, changed_at = ${now}
      where id = ${row.id}`.execute(tx)
    await giveBackTimes(tx, row.id)
    if (due) await promiseWork(services, change, row.id)
    const failed = await findMeeting(tx, row.id)
    if (!failed) return
    if (isToldByMail(failed, given)) await tellBoth(services, change, failed, 'failed', noProvider)
    tellMeeting(change, forAgent(failed))
  })
}

const noProvider = { providerTellsGuest: false, hostHasEvent: true }

/** Whoever waits for the answer is told by it. */
const isToldByMail = ({ putOff }: MeetingRow, { live }: Given) => putOff || !live

async function stay(services: Services, meeting: MeetingRow, because: string, given: Given): Promise<void> {
  await settle(services, meeting, async (change, row) => {
    if (row.state !== 'booked' || row.movingTo === null) return
    const { tx, now } = change
    await sql`
      update meetings set moving_to = null, event_due = null, worked_until = null, attempts = 0, last_problem = ${because},
        changed_at = ${now}
      where id = ${row.id}`.execute(tx)
    await giveBackTimes(tx, row.id, takenBy(row, row.startAt, row.endAt))
    const stayed = await findMeeting(tx, row.id)
    if (!stayed) return
    if (isToldByMail(stayed, given)) await tellBoth(services, change, stayed, 'move_failed', noProvider)
    tellMeeting(change, forAgent(stayed))
  })
}

/** One transaction about a meeting: under the lock of its conversation, then its own. */
function settle(
  services: Services,
  meeting: MeetingRow,
  work: (change: Change, row: MeetingRow) => Promise<void>,
): Promise<void> {
  return change(services, async (change) => {
    if (meeting.conversationId) await conversations.lockAll(change.tx, [meeting.conversationId])
    const row = await lockMeeting(change.tx, meeting.id)
    if (row) await work(change, row)
  })
}

/** Tells everybody what a meeting has become: both by mail, both on their screens, the chat's log, and the CRMs. */
async function announce(
  services: Services,
  change: Change,
  meetingId: string,
  news: News,
  agenda: Pick<Agenda, 'tellsGuests'> | null,
): Promise<void> {
  const { tx, now } = change
  const row = await findMeeting(tx, meetingId)
  if (!row) return
  await remindOf(change, row)
  await tellBoth(services, change, row, news, {
    providerTellsGuest: agenda?.tellsGuests ?? false,
    hostHasEvent: row.connectionId !== null,
  })
  await promiseMeetingLog(services, change, row.id)
  if (news === 'booked' && row.conversationId) {
    const [conversation] = await conversations.lockAll(tx, [row.conversationId])
    // the log of a chat that is over stays as it was read
    if (conversation && (conversation.status === 'active' || conversation.status === 'waiting'))
      tellEntry(
        change,
        conversation,
        await conversations.append(tx, conversation, now, {
          kind: 'meeting_booked',
          sender: { type: 'system', id: null },
          text: `A meeting with ${row.agentName} was booked.`,
          data: {
            meetingId: row.id,
            agentId: row.agentId,
            name: row.agentName,
            start: row.startAt.toISOString(),
            end: row.endAt.toISOString(),
            timeZone: row.timeZone,
          },
        }),
      )
  }
  tellMeeting(change, forAgent(row))
  change.after(services.wakeJobs)
}

/** By mail, some time before it; not of one that is nearer than that already. */
async function remindOf({ tx, now }: Change, row: MeetingRow): Promise<void> {
  if (row.state !== 'booked') return
  const { rows } = await sql<{ minutes: number | null }>`
    select case when s.settings ? 'reminderMinutes' then (s.settings ->> 'reminderMinutes')::int else 1440 end as minutes
    from agents a left join meeting_settings s on s.agent_id = a.id where a.id = ${row.agentId}`.execute(tx)
  const minutes = rows[0]?.minutes ?? null
  const at = minutes === null ? null : new Date(row.startAt.getTime() - minutes * minuteMs)
  await sql`update meetings set remind_at = ${at && at > now ? at : null} where id = ${row.id}`.execute(tx)
}

/** A job that goes on where this process may stop. */
export async function promiseWork(
  services: Services,
  { tx, now, after }: Change,
  meetingId: string,
  afterMs = 0,
): Promise<void> {
  await enqueue(tx, services.clock, {
    task: workOnMeeting,
    payload: { meetingId },
    runAt: new Date(now.getTime() + afterMs),
  })
  after(services.wakeJobs)
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
    await fail(services, meeting, because, given)
    return 'refused'
  }
  if (isOver && meeting.eventDue === 'move') {
    await stay(services, meeting, because, given)
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

/** What a lost job missed: meetings that nobody works on any more. */
export async function sweepMeetings(services: Services, signal: AbortSignal): Promise<void> {
  const { db, clock } = services
  const { rows } = await sql<{ id: string }>`
    select id from meetings where event_due is not null and (worked_until is null or worked_until <= ${clock.now()})
    order by worked_until nulls first limit 50`.execute(db)
  const failures = await eachByItself(rows, ({ id }) => workOn(services, id, { signal, live: false }))
  if (failures.length > 0) throw failures[0]
}

/** Reminds guests of what is near. */
export async function sweepReminders(services: Services): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from meetings where remind_at <= ${services.clock.now()} order by remind_at limit 100`.execute(
    services.db,
  )
  const failures = await eachByItself(rows, ({ id }) =>
    change(services, async (change) => {
      const row = await lockMeeting(change.tx, id)
      if (!row?.remindAt || row.remindAt > change.now) return
      await sql`update meetings set remind_at = null where id = ${id}`.execute(change.tx)
      // one whose time has come meanwhile needs none
      if (row.state === 'booked' && row.startAt > change.now)
        await tellBoth(services, change, row, 'reminder', noProvider)
    }),
  )
  if (failures.length > 0) throw failures[0]
}
