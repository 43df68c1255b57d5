import type { Crm, Logged, LoggedMeeting, PersonRef } from '../sdk/crm.ts'
import { escapedWithin } from './html.ts'
import { logOnce } from './logged.ts'
import { markerHtml } from './marker.ts'

const bodyLimit = 65_536

/** The same meeting again is moved or cancelled: it stays one record, with another time or outcome. */
export const logMeeting = (crm: Crm, ref: PersonRef, meeting: LoggedMeeting): Promise<Logged> =>
  logOnce(crm, ref, 'meetings', meeting, meetingProperties(meeting))

/** https://developers.hubspot.com/docs/api-reference/crm-meetings-v3/guide */
export function meetingProperties(meeting: LoggedMeeting): Record<string, string> {
  const { key, title, body, start, end, location, state, ownerId } = meeting
  const foot = markerHtml(key)
  const { html } = escapedWithin(body, bodyLimit - foot.length - '<p></p>'.length)
  return {
    hs_meeting_title: title,
    hs_meeting_body: `<p>${html}</p>${foot}`,
    hs_timestamp: start.toISOString(),
    hs_meeting_start_time: start.toISOString(),
    hs_meeting_end_time: end.toISOString(),
    hs_meeting_outcome: outcomes[state],
    ...(location === null
      ? {}
      : { [isLink(location) ? 'hs_meeting_external_url' : 'hs_meeting_location']: location }),
    ...(ownerId === null ? {} : { hubspot_owner_id: ownerId }),
  }
}

/** A meeting that was moved is still to come. HubSpot’s "Rescheduled" is for one that another took the place of. */
const outcomes = { booked: 'SCHEDULED', cancelled: 'CANCELED' } as const

const isLink = (location: string) => URL.canParse(location) && /^https?:$/.test(new URL(location).protocol)
