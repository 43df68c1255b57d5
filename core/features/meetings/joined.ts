import { sql } from 'kysely'
import type { Change } from '../../services.ts'
import { forAgent, readMeetings } from './repository.ts'
import { tellMeeting } from './telling.ts'

/** Two visitors turn out to be one: what `from` may book by and has booked becomes `to`'s, theirs to move and cancel. The caller
 *  has the lock of `from`'s bookings. */
export async function moveMeetings(change: Change, from: string, to: string): Promise<void> {
  const { tx, now } = change
  await sql`update calendar_shares set visitor_id = ${to} where visitor_id = ${from}`.execute(tx)
  const { rows } = await sql<{ id: string }>`
    update meetings set visitor_id = ${to} where visitor_id = ${from} returning id`.execute(tx)
  const ids = rows.map(({ id }) => id)
  const ahead = await readMeetings(tx, sql`m.id = any (${ids}::uuid[]) and m.end_at > ${now}`)
  for (const meeting of ahead) tellMeeting(change, forAgent(meeting))
}
