import { type RawBuilder, sql } from 'kysely'
import type { GuestMeeting, Meeting, MeetingState } from '../../contracts/meetings.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { nameOfToday } from '../availability/days.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'

/** The row as the services decide about it. */
export interface MeetingRow {
  id: string
  agentId: string
  agentName: string
  agentEmail: string
  organisation: string
  state: MeetingState
  shareId: string | null
  conversationId: string | null
  visitorId: string | null
  idempotencyKey: string | null
  name: string
  email: string
  note: string | null
  startAt: Date
  endAt: Date
  timeZone: string
  wallTime: string
  agentTimeZone: string
  agentWallTime: string
  bufferBeforeMinutes: number
  bufferAfterMinutes: number
  title: string
  body: string
  location: string | null
  wantsVideo: boolean
  videoUrl: string | null
  guestResponse: Meeting['guestResponse']
  connectionId: string | null
  calendarId: string | null
  eventId: string
  eventEtag: string | null
  /** Of the event as guests are invited to it, where that is the calendar's own. */
  invitationUid: string | null
  eventDue: 'insert' | 'move' | 'cancel' | 'look' | null
  /** The time was free when the calendar was asked, and so the event may have been made, or moved. */
  checkedAt: Date | null
  movingTo: Date | null
  /** Of the guest who moves it, from then on. */
  movingTimeZone: string | null
  sequence: number
  attempts: number
  lastProblem: string | null
  heldAt: Date
  bookedAt: Date | null
  cancelledAt: Date | null
  cancelledBy: Meeting['cancelledBy']
  failedBecause: string | null
  /** Why a booking failed, or a move was not made: the time was taken, or the calendar would take nothing. */
  refusedFor: 'taken' | 'calendar' | null
  remindAt: Date | null
  /** Whoever booked, or moved it, was told "not certain yet". */
  putOff: boolean
  /** As in {@link Meeting}. */
  leftAt: Date | null
  toldWallTime: string | null
  agentToldWallTime: string | null
}

/** Stands where the address of a guest was who has been erased. */
export const erasedEmail = 'erased@foyer.invalid'

const columns = sql`
  m.id, m.agent_id, a.name as agent_name, a.email as agent_email,
  coalesce((select name from organisation), 'Foyer') as organisation, m.state, m.share_id, m.conversation_id, m.visitor_id,
  m.idempotency_key, m.name, m.email, m.note, m.start_at, m.end_at, m.time_zone, m.wall_time, m.agent_time_zone,
  m.agent_wall_time, m.buffer_before_minutes, m.buffer_after_minutes, m.title, m.body, m.location, m.wants_video,
  m.video_url, m.guest_response, m.connection_id, m.calendar_id, m.event_id, m.event_etag, m.invitation_uid, m.event_due, m.checked_at,
  m.moving_to, m.moving_time_zone, m.sequence, m.attempts, m.last_problem, m.held_at, m.booked_at, m.cancelled_at, m.cancelled_by,
  m.failed_because, m.refused_for, m.remind_at, m.put_off, m.left_at, m.told_wall_time, m.agent_told_wall_time`

/** @param where a condition over `m` (meetings) and `a` (its agent) @param how `plannedOnce`, for what is asked often */
export async function readMeetings(
  db: Db | Tx,
  where: RawBuilder<unknown>,
  rest: RawBuilder<unknown> = sql``,
  how: RawBuilder<unknown> = sql``,
): Promise<MeetingRow[]> {
  const { rows } = await sql<MeetingRow>`${how}
    select ${columns} from meetings m join agents a on a.id = m.agent_id where ${where} ${rest}`.execute(db)
  return rows
}

export async function findMeeting(db: Db | Tx, id: string): Promise<MeetingRow | null> {
  const [row] = await readMeetings(db, sql`m.id = ${id}`)
  return row ?? null
}

/** Whoever changes a meeting holds its row; after the lock of its conversation, if that is needed as well. */
export async function lockMeeting(tx: Tx, id: string): Promise<MeetingRow | null> {
  const [row] = await readMeetings(tx, sql`m.id = ${id}`, sql`for update of m`)
  return row ?? null
}

/** Whether nothing was taken in of its event, or done to it, between the two: what was read of the event after the first still holds. */
export const isSameVersion = (one: MeetingRow, other: MeetingRow): boolean =>
  one.state === other.state && one.sequence === other.sequence && one.eventEtag === other.eventEtag

/** Takes a time for a meeting, buffers included; one that it has already, once. @returns false when any of it is taken by another one */
export async function takeTime(
  tx: Tx,
  meeting: { id: string; agentId: string },
  start: Date,
  end: Date,
): Promise<boolean> {
  // a bare insert that meets the constraint waits for the other transaction, and a thousand of them for one another:
  // deadlocks. This way the second is told at once.
  const { rows } = await sql`
    with own as (
      select from taken_times where meeting_id = ${meeting.id} and taken = tstzrange(${start}, ${end})
    ), made as (
      insert into taken_times (meeting_id, agent_id, taken)
      select ${meeting.id}::uuid, ${meeting.agentId}::uuid, tstzrange(${start}, ${end}) where not exists (select from own)
      on conflict do nothing returning meeting_id)
    select from own union all select from made`.execute(tx)
  return rows.length > 0
}

/** Gives back all times of a meeting, or all but one; whoever stood on one of them without having it, gets theirs. Under the meeting's
 *  lock. */
export async function giveBackTimes(
  tx: Tx,
  { id, agentId }: Pick<MeetingRow, 'id' | 'agentId'>,
  but: { start: Date; end: Date } | null = null,
): Promise<void> {
  // until the end: a meeting that ends at the same time loses what it is given here, as it looks for it after this
  await sql`select pg_advisory_xact_lock(hashtextextended(${`times of ${agentId}`}, 0))`.execute(tx)
  const kept = but ? sql`and taken <> tstzrange(${but.start}, ${but.end})` : sql``
  const { rows } = await sql<{ start: Date; end: Date }>`
    delete from taken_times where meeting_id = ${id} ${kept}
    returning lower(taken) as start, upper(taken) as end`.execute(tx)
  for (const { start, end } of rows) await takeOverTimes(tx, agentId, start, end)
}

/** What was dragged in the calendar onto a meeting that had the time is alone there now, or no more than others are. */
async function takeOverTimes(tx: Tx, agentId: string, start: Date, end: Date): Promise<void> {
  await sql`
    insert into taken_times (meeting_id, agent_id, taken)
    select m.id, m.agent_id, times.taken from meetings m, lateral (select tstzrange(
        m.start_at - m.buffer_before_minutes * interval '1 minute', m.end_at + m.buffer_after_minutes * interval '1 minute')) times (taken)
    where m.agent_id = ${agentId} and m.state = 'booked' and times.taken && tstzrange(${start}, ${end})
      -- a meeting with its buffers reaches no further: so the index by time serves
      and m.start_at between ${start}::timestamptz - interval '2 days' and ${end}::timestamptz + interval '2 days'
      and not exists (select from taken_times t where t.meeting_id = m.id and t.taken = times.taken)
    order by m.booked_at, m.id
    on conflict do nothing`.execute(tx)
}

const common = (row: MeetingRow) => ({
  id: row.id,
  state: row.state,
  start: row.startAt.toISOString(),
  end: row.endAt.toISOString(),
  title: row.title,
  location: row.location,
  videoUrl: row.videoUrl,
  movingTo: row.movingTo?.toISOString() ?? null,
  cancelledBy: row.cancelledBy,
})

/** @param token null: whoever asks may know of it, and not change it */
export const forGuest = (row: MeetingRow, token: string | null): GuestMeeting => ({
  ...common(row),
  reason: guestReason(row),
  organisation: row.organisation,
  agent: { id: row.agentId, name: row.agentName },
  timeZone: row.timeZone,
  wallTime: row.wallTime,
  toldWallTime: row.toldWallTime,
  name: row.name,
  token,
  statusUrl: token === null ? null : `/api/v1/meeting/${token}`,
})

function guestReason({ state, timeZone, toldWallTime }: MeetingRow): string | null {
  // why the calendar could not take it is the agent's to know
  if (state === 'failed') return 'It could not be entered into the calendar. Please choose another time.'
  if (state !== 'booked' || toldWallTime === null) return null
  return `Clocks in ${nameOfToday(timeZone)} are set by new rules now. Before that, it was to be at ${toldWallTime.replace('T', ' ')} there.`
}

export const forAgent = (row: MeetingRow, mayOpenChat = true): Meeting => ({
  ...common(row),
  reason: row.failedBecause ?? row.lastProblem,
  agent: { id: row.agentId, name: row.agentName },
  timeZone: row.agentTimeZone,
  guest: {
    name: row.name,
    email: row.email,
    erased: row.email === erasedEmail,
    note: row.note,
    timeZone: row.timeZone,
    wallTime: row.wallTime,
  },
  toldWallTime: row.agentToldWallTime,
  leftAt: row.leftAt?.toISOString() ?? null,
  guestResponse: row.guestResponse,
  visitorId: mayOpenChat ? row.visitorId : null,
  conversationId: mayOpenChat ? row.conversationId : null,
  bookedAt: row.bookedAt?.toISOString() ?? null,
  cancelledAt: row.cancelledAt?.toISOString() ?? null,
})

/** As agents see them; the chat each came from only where the viewer may see that. */
export async function describeFor(db: Db | Tx, viewer: Viewer, rows: MeetingRow[]): Promise<Meeting[]> {
  const chats = rows.flatMap(({ conversationId }) => conversationId ?? [])
  const visible = chats.length > 0 ? await visibleOf(db, viewer, chats) : new Set()
  return rows.map((row) => forAgent(row, row.conversationId === null || visible.has(row.conversationId)))
}

async function visibleOf(db: Db | Tx, viewer: Viewer, chats: string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select c.id from conversations c where c.id = any (${chats}::uuid[]) and ${visibleTo(viewer)}`.execute(db)
  return new Set(rows.map(({ id }) => id))
}
