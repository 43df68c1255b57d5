import type { Crm, Logged, LoggedMeeting, PersonRef } from '../sdk/crm.ts'
import { type Entry, logEntry } from './log-entry.ts'

/** An event. Salesforce knows no cancelled ones: it stays, says so, and does not block anybody's time. */
export const logMeeting = (crm: Crm, ref: PersonRef, meeting: LoggedMeeting): Promise<Logged> =>
  logEntry(crm, ref, eventOf(meeting))

export function eventOf({
  key,
  knownId,
  mayExist,
  ownerId,
  title,
  start,
  end,
  body,
  location,
  state,
}: LoggedMeeting): Entry {
  const isCancelled = state === 'cancelled'
  return {
    type: 'Event',
    key,
    knownId,
    mayExist,
    ownerId,
    subject: isCancelled ? `Cancelled: ${title}` : title,
    values: {
      StartDateTime: start.toISOString(),
      EndDateTime: end.toISOString(),
      ShowAs: isCancelled ? 'Free' : 'Busy',
      Description: body.slice(0, 32_000),
      ...(location ? { Location: location.slice(0, 255) } : {}),
    },
  }
}
