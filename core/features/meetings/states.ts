import { sql } from 'kysely'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import { workOnMeeting } from '../../contracts/jobs.ts'
import { type Change, change, type Services } from '../../services.ts'
import { minuteMs } from '../availability/zone.ts'
import * as conversations from '../conversations/repository.ts'
import { enqueue } from '../outbox/outbox.ts'
import { promiseMeetingLog } from '../write-back/orders.ts'
import { type News, tellBoth } from './letters.ts'
import { findMeeting, forAgent, giveBackTimes, lockMeeting, type MeetingRow } from './repository.ts'
import { tellEntry, tellMeeting } from './telling.ts'
import { wallTimes } from './times.ts'

/**
 * What becomes of a meeting, each step whole in its transaction: the row, the times that are taken, and whoever is told.
 *
 *   held    -> booked (bookRow), failed (failRow)
 *   booked  -> at another time (moveRow), or not (stayRow)
 *   either  -> cancelled (cancelRow)
 */

/** Whether the provider tells the guest of a change. */
export interface Told {
  tellsGuests: boolean
  /** It was made in the calendar itself, by somebody who may have let nobody be told; or the provider cannot be reached. */
  isUncertain?: boolean
  /** It was disconnected: what stands there, its host changes by hand. */
  isGone?: boolean
}

/** Whoever holds a time, or orders a move, has the lease of it from the start: a sweep goes on where they stopped. */
export const leaseMs = 30_000

/** One transaction about a meeting: under the lock of its conversation, then its own. */
export function settle(
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

/** The event is read once more, if what was changed in the calendar meanwhile was not taken in. */
const lookIfChanged = sql`case when changed_meanwhile then 'look' end`

/** It stands in the agent's calendar. */
export async function bookRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  event: CalendarEvent | null,
  agenda: Told | null,
): Promise<void> {
  const { tx, now } = change
  await sql`
    update meetings set state = 'booked', booked_at = ${now}, event_due = ${lookIfChanged}, worked_until = null, attempts = 0,
      last_problem = null, refused_for = null, event_etag = ${event?.etag ?? null}, video_url = ${event?.video.url ?? null},
      guest_response = ${(event && responseOf(event, row)) ?? null}, invitation_uid = ${event?.uid ?? null}, changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  await lookSoon(services, change, row.id)
  await announce(services, change, row.id, 'booked', agenda)
}

/** Null: the guest is not on it (any more). */
export const responseOf = ({ guests }: CalendarEvent, { email }: Pick<MeetingRow, 'email'>) =>
  guests.find((one) => one.email.toLowerCase() === email)?.response ?? null

async function lookSoon(services: Services, change: Change, meetingId: string): Promise<void> {
  const { rows } = await sql`
    select from meetings where id = ${meetingId} and event_due = 'look'`.execute(change.tx)
  if (rows.length > 0) await promiseWork(services, change, meetingId)
}

/** Cancelled while its event was being made or moved: that may have come after the calendar was told to end it. */
export async function endLate(services: Services, change: Change, row: MeetingRow): Promise<void> {
  await sql`update meetings set event_due = 'cancel', worked_until = null where id = ${row.id}`.execute(
    change.tx,
  )
  await promiseWork(services, change, row.id)
}

/** The meeting is at another time now, in its calendar too; where that was disconnected, it is in Foyer's own from here on. */
export async function moveRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  start: Date,
  end: Date,
  { agenda, etag }: { agenda: Told | null; etag: string | null },
): Promise<void> {
  const { tx, now } = change
  const timeZone = row.movingTimeZone ?? row.timeZone
  const { wallTime, agentWallTime } = wallTimes(start, timeZone, row.agentTimeZone)
  if (agenda === null && row.connectionId !== null) await leaveEvent(change, row)
  await sql`
    update meetings set start_at = ${start}, end_at = ${end}, time_zone = ${timeZone}, wall_time = ${wallTime},
      agent_wall_time = ${agentWallTime}, told_wall_time = null, agent_told_wall_time = null,
      moving_to = null, moving_time_zone = null, event_due = ${lookIfChanged}, worked_until = null, attempts = 0,
      last_problem = null, refused_for = null, sequence = sequence + 1, event_etag = coalesce(${etag}, event_etag), changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  await giveBackTimes(tx, row, takenBy(row, start, end))
  await lookSoon(services, change, row.id)
  await announce(services, change, row.id, 'moved', agenda)
}

const leaveEvent = ({ tx }: Change, { id, startAt }: MeetingRow) =>
  sql`
    update meetings set connection_id = null, calendar_id = null, event_etag = null, left_at = coalesce(left_at, ${startAt})
    where id = ${id}`.execute(tx)

/** When it ends if it begins then, as long as it is. */
export const endFrom = ({ startAt, endAt }: Pick<MeetingRow, 'startAt' | 'endAt'>, start: Date): Date =>
  new Date(start.getTime() + endAt.getTime() - startAt.getTime())

/** With the buffers as of booking. */
export const takenBy = (
  row: Pick<MeetingRow, 'bufferBeforeMinutes' | 'bufferAfterMinutes'>,
  start: Date,
  end: Date,
) => ({
  start: new Date(start.getTime() - row.bufferBeforeMinutes * minuteMs),
  end: new Date(end.getTime() + row.bufferAfterMinutes * minuteMs),
})

/** Until when an event may be to come that is to be ended, wherever it stands: before its meeting's times are given back. */
export const lastEnd = sql`
  greatest(end_at, (select max(upper(taken)) from taken_times where meeting_id = meetings.id))`

/** @param eventIsThere whether the calendar has still to be told */
export async function cancelRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  by: 'visitor' | 'agent' | 'calendar',
  agenda: Told | null,
  eventIsThere: boolean,
): Promise<void> {
  if (row.state !== 'held' && row.state !== 'booked') return
  const { tx, now } = change
  const isElsewhere = eventIsThere && row.connectionId !== null
  const due = isElsewhere && !agenda?.isGone ? 'cancel' : null
  const isLeft = isElsewhere && agenda?.isGone && (row.state === 'booked' || row.checkedAt !== null)
  const { rows } = await sql<{ workedUntil: Date | null }>`
    update meetings set state = 'cancelled', cancelled_at = ${now}, cancelled_by = ${by},
      event_due = ${due}, event_until = ${due && lastEnd}, left_at = coalesce(left_at, ${isLeft ? row.startAt : null}),
      moving_to = null, remind_at = null, worked_until = ${due && restOfLease(now)}, attempts = 0, sequence = sequence + 1,
      changed_at = ${now}
    where id = ${row.id} returning worked_until`.execute(tx)
  await giveBackTimes(tx, row)
  await sql`delete from calendar_busy where agent_id = ${row.agentId} and event_id = ${row.eventId}`.execute(
    tx,
  )
  const endsAt = rows[0]?.workedUntil ?? now
  if (due) await promiseWork(services, change, row.id, Math.max(0, endsAt.getTime() - now.getTime()))
  await announce(services, change, row.id, 'cancelled', agenda)
}

/** How long an event is not ended yet: while somebody may be at making or moving it. They end it when they have; if they die, what they
 *  asked for may come to pass after the calendar was told to end it. */
export const restOfLease = (now: Date) => sql<Date | null>`
  case when event_due in ('insert', 'move') then least(worked_until, ${new Date(now.getTime() + leaseMs)}) end`

/** Why a calendar did not take a time, in a sentence for its agent. */
export interface NotTaken {
  for: 'taken' | 'calendar'
  because: string
}

/** Not booked. @param live whether somebody waits, who reads it in the answer */
export async function failRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  refused: NotTaken,
  { live }: { live: boolean },
): Promise<void> {
  const { tx, now } = change
  // whether an insert whose answer was lost had its effect is not known: what may be there is ended
  const due = row.connectionId !== null && row.checkedAt !== null ? 'cancel' : null
  await sql`
    update meetings set state = 'failed', failed_at = ${now}, failed_because = ${refused.because}, refused_for = ${refused.for},
      event_due = ${due},
      worked_until = null, attempts = 0, remind_at = null, changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  await giveBackTimes(tx, row)
  if (due) await promiseWork(services, change, row.id)
  const failed = await findMeeting(tx, row.id)
  if (!failed) return
  if (isToldByMail(failed, live)) await tellBoth(services, change, failed, 'failed', byFoyer)
  tellMeeting(change, forAgent(failed))
}

const byFoyer = { guestIsTold: 'by_foyer', hostHasEvent: true } as const

/** Whoever waits for the answer is told by it. */
const isToldByMail = ({ putOff }: MeetingRow, live: boolean) => putOff || !live

/**
 * A move is given up.
 * @param live as for {@link failRow}
 * @param inDoubt the calendar may have made it all the same and does not say so yet: both times stay taken until it does
 */
export async function stayRow(
  services: Services,
  change: Change,
  row: MeetingRow,
  refused: NotTaken,
  { live, inDoubt }: { live: boolean; inDoubt: boolean },
): Promise<void> {
  const { tx, now } = change
  await sql`
    update meetings set moving_to = null, moving_time_zone = null,
      event_due = ${inDoubt ? sql`'look'` : lookIfChanged}, worked_until = null, attempts = 0,
      last_problem = ${refused.because}, refused_for = ${refused.for}, changed_at = ${now}
    where id = ${row.id}`.execute(tx)
  if (!inDoubt) await giveBackTimes(tx, row, takenBy(row, row.startAt, row.endAt))
  await lookSoon(services, change, row.id)
  const stayed = await findMeeting(tx, row.id)
  if (!stayed) return
  if (isToldByMail(stayed, live)) await tellBoth(services, change, stayed, 'move_failed', byFoyer)
  tellMeeting(change, forAgent(stayed))
}

/** Tells everybody what a meeting has become: both by mail, both on their screens, the chat's log, and the CRMs. */
async function announce(
  services: Services,
  change: Change,
  meetingId: string,
  news: News,
  agenda: Told | null,
): Promise<void> {
  const { tx, now } = change
  const row = await findMeeting(tx, meetingId)
  if (!row) return
  await remindOf(change, row)
  await tellBoth(services, change, row, news, {
    guestIsTold: !agenda?.tellsGuests ? 'by_foyer' : agenda.isUncertain ? 'perhaps' : 'by_provider',
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
