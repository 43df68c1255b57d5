import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { Book } from '../../contracts/meetings.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type Change, change, type Services } from '../../services.ts'
import { minuteMs } from '../availability/zone.ts'
import { hashToken } from '../sign-in/tokens.ts'
import { type Bookable, isFree, readBookables } from './bookable.ts'
import { hasRoomThatDay } from './daily-max.ts'
import { eventIdOf } from './event-id.ts'
import { linkOf } from './links.ts'
import type { Notice } from './notice.ts'
import { takeTime } from './repository.ts'
import { agentsOf, type ShareRow } from './shares.ts'
import { leaseMs, takenBy } from './states.ts'
import { wallTimes } from './times.ts'
import { type Guest, lockNetwork, type TooOften, takeTurn } from './turns.ts'
import { fillIn } from './words.ts'

/** By one link; and of one visitor, and under one e-mail address, with one agent. More is nobody's diary but that agent's whole month. */
export const mostAhead = 5

export type Held =
  /** A meeting has the time; its lease is the caller's. */
  | { id: string }
  | { why: 'taken' }
  /** The same booking is there already. */
  | { why: 'repeated' }
  /** By the link, or with one agent. */
  | { why: 'too_many'; of: 'link' | 'agent' }
  | TooOften
  | { why: 'not_bookable' }

/** What is asked for, and the privacy notice that was accepted with it. */
export type Wanted = Book & { accepted: Notice | null }

const isTaken: Held = { why: 'taken' }

/** Takes a time, by an insert that the database refuses to all but one: the first of those who are free then, for as long as was offered;
 *  of a team, whoever has the fewest meetings ahead. @param network it is booked from, see {@link Guest} */
export async function hold(
  services: Services,
  share: ShareRow,
  wanted: Wanted,
  network: string | null,
): Promise<Held> {
  const now = services.clock.now()
  const start = wanted.start.getTime()
  const bookables = await readBookables(services.db, { now, from: start, to: start + 1 }, agentsOf(share))
  if (bookables.every((one) => one.reason !== null)) return { why: 'not_bookable' }
  const free = bookables.filter((one) => isFree(one, now, start))
  const offeredMs = wanted.end ? wanted.end.getTime() - start : Math.min(...free.map(lengthMs))
  const inTurn = free.filter((one) => lengthMs(one) === offeredMs).sort((a, b) => a.upcoming - b.upcoming)
  let refused = isTaken
  for (const bookable of inTurn) {
    const held = await holdWith(services, share, bookable, wanted, network)
    if (!isOfOneAgent(held)) return held
    if (held !== isTaken) refused = held
  }
  return refused
}

const lengthMs = ({ settings }: Bookable) => settings.durationMinutes * minuteMs

/** A colleague may take it none the less. */
const isOfOneAgent = (held: Held) =>
  held === isTaken || ('of' in held && (held.of === 'agent' || held.of === 'network'))

/** Gives back the time that was taken a moment ago. */
class NotHeldError extends Error {
  readonly outcome: Held
  constructor(outcome: Held) {
    super('Nothing was held')
    this.outcome = outcome
  }
}

async function holdWith(
  services: Services,
  share: ShareRow,
  bookable: Bookable,
  wanted: Wanted,
  network: string | null,
): Promise<Held> {
  const id = randomUUIDv7()
  try {
    return await change(services, async (change): Promise<Held> => {
      const { tx, now } = change
      const { settings } = bookable
      const end = new Date(wanted.start.getTime() + lengthMs(bookable))
      if (!(await hasRoomThatDay(tx, bookable, wanted.start))) return isTaken
      const guest = { email: wanted.email, agentId: bookable.id, network }
      await lockBookings(tx, wanted.email, share.visitorId ?? share.id)
      await lockNetwork(tx, guest)
      const taken = takenBy(settings, wanted.start, end)
      if (!(await takeTime(tx, { id, agentId: bookable.id }, taken.start, taken.end))) return isTaken
      const excess = await excessOf(tx, now, share, guest)
      if (excess) throw new NotHeldError(excess)
      if (!(await insertHeld(services, change, id, share, bookable, wanted, end)))
        throw new NotHeldError({ why: 'repeated' })
      const tooOften = await takeTurn(services, change, guest)
      if (tooOften) throw new NotHeldError(tooOften)
      return { id }
    })
  } catch (error) {
    if (error instanceof NotHeldError) return error.outcome
    throw error
  }
}

async function insertHeld(
  services: Services,
  { tx, now }: Change,
  id: string,
  share: ShareRow,
  bookable: Bookable,
  wanted: Wanted,
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
      title, body, location, wants_video, connection_id, calendar_id, event_id, event_due, worked_until, held_at, changed_at,
      notice_accepted_at, notice_text, notice_url)
    values (${id}, ${bookable.id}, 'held', ${share.id}, ${share.conversationId},
      -- another one than a moment ago, if they have signed in meanwhile; locked here, because this row's keys would lock the chat first
      (select v.id from calendar_shares s join visitors v on v.id = s.visitor_id where s.id = ${share.id} for key share of v),
      ${wanted.idempotencyKey},
      ${wanted.name}, ${wanted.email}, ${wanted.note ?? null}, ${wanted.start}, ${end}, ${timeZone}, ${wallTime},
      ${agentTimeZone}, ${agentWallTime}, ${settings.bufferBeforeMinutes}, ${settings.bufferAfterMinutes}, ${title},
      ${fillIn(settings.body, values)}, ${settings.location}, ${settings.video}, ${calendar?.connectionId ?? null},
      ${calendar?.calendarIds[0] ?? null}, ${eventIdOf(id)}, 'insert',
      ${new Date(now.getTime() + leaseMs)}, ${now}, ${now},
      ${wanted.accepted && now}, ${wanted.accepted?.notice ?? null}, ${wanted.accepted?.url ?? null})
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

/** Why this would be one too many, seen by one booking of a person at a time. */
async function excessOf(
  tx: Tx,
  now: Date,
  { id, visitorId }: ShareRow,
  { email, agentId }: Guest,
): Promise<Held | null> {
  const { rows } = await sql<{ ofLink: number; ofAgent: number }>`${plannedOnce}
    select (select count(*) from meetings where share_id = ${id} and ${isAhead(now)}) as of_link, greatest(
        (select count(*) from meetings where email = ${email} and agent_id = ${agentId} and ${isAhead(now)}),
        (select count(*) from meetings where visitor_id = ${visitorId} and agent_id = ${agentId} and ${isAhead(now)})
      ) as of_agent`.execute(tx)
  const { ofLink = 0, ofAgent = 0 } = rows[0] ?? {}
  if (ofLink >= mostAhead) return { why: 'too_many', of: 'link' }
  return ofAgent >= mostAhead ? { why: 'too_many', of: 'agent' } : null
}

/**
 * Held by who books or moves, and by who makes one visitor of two: no booking falls between the two. In this order everywhere, and
 * before a time is taken, so that nobody waits in a circle.
 * @param of an address, then a visitor or link
 */
export async function lockBookings(tx: Tx, ...of: string[]): Promise<void> {
  const locks = of.map((one) => sql`pg_advisory_xact_lock(hashtextextended(${`bookings of ${one}`}, 0))`)
  await sql`select ${sql.join(locks)}`.execute(tx)
}

const isAhead = (now: Date) => sql`state in ('held', 'booked') and start_at > ${now}`

/** How many meetings of a link are ahead. */
export async function countAhead(db: Db | Tx, shareId: string, now: Date): Promise<number> {
  const { rows } = await sql<{ count: number }>`${plannedOnce}
    select count(*) as count from meetings
    where share_id = ${shareId} and ${isAhead(now)}`.execute(db)
  return rows[0]?.count ?? 0
}
