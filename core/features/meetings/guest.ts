import { sql } from 'kysely'
import type { BookingPage } from '../../contracts/meetings.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { canMail } from '../conversations/letters.ts'
import { readOrganisation } from '../organisation/settings.ts'
import type { KnownVisitor } from '../widget/tokens.ts'
import { readBookables } from './bookable.ts'
import { findByLink, linkOf } from './links.ts'
import { noticeToAccept } from './notice.ts'
import { forGuest, type MeetingRow, readMeetings } from './repository.ts'
import { agentsOf, type ShareRow, shareOf } from './shares.ts'

const shown = 20

/** For guests, whatever it is: who left and whose calendar is broken is for those who work here. */
export const nothingHere = 'Nothing can be booked here at the moment.'

/**
 * What a booking page or card says.
 * @param visitor who asks, as far as a token of the widget's says so: the chat's own visitor may change what was booked in it, whoever
 * else has the link sees that there is something
 * @throws {NotFoundError}
 */
export async function bookingPage(
  services: Services,
  token: string,
  visitor: KnownVisitor | null,
): Promise<BookingPage> {
  const { db, clock } = services
  const share = await shareOf(db, token)
  const now = clock.now()
  const [bookables, organisation, prefill, consent, rows] = await Promise.all([
    readBookables(db, { now, from: now.getTime(), to: now.getTime() }, agentsOf(share)),
    readOrganisation(db),
    readGiven(db, share),
    noticeToAccept(db, share),
    readMeetings(
      db,
      // whoever was not booked was not told with whom
      sql`m.share_id = ${share.id} and not (m.state = 'failed' and ${share.discreet})`,
      // what was tried in vain after it does not hide what is ahead
      sql`order by m.state in ('held', 'booked') and m.end_at > ${now} desc, m.held_at desc, m.id desc limit ${shown}`,
    ),
  ])
  const isTheirs = visitor !== null && visitor.id === share.visitorId
  const usable = bookables.filter(({ reason }) => reason === null)
  const [first] = usable.length > 0 ? usable : bookables
  // what would tell one agent from another, but for the times and how long they are, which whoever chooses one needs
  const { agentId, teamName } = share.discreet ? { agentId: null, teamName: null } : share
  return {
    organisation: organisation?.name ?? 'Foyer',
    agent: agentId && first ? { id: first.id, name: first.name } : null,
    team: teamName === null ? null : { name: teamName },
    durationMinutes: usable.some(
      ({ settings }) => settings.durationMinutes !== first?.settings.durationMinutes,
    )
      ? null
      : (first?.settings.durationMinutes ?? 30),
    timeZone: share.discreet ? (organisation?.timeZone ?? 'UTC') : (first?.settings.timeZone ?? 'UTC'),
    location: agentId ? (first?.settings.location ?? null) : null,
    video: !share.discreet && (first?.settings.video ?? false),
    prefill,
    consent,
    mails: canMail(services),
    bookable: usable.length > 0,
    reason: usable.length > 0 ? null : nothingHere,
    meetings: rows.map((row) => forGuest(row, isTheirs ? linkOf(services, row.id) : null)),
  }
}

/** Only what this visitor gave, or a signature; nothing an agent or a CRM knows. */
async function readGiven(db: Services['db'], { visitorId }: ShareRow): Promise<BookingPage['prefill']> {
  const { rows } = await sql<BookingPage['prefill']>`
    select name, email from visitors where id = ${visitorId}`.execute(db)
  return { name: rows[0]?.name ?? null, email: rows[0]?.email ?? null }
}

/** @param token as a stranger wrote it. @throws {NotFoundError} */
export async function meetingOf(services: Services, token: string): Promise<MeetingRow> {
  const row = await findByLink(services, token)
  if (!row) throw new NotFoundError('meeting')
  return row
}
