import { sql } from 'kysely'
import type { Meeting } from '../../contracts/meetings.ts'
import type { Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { dayMs } from '../availability/zone.ts'
import * as conversations from '../conversations/repository.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { forMove, isFree, readBookables } from './bookable.ts'
import { hasRoomThatDay } from './daily-max.ts'
import { freeSlots } from './free.ts'
import { nothingHere } from './guest.ts'
import { lockBookings } from './hold.ts'
import { inTime, putOffUnlessDone } from './in-time.ts'
import { describeFor, findMeeting, lockMeeting, type MeetingRow, takeTime } from './repository.ts'
import { cancelRow, endFrom, leaseMs, type Told, takenBy } from './states.ts'
import { lockNetwork, takeTurn, tooOftenError } from './turns.ts'

type Agent = { type: 'agent'; agent: Viewer }
type By = { type: 'visitor' } | Agent
/** @property network it comes from, see `turns.ts` */
type Mover = { type: 'visitor'; timeZone: string | null; network: string | null } | Agent

/** One's own, and those of everybody for whoever supervises meetings. @throws {NotFoundError} */
export async function meetingFor({ db }: Services, viewer: Viewer, id: string): Promise<MeetingRow> {
  const row = await findMeeting(db, id)
  if (!row || (row.agentId !== viewer.id && !viewer.permissions.has('meetings.supervise')))
    throw new NotFoundError('meeting')
  return row
}

export async function describeMeeting({ db }: Services, viewer: Viewer, row: MeetingRow): Promise<Meeting> {
  const [meeting] = await describeFor(db, viewer, [row])
  if (!meeting) throw new NotFoundError('meeting')
  return meeting
}

/** Ends it: here at once, and in the calendar as soon as that takes it. Once more changes nothing.
 *  @throws {ConflictError} `meeting_over` */
export async function cancelMeeting(services: Services, meeting: MeetingRow, by: By): Promise<MeetingRow> {
  const told = await toldBy(services, meeting)
  await withRow(services, meeting, async (change, row) => {
    if (row.state === 'cancelled' || row.state === 'failed') return
    refuseIfOver(row, change.now)
    await cancelRow(services, change, row, by.type, told, true)
    await noteDown(change, row, by, 'meeting.cancelled')
  })
  // what the calendar is told goes on behind the answer
  void inTime(services, meeting.id).catch(() => undefined)
  return reread(services, meeting.id)
}

/**
 * Moves it: the new time is taken first, then the calendar is asked and told, and only then is the meeting there. Its own event does
 * not stand in its way.
 * @throws {ConflictError} `slot_taken`, or `calendar_refused` where the calendar takes nothing at the moment, both with fresh slots;
 * `meeting_over`, `meeting_moving`, `not_bookable`
 * @throws {RateLimitedError} too often by guests of this address, or from this network
 */
export async function rescheduleMeeting(
  services: Services,
  meeting: MeetingRow,
  start: Date,
  by: Mover,
): Promise<MeetingRow> {
  const now = services.clock.now()
  const stretch = { now, from: start.getTime(), to: start.getTime() + 1, exceptMeetingId: meeting.id }
  const [host] = await readBookables(services.db, stretch, sql`a.id = ${meeting.agentId}`)
  const agent = host && forMove(host, meeting)
  if (!agent || agent.reason !== null)
    throw new ConflictError('not_bookable', (by.type === 'agent' && agent?.reason) || nothingHere)
  // an agent knows what they do: their own hours do not bind them, other meetings do
  if (
    by.type === 'visitor' &&
    meeting.startAt.getTime() !== start.getTime() &&
    !isFree(agent, now, start.getTime())
  )
    throw await insteadError(services, meeting, start)
  if (start <= now)
    throw new ConflictError('slot_taken', 'This time has passed.', { slots: [], nextFree: null })

  let hasRoom = true
  const guest =
    by.type === 'visitor' ? { email: meeting.email, agentId: meeting.agentId, network: by.network } : null
  const order = await withRow(
    services,
    meeting,
    async (change, row): Promise<'taken' | 'there' | 'given'> => {
      if (row.state !== 'booked' || row.startAt <= change.now)
        throw new ConflictError('meeting_over', sentenceOf(row))
      if (row.startAt.getTime() === start.getTime() || row.movingTo?.getTime() === start.getTime())
        return 'there'
      if (row.movingTo !== null)
        throw new ConflictError('meeting_moving', 'It is being moved already. Wait a moment.')
      if (!hasRoom) return 'taken'
      const taken = takenBy(row, start, endFrom(row, start))
      if (!(await takeTime(change.tx, row, taken.start, taken.end))) return 'taken'
      const tooOften = guest && (await takeTurn(services, change, guest))
      if (tooOften) throw tooOftenError(tooOften)
      await sql`
      update meetings set moving_to = ${start}, event_due = 'move', put_off = false, attempts = 0, last_problem = null,
        -- whether the calendar has made the move before this one is not known yet
        checked_at = case when event_due = 'look' then checked_at end, refused_for = null, worked_until = ${new Date(change.now.getTime() + leaseMs)},
        moving_time_zone = ${by.type === 'visitor' ? by.timeZone : null}, changed_at = ${change.now}
      where id = ${row.id}`.execute(change.tx)
      await noteDown(change, row, by, 'meeting.moved')
      return 'given'
    },
    async (tx) => {
      if (!guest) return
      hasRoom = await hasRoomThatDay(tx, agent, start, meeting.id)
      await lockBookings(tx, guest.email)
      await lockNetwork(tx, guest)
    },
  )
  if (order === 'taken') throw await insteadError(services, meeting, start)
  await inTime(services, meeting.id, { leased: order === 'given' })
  const moved = await putOffUnlessDone(services, meeting.id)
  if (!moved) throw new NotFoundError('meeting')
  if (moved.state === 'booked' && moved.movingTo === null && moved.startAt.getTime() !== start.getTime())
    throw await insteadError(
      services,
      moved,
      start,
      moved.refusedFor === 'calendar' ? 'calendar_refused' : 'slot_taken',
    )
  return moved
}

const notThere = {
  slot_taken: 'This time is not free any more. Choose another one.',
  calendar_refused:
    'The calendar does not take this move right now. The meeting stays as it was: choose another time, or try again later.',
}

async function insteadError(
  services: Services,
  meeting: MeetingRow,
  start: Date,
  code: keyof typeof notThere = 'slot_taken',
): Promise<ConflictError> {
  const from = new Date(Math.floor(start.getTime() / dayMs) * dayMs)
  const to = new Date(from.getTime() + 7 * dayMs)
  return new ConflictError(code, notThere[code], {
    ...(await freeSlots(services, { agentId: meeting.agentId, teamId: null }, { from, to, moving: meeting })),
  })
}

/** Whether the provider tells the guest, and can be reached to do so, now or ever. */
async function toldBy({ db, connectors }: Services, { connectionId, agentId }: MeetingRow): Promise<Told> {
  const { rows } = await sql<{ connector: string; isReached: boolean; isGone: boolean }>`
    select n.connector, n.state = 'active' and c.agent_id is not null as is_reached,
      n.state = 'disconnected' or c.agent_id is null as is_gone
    from connections n left join calendars c on c.connection_id = n.id and c.agent_id = ${agentId}
    where n.id = ${connectionId}`.execute(db)
  const [row] = rows
  const tellsGuests = connectors.get(row?.connector ?? '')?.calendar?.tellsGuests ?? false
  return { tellsGuests, isUncertain: row !== undefined && !row.isReached, isGone: row?.isGone ?? false }
}

/** Under the lock of its conversation, then its own. @param before what has to be locked before either */
const withRow = <T>(
  services: Services,
  { id, conversationId }: MeetingRow,
  work: (change: Change, row: MeetingRow) => Promise<T>,
  before: (tx: Tx) => Promise<void> = async () => undefined,
): Promise<T> =>
  change(services, async (change) => {
    await before(change.tx)
    if (conversationId) await conversations.lockAll(change.tx, [conversationId])
    const row = await lockMeeting(change.tx, id)
    if (!row) throw new NotFoundError('meeting')
    return work(change, row)
  })

function refuseIfOver(row: MeetingRow, now: Date): void {
  if (row.endAt <= now) throw new ConflictError('meeting_over', sentenceOf(row))
}

const sentenceOf = ({ state }: MeetingRow): string =>
  ({
    held: 'This meeting is not certain yet. Try again in a moment.',
    booked: 'This meeting is over.',
    cancelled: 'This meeting was cancelled. Book another one.',
    failed: 'This meeting could not be booked. Book another one.',
  })[state]

/** What is done to the meetings of others. */
async function noteDown(
  { tx, now }: { tx: Tx; now: Date },
  row: MeetingRow,
  by: By,
  action: string,
): Promise<void> {
  if (by.type !== 'agent' || by.agent.id === row.agentId) return
  await audit(tx, { now, actorId: by.agent.id, action, objectType: 'meeting', objectId: row.id })
}

async function reread({ db }: Services, id: string): Promise<MeetingRow> {
  const row = await findMeeting(db, id)
  if (!row) throw new NotFoundError('meeting')
  return row
}
