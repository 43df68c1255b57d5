import { sql } from 'kysely'
import type { Book } from '../../contracts/meetings.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { keepGiven } from '../conversations/requests.ts'
import { notAcceptedError } from '../widget/consent.ts'
import type { KnownVisitor } from '../widget/tokens.ts'
import type { BookingDesk } from './desk.ts'
import { nothingHere } from './guest.ts'
import { mostAhead } from './hold.ts'
import { inTime, putOffUnlessDone } from './in-time.ts'
import { linkOf } from './links.ts'
import { erasedEmail, type MeetingRow } from './repository.ts'
import { type ShareRow, shareFor } from './shares.ts'
import { tooOftenError } from './turns.ts'

export interface Booked {
  meeting: MeetingRow
  /** Opens the meeting. */
  token: string
}

/** Who books, as far as it shows. */
export interface Booker {
  /** As a token of the widget's says. */
  visitor: KnownVisitor | null
  /** From where, see `turns.ts`. */
  network: string | null
  /** Counts a try to take a time. @throws {RateLimitedError} */
  counts: () => Promise<void>
}

/**
 * Books a time: it is held first, by an insert that the database refuses to all but one; only the winner's is checked in the calendar,
 * and entered there under an id made before. What the link's own visitor says of themselves is kept as if given in the chat.
 * @returns `booked`, or `held` while the calendar takes longer than anybody waits
 * @throws {ConflictError} `slot_taken`, or `calendar_refused` where the calendar takes nothing at the moment, both with fresh slots; `idempotency_key_reused`; `not_bookable`; `too_many_meetings`; `booking_gone`: who
 * booked was erased meanwhile
 * @throws {RateLimitedError} too often under this e-mail address, or from this network
 * @throws {InvalidInputError} the privacy notice has to be accepted first
 * @throws {NotFoundError} nothing is shared by this token
 */
export async function book(
  services: Services,
  desk: BookingDesk,
  token: string,
  wanted: Book,
  by: Booker,
): Promise<Booked> {
  const booked = await bookOnce(services, desk, token, wanted, by)
  const { visitor } = by
  // whoever else has the link may book by it, and is not this visitor
  if (visitor !== null && visitor.id === booked.meeting.visitorId)
    await keepGiven(services, visitor.id, { name: wanted.name, email: wanted.email }, (tx) =>
      isBy(tx, booked.meeting.id, wanted.email),
    )
  return booked
}

/** Not any more, once whoever it is was erased. */
async function isBy(tx: Tx, meetingId: string, email: string): Promise<boolean> {
  const { rows } = await sql`select from meetings where id = ${meetingId} and email = ${email}`.execute(tx)
  return rows.length > 0
}

async function bookOnce(
  services: Services,
  desk: BookingDesk,
  token: string,
  wanted: Book,
  { network, counts }: Booker,
): Promise<Booked> {
  const { share: shared, ahead, notice } = await desk.link(token)
  const before = await desk.bookedBefore(shared, wanted.idempotencyKey)
  if (before) return bookedBefore(services, desk, shared, before, wanted)
  if (notice !== null && !wanted.consent) throw notAcceptedError()
  if (ahead >= mostAhead) throw tooMany()
  // neither what leads nowhere nor what was booked already is a try
  await counts()
  const share = await shareFor(services, shared, wanted.email)
  if (!share) throw notBookable()
  const held = await desk.hold(share, { ...wanted, accepted: notice }, network)
  if ('id' in held) return finish(services, desk, share, held.id, wanted, { leased: true })
  // sent twice at once, it is this very booking that has the time
  const twin = await desk.bookedBefore(share, wanted.idempotencyKey)
  if (twin) return bookedBefore(services, desk, share, twin, wanted)
  switch (held.why) {
    case 'taken':
    case 'repeated':
      throw await takenError(desk, share, wanted)
    case 'too_many':
      throw tooMany()
    case 'too_often':
      throw tooOftenError(held)
    case 'not_bookable':
      throw notBookable()
    default:
      return held satisfies never
  }
}

const notBookable = () => new ConflictError('not_bookable', nothingHere)

const goneError = () =>
  new ConflictError('booking_gone', 'This booking is not there any more. Choose a time again.')

const tooMany = () =>
  new ConflictError(
    'too_many_meetings',
    `${mostAhead} meetings are booked by this link or e-mail address already. Move or cancel one of them first.`,
  )

/** Does what is to be done in the calendar, while whoever booked waits, and no longer than they would. */
async function finish(
  services: Services,
  desk: BookingDesk,
  share: ShareRow,
  id: string,
  wanted: Book,
  how: { leased: boolean },
): Promise<Booked> {
  await inTime(services, id, how)
  const meeting = await putOffUnlessDone(services, id)
  // sent twice at once, the other one was refused, and is forgotten
  if (!meeting && !how.leased) throw await takenError(desk, share, wanted)
  if (!meeting || meeting.email === erasedEmail) throw goneError()
  if (meeting.state === 'failed' && !meeting.putOff) {
    await forgetRefused(services.db, id)
    throw await refusedError(desk, share, meeting)
  }
  return withToken(services, meeting)
}

/** Nobody was told of it but by the answer that is being written. What the calendar would not take stays in the host's list: they are
 *  to see what kept a visitor away. */
const forgetRefused = (db: Db, id: string) =>
  sql`delete from meetings
      where id = ${id} and state = 'failed' and refused_for = 'taken' and not put_off and event_due is null`.execute(
    db,
  )

const withToken = (services: Services, meeting: MeetingRow): Booked => ({
  meeting,
  token: linkOf(services, meeting.id),
})

/** The same booking sent once more: its answer may have been lost. */
async function bookedBefore(
  services: Services,
  desk: BookingDesk,
  share: ShareRow,
  before: MeetingRow,
  wanted: Book,
): Promise<Booked> {
  if (before.email === erasedEmail) throw goneError()
  // one that was moved since is still the same booking
  if (
    before.email !== wanted.email ||
    (before.sequence === 0 && before.startAt.getTime() !== wanted.start.getTime())
  )
    throw new ConflictError('idempotency_key_reused', 'This key belongs to another booking. Make a new one.')
  if (before.state === 'failed') throw await refusedError(desk, share, before)
  if (before.state === 'held') return finish(services, desk, share, before.id, wanted, { leased: false })
  return withToken(services, before)
}

async function refusedError(desk: BookingDesk, share: ShareRow, failed: MeetingRow): Promise<ConflictError> {
  const taken = { start: failed.startAt, end: failed.endAt }
  if (failed.refusedFor !== 'calendar') return takenError(desk, share, taken)
  return new ConflictError(
    'calendar_refused',
    'The calendar takes no booking at this time right now. Choose another time, or try again later.',
    { ...(await desk.instead(share, taken)) },
  )
}

/** For who comes too late: what is free instead. */
async function takenError(
  desk: BookingDesk,
  share: ShareRow,
  taken: Pick<Book, 'start' | 'end'>,
): Promise<ConflictError> {
  return new ConflictError('slot_taken', 'This time is not free any more. Choose another one.', {
    ...(await desk.instead(share, taken)),
  })
}
