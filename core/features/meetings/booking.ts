import { randomUUIDv7 } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Book } from '../../contracts/meetings.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { minuteMs, zoneNamed } from '../availability/zone.ts'
import { hashToken } from '../sign-in/tokens.ts'
import { type Bookable, isFree, readBookables } from './bookable.ts'
import type { FreshSlots } from './free.ts'
import { linkOf } from './links.ts'
import { findMeeting, type MeetingRow, readMeetings, takeTime } from './repository.ts'
import { agentsOf, type ShareRow, shareOf } from './shares.ts'
import { wallTimes } from './times.ts'
import { fillIn } from './words.ts'
import { promiseWork, takenBy, workOn } from './work.ts'

/** After this, whoever waits is told that it is not certain yet. */
const patienceMs = 5_000
/** If this process dies, a job looks after what it held. */
const lookAfterMs = 15_000
/** Of one link, ahead: a link is for one person and a few colleagues. */
const mostAhead = 20

export interface Booked {
  meeting: MeetingRow
  /** Opens the meeting. */
  token: string
}

/**
 * Books a time: it is held first, by an insert that the database refuses to all but one; only the winner's is checked in the calendar,
 * and entered there under an id made before.
 * @returns `booked`, or `held` while the calendar takes longer than anybody waits
 * @throws {ConflictError} `slot_taken` with fresh slots; `idempotency_key_reused`; `not_bookable`; `too_many_meetings`
 * @throws {NotFoundError} nothing is shared by this token
 */
export async function book(
  services: Services,
  fresh: FreshSlots,
  token: string,
  wanted: Book,
): Promise<Booked> {
  const share = await shareOf(services.db, token)
  const before = await findByKey(services.db, share.id, wanted.idempotencyKey)
  if (before) return bookedBefore(services, fresh, share, before, wanted)
  const held = await hold(services, share, wanted)
  if (held !== 'taken' && held !== 'repeated') return finish(services, fresh, share, held)
  // sent twice at once, it is this very booking that has the time
  const twin = await findByKey(services.db, share.id, wanted.idempotencyKey)
  if (twin) return bookedBefore(services, fresh, share, twin, wanted)
  throw await takenError(fresh, share, wanted.start)
}

/** The first of those who are free then gets it; of a team, whoever has the fewest meetings ahead. */
async function hold(
  services: Services,
  share: ShareRow,
  wanted: Book,
): Promise<string | 'taken' | 'repeated'> {
  const now = services.clock.now()
  const start = wanted.start.getTime()
  const bookables = await readBookables(services.db, { now, from: start, to: start + 1 }, agentsOf(share))
  const [reason] = bookables.map((one) => one.reason)
  if (bookables.every((one) => one.reason !== null))
    throw new ConflictError('not_bookable', reason ?? 'Nothing can be booked here any more.')
  const inTurn = bookables.filter((one) => isFree(one, now, start)).sort((a, b) => a.upcoming - b.upcoming)
  for (const bookable of inTurn) {
    const meetingId = await holdWith(services, share, bookable, wanted)
    if (meetingId !== 'taken') return meetingId
  }
  return 'taken'
}

class RepeatedError extends Error {}

async function holdWith(
  services: Services,
  share: ShareRow,
  bookable: Bookable,
  wanted: Book,
): Promise<string | 'taken' | 'repeated'> {
  const id = randomUUIDv7()
  try {
    return await change(services, async (change) => {
      const { tx, now } = change
      const { settings } = bookable
      const end = new Date(wanted.start.getTime() + settings.durationMinutes * minuteMs)
      if (settings.dailyMax !== null && !(await hasRoomThatDay(tx, bookable, wanted.start))) return 'taken'
      const taken = takenBy(settings, wanted.start, end)
      if (!(await takeTime(tx, { id, agentId: bookable.id }, taken.start, taken.end))) return 'taken'
      await refuseTooMany(tx, share, now)
      if (!(await insertHeld(services, change, id, share, bookable, wanted, end))) throw new RepeatedError()
      await promiseWork(services, change, id, lookAfterMs)
      return id
    })
  } catch (error) {
    if (error instanceof RepeatedError) return 'repeated'
    throw error
  }
}

/** The daily maximum, seen by one booking of an agent at a time. */
async function hasRoomThatDay(tx: Tx, { id, settings }: Bookable, start: Date): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`meetings of ${id}`}, 0))`.execute(tx)
  const zone = zoneNamed(settings.timeZone)
  const day = zone.dayAt(start.getTime())
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from meetings
    where agent_id = ${id} and state in ('held', 'booked')
      and start_at >= ${new Date(zone.startOf(day))} and start_at < ${new Date(zone.startOf(day + 1))}`.execute(
    tx,
  )
  return (rows[0]?.count ?? 0) < (settings.dailyMax ?? Infinity)
}

async function refuseTooMany(tx: Tx, share: ShareRow, now: Date): Promise<void> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from meetings
    where share_id = ${share.id} and state in ('held', 'booked') and start_at > ${now}`.execute(tx)
  if ((rows[0]?.count ?? 0) >= mostAhead)
    throw new ConflictError(
      'too_many_meetings',
      'So many meetings were booked by this link that it takes no more.',
    )
}

async function insertHeld(
  services: Services,
  { tx, now }: Change,
  id: string,
  share: ShareRow,
  bookable: Bookable,
  wanted: Book,
  end: Date,
): Promise<boolean> {
  const { settings, calendar } = bookable
  const agentTimeZone = settings.timeZone ?? 'UTC'
  const known = await knownOf(tx, share)
  const timeZone = wanted.timeZone ?? known.timeZone ?? agentTimeZone
  const { wallTime, agentWallTime } = wallTimes(wanted.start, timeZone, agentTimeZone)
  const values = {
    ...known.fields,
    name: wanted.name,
    email: wanted.email,
    note: wanted.note ?? null,
    agent: bookable.name,
    organisation: known.organisation,
  }
  const title = fillIn(settings.title, values).slice(0, 300) || `Meeting with ${bookable.name}`
  const { rows } = await sql`
    with held as (
    insert into meetings (id, agent_id, state, share_id, conversation_id, visitor_id, idempotency_key, name, email, note,
      start_at, end_at, time_zone, wall_time, agent_time_zone, agent_wall_time, buffer_before_minutes, buffer_after_minutes,
      title, body, location, wants_video, connection_id, calendar_id, event_id, event_due, held_at, changed_at)
    values (${id}, ${bookable.id}, 'held', ${share.id}, ${share.conversationId}, ${share.visitorId}, ${wanted.idempotencyKey},
      ${wanted.name}, ${wanted.email}, ${wanted.note ?? null}, ${wanted.start}, ${end}, ${timeZone}, ${wallTime},
      ${agentTimeZone}, ${agentWallTime}, ${settings.bufferBeforeMinutes}, ${settings.bufferAfterMinutes}, ${title},
      ${fillIn(settings.body, values)}, ${settings.location}, ${settings.video}, ${calendar?.connectionId ?? null},
      ${calendar?.calendarIds[0] ?? null}, ${id.replaceAll('-', '')}, 'insert', ${now}, ${now})
    on conflict (share_id, idempotency_key) where idempotency_key is not null do nothing
    returning id)
    insert into meeting_links (token_hash, meeting_id, created_at)
    select ${hashToken(linkOf(services, id))}, id, ${now} from held returning meeting_id`.execute(tx)
  return rows.length > 0
}

/** Of what the visitor gave: what only a CRM knows must not come back to them in a title. */
async function knownOf(tx: Tx, { visitorId }: ShareRow) {
  const { rows } = await sql<{
    organisation: string
    timeZone: string | null
    company: string | null
    jobTitle: string | null
    phone: string | null
  }>`
    select o.name as organisation, v.time_zone, v.company, v.job_title, v.phone
    from organisation o left join visitors v on v.id = ${visitorId}`.execute(tx)
  const { organisation = 'Foyer', timeZone = null, ...fields } = rows[0] ?? {}
  return { organisation, timeZone, fields }
}

/** Does what is to be done in the calendar, while whoever booked waits, and no longer than they would. */
async function finish(services: Services, fresh: FreshSlots, share: ShareRow, id: string): Promise<Booked> {
  await inTime(services, id)
  const meeting = await putOffUnlessDone(services, id)
  if (meeting.state === 'failed' && !meeting.putOff) {
    await forgetRefused(services.db, id)
    throw await takenError(fresh, share, meeting.startAt)
  }
  return withToken(services, meeting)
}

/** Works on a meeting for as long as anybody waits; what takes longer goes on behind. */
export async function inTime(services: Services, id: string): Promise<void> {
  // what goes on behind is not broken off when the patience is over
  const { signal } = new AbortController()
  let waited = false
  const work = workOn(services, id, { signal, live: true })
    .then((done) => (done === null ? untilDone(services, id, () => waited) : undefined))
    .catch((error: unknown) =>
      // the job that was promised goes on
      services.log.error({ err: error, meeting: id }, 'Work on a meeting broke off'),
    )
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, patienceMs)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
  waited = true
}

const lookEveryMs = 150

/** Somebody else is at it: the same booking was sent twice, or a job came first. */
async function untilDone({ db }: Services, id: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await pause(lookEveryMs)
    const { rows } =
      await sql`select from meetings where id = ${id} and event_due in ('insert', 'move')`.execute(db)
    if (rows.length === 0) return
  }
}

/** Whatever comes after this comes by mail. */
export async function putOffUnlessDone({ db }: Services, id: string): Promise<MeetingRow> {
  await sql`
    update meetings set put_off = true where id = ${id} and event_due in ('insert', 'move') and not put_off`.execute(
    db,
  )
  const meeting = await findMeeting(db, id)
  if (!meeting) throw new Error('A meeting that was just held is gone')
  return meeting
}

/** Nobody was told of it but by the answer that is being written. */
const forgetRefused = (db: Db, id: string) =>
  sql`delete from meetings where id = ${id} and state = 'failed' and not put_off and event_due is null`.execute(
    db,
  )

const withToken = (services: Services, meeting: MeetingRow): Booked => ({
  meeting,
  token: linkOf(services, meeting.id),
})

async function findByKey(db: Db, shareId: string, key: string): Promise<MeetingRow | null> {
  const [row] = await readMeetings(db, sql`m.share_id = ${shareId} and m.idempotency_key = ${key}`)
  return row ?? null
}

/** The same booking sent once more: its answer may have been lost. */
async function bookedBefore(
  services: Services,
  fresh: FreshSlots,
  share: ShareRow,
  before: MeetingRow,
  wanted: Book,
): Promise<Booked> {
  // one that was moved since is still the same booking
  if (
    before.email !== wanted.email ||
    (before.sequence === 0 && before.startAt.getTime() !== wanted.start.getTime())
  )
    throw new ConflictError('idempotency_key_reused', 'This key belongs to another booking. Make a new one.')
  if (before.state === 'failed') throw await takenError(fresh, share, wanted.start)
  if (before.state === 'held') return finish(services, fresh, share, before.id)
  return withToken(services, before)
}

/** For who comes too late: what is free instead. */
async function takenError(fresh: FreshSlots, share: ShareRow, start: Date): Promise<ConflictError> {
  return new ConflictError('slot_taken', 'This time is not free any more. Choose another one.', {
    ...(await fresh.instead(share, start)),
  })
}
