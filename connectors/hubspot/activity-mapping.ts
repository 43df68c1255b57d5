import type { Connection } from '../sdk/contract.ts'
import type { CrmActivity } from '../sdk/crm.ts'
import type { HubSpotRecord } from './client.ts'
import { plainText } from './html.ts'
import { recordUrl } from './links.ts'
import { keyOf, withoutMarker } from './marker.ts'
import type { EngagementType } from './object-types.ts'

export const activityProperties: Record<EngagementType, string[]> = {
  emails: ['hs_timestamp', 'hs_email_subject', 'hs_email_text', 'hs_email_html', 'hs_email_message_id'],
  calls: ['hs_timestamp', 'hs_call_title', 'hs_call_body'],
  meetings: ['hs_timestamp', 'hs_meeting_title', 'hs_meeting_body', 'hs_meeting_start_time'],
  notes: ['hs_timestamp', 'hs_note_body'],
  tasks: ['hs_timestamp', 'hs_task_subject', 'hs_task_body'],
}

type Properties = Record<string, string | null>

/** Where each type keeps what is shown. */
const shownFrom: Record<EngagementType, (of: Properties) => { title?: string | null; body?: string | null }> =
  {
    emails: (of) => ({ title: of.hs_email_subject, body: of.hs_email_text ?? of.hs_email_html }),
    calls: (of) => ({ title: of.hs_call_title, body: of.hs_call_body }),
    meetings: (of) => ({ title: of.hs_meeting_title, body: of.hs_meeting_body }),
    notes: (of) => ({ body: of.hs_note_body }),
    tasks: (of) => ({ title: of.hs_task_subject, body: of.hs_task_body }),
  }

const kinds = { emails: 'email', calls: 'call', meetings: 'meeting', notes: 'note', tasks: 'task' } as const

export const activityIdOf = (type: EngagementType, id: string): string => `${kinds[type]}-${id}`

/** Null: an activity of another kind. */
export const engagementIdIn = (type: EngagementType, activityId: string): string | null => {
  const [kind, id = ''] = activityId.split('-', 2)
  return kind === kinds[type] ? id : null
}

/** What `happenedAt` looks at. */
export const timeProperties = (type: EngagementType): string[] =>
  type === 'meetings' ? ['hs_timestamp', 'hs_meeting_start_time'] : ['hs_timestamp']

/** Null: HubSpot gives it no time, so it is in no history. */
export const happenedAt = (type: EngagementType, properties: Properties): Date | null =>
  instantOf((type === 'meetings' && properties.hs_meeting_start_time) || properties.hs_timestamp)

/** Null: it is in no history. */
export function engagementActivity(
  type: EngagementType,
  { id, properties }: HubSpotRecord,
  contactId: string,
  connection: Pick<Connection, 'account'>,
): CrmActivity | null {
  const at = happenedAt(type, properties)
  if (!at) return null
  const { title, body } = shownFrom[type](properties)
  // text of an e-mail is text; everything else is HTML
  const isText =
    type === 'emails' && properties.hs_email_text !== null && properties.hs_email_text !== undefined
  const detail = body ? withoutMarker(isText ? shortened(body.trim()) : plainText(body)) : ''
  const messageId = properties.hs_email_message_id?.trim().toLowerCase()
  return {
    id: activityIdOf(type, id),
    sameAs: messageId ? [`message-id:${messageId}`] : [],
    kind: kinds[type],
    at,
    isAllDay: false,
    title: title?.trim() || null,
    detail: detail || null,
    url: `${recordUrl(connection, 'contacts', contactId)}/?engagement=${id}`,
    foyerKey: type === 'notes' || type === 'meetings' ? keyOf(body) : null,
  }
}

/** Forms and marketing mails are kept with the contact, the first and the last of each.
 *  https://developers.hubspot.com/docs/api-reference/crm-properties-v3/default-properties/default-contact-properties */
export const contactActivityProperties = [
  'recent_conversion_date',
  'recent_conversion_event_name',
  'first_conversion_date',
  'first_conversion_event_name',
  'hs_email_last_send_date',
  'hs_email_last_email_name',
]

export function contactActivities(
  contact: HubSpotRecord,
  connection: Pick<Connection, 'account'>,
): CrmActivity[] {
  const { id, properties } = contact
  const url = recordUrl(connection, 'contacts', id)
  const one = (kind: 'form' | 'campaign', when: string, title: string): CrmActivity[] => {
    const at = instantOf(properties[when])
    if (!at) return []
    return [
      {
        id: `${kind}-${id}-${at.getTime()}`,
        sameAs: [],
        kind,
        at,
        isAllDay: false,
        title: properties[title]?.trim() || null,
        detail: null,
        url,
        foyerKey: null,
      },
    ]
  }
  return [
    ...one('form', 'recent_conversion_date', 'recent_conversion_event_name'),
    ...one('form', 'first_conversion_date', 'first_conversion_event_name'),
    ...one('campaign', 'hs_email_last_send_date', 'hs_email_last_email_name'),
  ]
}

/** ISO 8601, or milliseconds since 1970. */
function instantOf(value: string | null | undefined): Date | null {
  if (!value) return null
  const at = new Date(/^\d+$/.test(value) ? Number(value) : value)
  return Number.isNaN(at.getTime()) ? null : at
}

const shortened = (text: string) => (text.length > 2_000 ? `${text.slice(0, 1_999)}…` : text)
