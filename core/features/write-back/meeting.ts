import { sql } from 'kysely'
import type { LoggedMeeting } from '#connectors/sdk/crm.ts'
import type { Services } from '../../services.ts'
import { erasedEmail } from '../meetings/repository.ts'
import type { Subject, Write } from './run.ts'

export interface DescribedMeeting {
  state: 'held' | 'booked' | 'cancelled' | 'failed'
  guest: Subject
  logged: Omit<LoggedMeeting, 'key' | 'knownId' | 'mayExist' | 'ownerId'>
}

interface Row {
  state: DescribedMeeting['state']
  agentId: string
  name: string
  email: string
  title: string
  body: string
  note: string | null
  location: string | null
  startAt: Date
  endAt: Date
}

/** A meeting as it is logged in a CRM, and its guest as they booked; null when it is not there, or nobody may say whose it was. */
export async function describeMeeting({ db }: Services, id: string): Promise<DescribedMeeting | null> {
  const { rows } = await sql<Row>`
    select state, agent_id, name, email, title, body, note, coalesce(video_url, location) as location, start_at, end_at
    from meetings where id = ${id} and email <> ${erasedEmail}`.execute(db)
  const [row] = rows
  if (!row) return null
  const { state, agentId, name, email, title, body, note, location } = row
  return {
    state,
    guest: { email, given: { name, email }, corrections: {}, agentId },
    logged: {
      title,
      start: row.startAt,
      end: row.endAt,
      body: [body, note].filter((text) => text?.trim()).join('\n\n'),
      location,
      state: state === 'cancelled' ? 'cancelled' : 'booked',
    },
  }
}

/** One that was never booked is nothing to a CRM; one that was cancelled, only where it may be there. */
export const isLoggable = (
  meeting: DescribedMeeting | null,
  { vendorId, mayExist }: Pick<Write, 'vendorId' | 'mayExist'>,
): boolean =>
  meeting?.state === 'booked' || (meeting?.state === 'cancelled' && (vendorId !== null || mayExist))
