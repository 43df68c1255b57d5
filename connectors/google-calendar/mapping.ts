import type { CalendarEvent, GuestResponse } from '../sdk/calendar.ts'
import { knownZone, startOfDay } from '../sdk/days.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import type { Event, When } from './answers.ts'

/** What marks an event as Foyer's own, in its private properties. */
export const ownMark = 'foyerMeeting'

/** A date is a day of the calendar's zone; its end is the first day that is not in it. */
export const instantOf = (when: When, timeZone: string): Date =>
  'dateTime' in when ? new Date(when.dateTime) : startOfDay(when.date, knownZone(timeZone) ?? 'UTC')

/** Null: an entry that tells too little, as cancelled ones may. */
export function eventOf(event: Event, timeZone: string): CalendarEvent | null {
  if (!event.start || !event.end) return null
  return {
    id: event.id,
    etag: event.etag ?? null,
    state: event.status === 'cancelled' ? 'cancelled' : 'confirmed',
    start: instantOf(event.start, timeZone),
    end: instantOf(event.end, timeZone),
    guests: (event.attendees ?? []).flatMap((one) => {
      const response = responseOf(one)
      return one.email && response && !one.self && !one.organizer && !one.resource
        ? [{ email: one.email, response }]
        : []
    }),
    hostResponse: responseOf(event.attendees?.find((one) => one.self)),
    video: videoOf(event),
    url: webAddress(event.htmlLink),
  }
}

/** @throws {ProviderAnswerError} */
export function wholeEventOf(event: Event, timeZone: string): CalendarEvent {
  const whole = eventOf(event, timeZone)
  if (!whole) throw new ProviderAnswerError('Google’s answer has an event without a time.')
  return whole
}

const responses: Record<string, GuestResponse> = {
  needsAction: 'needs_action',
  accepted: 'accepted',
  declined: 'declined',
  tentative: 'tentative',
}

const responseOf = (attendee: { responseStatus?: string } | undefined): GuestResponse | null =>
  attendee ? (responses[attendee.responseStatus ?? ''] ?? 'needs_action') : null

function videoOf({ conferenceData, hangoutLink }: Event): CalendarEvent['video'] {
  const entry = conferenceData?.entryPoints?.find(({ entryPointType }) => entryPointType === 'video')
  const url = webAddress(entry?.uri ?? hangoutLink)
  if (url !== null) return { state: 'ready', url }
  const status = conferenceData?.createRequest?.status?.statusCode
  if (status === 'pending') return { state: 'pending', url: null }
  return { state: status === 'failure' ? 'failed' : 'none', url: null }
}

/** Whatever else it is, it is not shown as a link. */
const webAddress = (text: string | undefined): string | null =>
  text !== undefined && URL.parse(text)?.protocol === 'https:' ? text : null

/** Opaque, not cancelled, and not declined by the one whose calendar it is. */
export const blocks = (event: Event): boolean =>
  event.status !== 'cancelled' &&
  event.transparency !== 'transparent' &&
  event.attendees?.find((one) => one.self)?.responseStatus !== 'declined'

/** Google shows descriptions as HTML; what a visitor typed stays text. */
export const asDescription = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
