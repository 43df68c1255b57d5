import ICAL from 'ical.js'
import type { CalendarEvent, GuestResponse, NewEvent } from '../sdk/calendar.ts'
import { knownZone, startOfDay } from '../sdk/days.ts'
import { ConnectorError, ProviderAnswerError } from '../sdk/errors.ts'
import { beginObject } from './bounded-rules.ts'

/** RFC 5545, by ical.js. Zones are those of the runtime wherever it knows the name; what a file says of a zone counts only else. */
export const parse = (text: string): ICAL.Component => {
  beginObject()
  return readable(() => new ICAL.Component(ICAL.parse(text)))
}

/** What is no date, or is missing, ical.js and Temporal find out only where it is used. @throws {ProviderAnswerError} */
export function readable<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof ConnectorError) throw error
    // not the cause: it may quote the event
    throw new ProviderAnswerError('The calendar holds an event that is not readable.')
  }
}

/** Of an object: what stands for single times of its event, and zones. And of an event: lines, of which whoever is invited is one. For each time
 *  all of them are gone through. */
const mostParts = 5_000

export function eventsIn(text: string): ICAL.Event[] {
  const calendar = parse(text)
  const components = calendar.getAllSubcomponents('vevent')
  // jCal's own lists, RFC 7265 3.3: of properties, and of components
  if (calendar.jCal[2].length > mostParts || components.some(({ jCal }) => jCal[1].length > mostParts))
    throw new ProviderAnswerError('The calendar holds an event that is too long.')
  // without its own look for them, which each makes among all
  return components.map((component) => new ICAL.Event(component, { exceptions: [] }))
}

/** The one that stands for all times, if it repeats. */
export function mainEvent(text: string): ICAL.Event | null {
  const events = eventsIn(text)
  return events.find((event) => !event.isRecurrenceException()) ?? events[0] ?? null
}

/** @param timeZone of whole days, and of times that name no zone */
export function instantOf(time: ICAL.Time, timeZone: string): Date {
  if (time.isDate) return startOfDay(dateOf(time), timeZone)
  const named = time.zone?.tzid
  if (named === 'floating') return instantIn(time, zoneNamedBy(time) ?? timeZone)
  if (named === 'UTC' || named === 'Z') return time.toJSDate()
  const zone = knownZone(named)
  // a name of the file's own, with its own rules
  if (zone === null && named !== undefined) return time.toJSDate()
  return instantIn(time, zone ?? timeZone)
}

/** The file names it, and does not bring its rules along, as RFC 7809 lets it. Times that ical.js makes of this one have lost it. */
export const zoneNamedBy = (time: ICAL.Time): string | null =>
  knownZone((time as { timezone?: string | null }).timezone)

function instantIn(time: ICAL.Time, timeZone: string): Date {
  const { year, month, day, hour, minute, second } = time
  const wall = Temporal.PlainDateTime.from({ year, month, day, hour, minute, second: Math.min(second, 59) })
  return new Date(wall.toZonedDateTime(timeZone).epochMilliseconds)
}

const dateOf = ({ year, month, day }: ICAL.Time) => Temporal.PlainDate.from({ year, month, day }).toString()

/** The end is not in it; without one it is a day, or no time at all. */
export const endOf = (event: ICAL.Event, timeZone: string): Date =>
  instantOf(event.endDate, zoneNamedBy(event.startDate) ?? timeZone)

/** Opaque, not cancelled, and not declined by the one whose calendar it is. */
export function blocks(event: ICAL.Event, own: ReadonlySet<string>): boolean {
  const { component } = event
  if (component.getFirstPropertyValue('status') === 'CANCELLED') return false
  if (component.getFirstPropertyValue('transp') === 'TRANSPARENT') return false
  const self = event.attendees.find((one) => own.has(addressIn(one)))
  return self === undefined || responseOf(self) !== 'declined'
}

const responses: Record<string, GuestResponse> = {
  'NEEDS-ACTION': 'needs_action',
  ACCEPTED: 'accepted',
  DECLINED: 'declined',
  TENTATIVE: 'tentative',
}

const responseOf = (attendee: ICAL.Property): GuestResponse =>
  responses[String(attendee.getParameter('partstat') ?? '')] ?? 'needs_action'

const addressIn = (property: ICAL.Property) =>
  String(property.getFirstValue() ?? '')
    .replace(/^mailto:/i, '')
    .toLowerCase()

/** Of Foyer's own events the agent is the host. */
export const eventOf = (text: string, etag: string | null, timeZone: string): CalendarEvent | null =>
  readable(() => readEvent(text, etag, timeZone))

function readEvent(text: string, etag: string | null, timeZone: string): CalendarEvent | null {
  const event = mainEvent(text)
  if (!event) return null
  const organizer = event.component.getFirstProperty('organizer')
  const host = organizer && addressIn(organizer)
  const attendees = event.attendees.map((one) => ({ email: addressIn(one), response: responseOf(one) }))
  const isRoom = new Set(
    event.attendees.flatMap((one) =>
      /^(room|resource)$/i.test(String(one.getParameter('cutype') ?? '')) ? [addressIn(one)] : [],
    ),
  )
  return {
    id: event.uid,
    uid: event.uid,
    etag,
    state: event.component.getFirstPropertyValue('status') === 'CANCELLED' ? 'cancelled' : 'confirmed',
    start: instantOf(event.startDate, timeZone),
    end: endOf(event, timeZone),
    guests: attendees.filter(({ email }) => email !== host && !isRoom.has(email)),
    hostResponse: attendees.find(({ email }) => email === host)?.response ?? null,
    video: { state: 'none', url: null },
    url: null,
  }
}

/** A new event as a file. Text is escaped by ical.js; times are instants in UTC, which no two copies of zone rules read differently. */
export function fileOf(event: NewEvent, now: Date): string {
  const calendar = new ICAL.Component(['vcalendar', [], []])
  calendar.updatePropertyWithValue('version', '2.0')
  calendar.updatePropertyWithValue('prodid', '-//Foyer//Meetings//EN')
  const component = new ICAL.Component('vevent')
  component.updatePropertyWithValue('uid', event.id)
  write(component, event, now)
  component.updatePropertyWithValue('sequence', 0)
  const organizer = component.addPropertyWithValue('organizer', `mailto:${event.host.email}`)
  organizer.setParameter('cn', asParameter(event.host.name))
  const attendee = component.addPropertyWithValue('attendee', `mailto:${event.guest.email}`)
  attendee.setParameter('cn', asParameter(event.guest.name))
  attendee.setParameter('partstat', 'NEEDS-ACTION')
  attendee.setParameter('rsvp', 'TRUE')
  // RFC 6638 7.1: Foyer invites, so the server does not
  for (const property of [organizer, attendee]) property.setParameter('schedule-agent', 'CLIENT')
  calendar.addSubcomponent(component)
  return calendar.toString()
}

export function write(
  component: ICAL.Component,
  {
    title,
    body,
    location,
    start,
    end,
  }: Partial<Pick<NewEvent, 'title' | 'body' | 'location' | 'start' | 'end'>>,
  now: Date,
): void {
  component.updatePropertyWithValue('dtstamp', timeOf(now))
  if (title !== undefined) component.updatePropertyWithValue('summary', withoutControls(title))
  if (body !== undefined) component.updatePropertyWithValue('description', withoutControls(body))
  if (location !== undefined) component.removeAllProperties('location')
  if (location) component.updatePropertyWithValue('location', withoutControls(location))
  if (start) component.updatePropertyWithValue('dtstart', timeOf(start))
  if (end) {
    component.removeAllProperties('duration')
    component.updatePropertyWithValue('dtend', timeOf(end))
  }
}

const timeOf = (instant: Date) => ICAL.Time.fromJSDate(instant, true)

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these stand in no text of RFC 5545
const controls = /[\u0000-\u0008\u000b-\u001f\u007f]/g
const withoutControls = (text: string) =>
  text.replaceAll('\r\n', '\n').replaceAll('\r', '\n').replace(controls, '')
/** RFC 5545 3.2: quoted, and no quote can stand in it. */
const asParameter = (text: string) => withoutControls(text).replaceAll('"', '’').replaceAll('\n', ' ')

/** `VCALENDAR` with the calendar's zone: RFC 4791 5.2.2. */
export function zoneOfCalendarText(text: string): string | null {
  return /^TZID:(.*)$/m.exec(text)?.[1]?.trim() || null
}
