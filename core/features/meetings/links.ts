import { sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import { sealingOf } from '../../sealing.ts'
import type { Services } from '../../services.ts'
import { hashToken, newToken, sameToken } from '../sign-in/tokens.ts'
import { findMeeting, type MeetingRow, readMeetings } from './repository.ts'

/** Links to one meeting: whoever has one may move and cancel it. Only hashes of them are kept. */

/** Another one each time, for a mail. */
export async function addLink(tx: Tx, now: Date, meetingId: string): Promise<string> {
  const token = newToken()
  await sql`
    insert into meeting_links (token_hash, meeting_id, created_at) values (${hashToken(token)}, ${meetingId}, ${now})`.execute(
    tx,
  )
  return token
}

/**
 * The same one each time, so that showing it writes nothing: for the answer to whoever books, and for the card in their chat. It names
 * the meeting and proves with the secret key that Foyer made it; its hash is kept with the booking all the same, since that outlives a
 * change of the key.
 */
export const linkOf = (services: Pick<Services, 'config'>, meetingId: string): string =>
  `${meetingId.replaceAll('-', '')}.${sealingOf(services).tokenFor('meeting link', meetingId)}`

/** @param token as a stranger wrote it */
export async function findByLink(
  services: Pick<Services, 'db' | 'config'>,
  token: string,
): Promise<MeetingRow | null> {
  const { db } = services
  const [row] = await readMeetings(
    db,
    sql`m.id = (select meeting_id from meeting_links where token_hash = ${hashToken(token)})`,
  )
  return row ?? findByProof(services, db, token)
}

/** One that was made after the key had changed, of a meeting booked before. */
async function findByProof(
  services: Pick<Services, 'config'>,
  db: Db,
  token: string,
): Promise<MeetingRow | null> {
  const named = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\./.exec(token)
  const meetingId = named?.slice(1).join('-')
  return meetingId && sameToken(token, linkOf(services, meetingId)) ? findMeeting(db, meetingId) : null
}
