import { createHash } from 'node:crypto'
import ical, { ICalCalendarMethod, ICalEventStatus } from 'ical-generator'
import type { Change, Services } from '../../services.ts'
import { canMail } from '../conversations/letters.ts'
import { greetingOf } from '../mail/greeting.ts'
import { queueMail } from '../mail/mail.ts'
import { background } from './background.ts'
import { addLink } from './links.ts'
import type { MeetingRow } from './repository.ts'
import { timeInWords } from './words.ts'

/** What happened, and so what is to be said. */
export type News = 'booked' | 'moved' | 'cancelled' | 'failed' | 'move_failed' | 'reminder' | 'clocks_changed'

interface Telling {
  /** `by_provider`: it tells them itself. `perhaps`: it has invited them, and whoever changed the event in the calendar chose whether
   *  they hear of it, or it cannot be reached; better twice than never, but without an .ics file, which would be a second event in their calendar. */
  guestIsTold: 'by_foyer' | 'perhaps' | 'by_provider'
  /** The meeting stands in a calendar of the agent's own, which shows it without an .ics file. */
  hostHasEvent: boolean
}

/** Mails to both, in the transaction that made it so. Each is the same mail however often it is queued. */
export async function tellBoth(
  services: Services,
  change: Change,
  meeting: MeetingRow,
  news: News,
  { guestIsTold, hostHasEvent }: Telling,
): Promise<void> {
  if (!canMail(services)) return
  if (guestIsTold !== 'by_provider' || !withIcs(news))
    await tellGuest(services, change, meeting, news, guestIsTold === 'by_foyer')
  if (news !== 'reminder') await tellHost(services, change, meeting, news, hostHasEvent)
  change.after(services.wakeJobs)
}

/** Clocks are set by other rules than when they were told. @param meeting as they were told */
export async function tellOfClocks(
  services: Services,
  change: Change,
  meeting: MeetingRow,
  whose: { guest: boolean; host: boolean },
): Promise<void> {
  if (!canMail(services)) return
  if (whose.guest) await tellGuest(services, change, meeting, 'clocks_changed', false)
  if (whose.host) await tellHost(services, change, meeting, 'clocks_changed', true)
  change.after(services.wakeJobs)
}

const wasCalled = (wallTime: string) => `Before that, it was to be at ${wallTime.replace('T', ' ')} there.`

const withIcs = (news: News) => news === 'booked' || news === 'moved' || news === 'cancelled'

async function tellGuest(
  services: Services,
  { tx, now }: Change,
  meeting: MeetingRow,
  news: News,
  isInvitedByFoyer: boolean,
): Promise<void> {
  const { organisation } = meeting
  const when = timeInWords(meeting.startAt, meeting.endAt, meeting.timeZone)
  const link =
    news === 'cancelled' || news === 'failed' ? null : await guestLink(services, tx, now, meeting.id)
  const subject = guestSubjects[news](meeting.agentName, organisation)
  const paragraphs = [
    greetingOf(meeting.name),
    guestSentences[news](meeting.agentName, when),
    ...(news === 'clocks_changed' ? [wasCalled(meeting.wallTime)] : []),
    ...(isInDoubt(meeting, news) ? [doubt] : []),
    ...(isLeft(meeting, news) ? [leftWithGuest(meeting)] : []),
    ...(withIcs(news) || news === 'reminder' ? [places(meeting)] : []),
    ...(meeting.body && news !== 'cancelled' && news !== 'failed' ? [meeting.body] : []),
    ...(link ? [`Move or cancel it here (the link is yours alone):\n${link}`] : []),
    organisation,
  ].filter((paragraph) => paragraph !== '')
  await queueMail(tx, services.clock, {
    id: mailId(meeting, news, 'guest'),
    to: { address: meeting.email, name: meeting.name },
    replyTo: meeting.agentEmail,
    subject,
    text: `${paragraphs.join('\n\n')}\n`,
    ...(withIcs(news) && isInvitedByFoyer ? { invitation: invitationOf(meeting, news, now, link) } : {}),
  })
}

const isInDoubt = ({ eventDue }: MeetingRow, news: News) => news === 'move_failed' && eventDue === 'look'
const doubt =
  'The calendar does not answer: should it turn out that it has the meeting at the new time, that holds, and you are told.'

/** Its event stands in a calendar that was disconnected. */
const isLeft = ({ leftAt }: MeetingRow, news: News): boolean =>
  leftAt !== null && (news === 'moved' || news === 'cancelled')
const leftInWords = ({ leftAt, startAt, endAt }: MeetingRow, timeZone: string) => {
  const start = leftAt ?? startAt
  return timeInWords(start, new Date(start.getTime() + endAt.getTime() - startAt.getTime()), timeZone)
}
const leftWithHost = (meeting: MeetingRow) =>
  `Your calendar that it was entered in is not connected to Foyer any more, and still has it. Delete it there by hand:\n${leftInWords(meeting, meeting.agentTimeZone)}`
const leftWithGuest = (meeting: MeetingRow) =>
  `If your own calendar still has it at the time it was booked for, delete that entry: it does not go away by itself:\n${leftInWords(meeting, meeting.timeZone)}`

async function tellHost(
  services: Services,
  { tx, now }: Change,
  meeting: MeetingRow,
  news: Exclude<News, 'reminder'>,
  hostHasEvent: boolean,
): Promise<void> {
  const when = timeInWords(meeting.startAt, meeting.endAt, meeting.agentTimeZone)
  const paragraphs = [
    `Hello ${meeting.agentName},`,
    hostSentences[news](meeting, when),
    ...(news === 'clocks_changed' ? [wasCalled(meeting.agentWallTime)] : []),
    ...(isInDoubt(meeting, news) ? [doubt] : []),
    ...(isLeft(meeting, news) ? [leftWithHost(meeting)] : []),
    ...(withIcs(news) ? [places(meeting)] : []),
    ...(meeting.note && news === 'booked' ? [`Their note:\n${meeting.note}`] : []),
    ...(news === 'booked' ? await background(tx, meeting) : []),
    meeting.organisation,
  ].filter((paragraph) => paragraph !== '')
  await queueMail(tx, services.clock, {
    id: mailId(meeting, news, 'host'),
    to: { address: meeting.agentEmail, name: meeting.agentName },
    replyTo: meeting.email,
    subject: hostSubjects[news](meeting.name),
    text: `${paragraphs.join('\n\n')}\n`,
    ...(withIcs(news) && !hostHasEvent ? { invitation: invitationOf(meeting, news, now, null) } : {}),
  })
}

const places = ({ location, videoUrl }: MeetingRow) =>
  [...(location ? [`Where: ${location}`] : []), ...(videoUrl ? [`Video: ${videoUrl}`] : [])].join('\n')

/** Null when nobody knows Foyer's own address. */
async function guestLink(
  services: Services,
  tx: Change['tx'],
  now: Date,
  meetingId: string,
): Promise<string | null> {
  const { publicUrl } = services.config
  return publicUrl === null ? null : `${publicUrl}/meeting/${await addLink(tx, now, meetingId)}`
}

/** What the event in the agent's calendar says, and what a provider that invites guests passes on. */
export async function describeEvent(services: Services, meeting: MeetingRow): Promise<string> {
  const link = await services.db
    .transaction()
    .execute((tx) => guestLink(services, tx, services.clock.now(), meeting.id))
  return [
    meeting.body,
    meeting.note ? `${meeting.name}: ${meeting.note}` : '',
    link ? `To move or cancel it: ${link}` : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** RFC 5545 and 5546. */
function invitationOf(meeting: MeetingRow, news: News, now: Date, link: string | null) {
  const isOver = news === 'cancelled'
  const method = isOver ? 'CANCEL' : 'REQUEST'
  return { method, content: eventFile(meeting, now, { method, link }) } as const
}

/** As a file for any calendar. @param method null for "Add to calendar" */
export function eventFile(
  meeting: MeetingRow,
  now: Date,
  { method, link }: { method: 'REQUEST' | 'CANCEL' | null; link: string | null },
): string {
  const calendar = ical({ prodId: { company: 'Foyer', product: 'Foyer' } })
  if (method) calendar.method(ICalCalendarMethod[method])
  const event = calendar.createEvent({
    id: meeting.invitationUid ?? `${meeting.id}@foyer`,
    sequence: meeting.sequence,
    stamp: now,
    start: meeting.startAt,
    end: meeting.endAt,
    summary: meeting.title,
    description: [meeting.body, meeting.videoUrl, link ? `To move or cancel it: ${link}` : null]
      .filter(Boolean)
      .join('\n\n'),
    location: meeting.location ?? meeting.videoUrl,
    status: meeting.state === 'cancelled' ? ICalEventStatus.CANCELLED : ICalEventStatus.CONFIRMED,
    organizer: { name: meeting.agentName, email: meeting.agentEmail },
  })
  if (meeting.videoUrl) event.url(meeting.videoUrl)
  event.createAttendee({ name: meeting.name, email: meeting.email, rsvp: true })
  return calendar.toString()
}

/** A UUID made of what the mail is about, so that a second telling is no second mail. */
function mailId({ id, sequence, startAt, ...told }: MeetingRow, news: News, to: 'guest' | 'host'): string {
  const about =
    news === 'reminder'
      ? startAt.toISOString()
      : news === 'clocks_changed'
        ? `${sequence} ${to === 'guest' ? told.wallTime : told.agentWallTime}`
        : String(sequence)
  const hash = createHash('sha256').update(`${id} ${news} ${about} ${to}`).digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

const guestSubjects: Record<News, (agent: string, organisation: string) => string> = {
  booked: (agent, organisation) => `Your meeting with ${agent}, ${organisation}`,
  moved: (agent) => `Your meeting with ${agent} has moved`,
  cancelled: (agent) => `Your meeting with ${agent} is cancelled`,
  failed: (agent) => `Your meeting with ${agent} could not be booked`,
  move_failed: (agent) => `Your meeting with ${agent} could not be moved`,
  reminder: (agent) => `Your meeting with ${agent} is soon`,
  clocks_changed: (agent) => `Your meeting with ${agent}: your clock shows another time`,
}

const guestSentences: Record<News, (agent: string, when: string) => string> = {
  booked: (agent, when) => `You meet ${agent}:\n${when}`,
  moved: (agent, when) => `You meet ${agent} at another time now:\n${when}`,
  cancelled: (agent, when) => `Your meeting with ${agent} does not take place:\n${when}`,
  failed: (agent, when) =>
    `We could not enter your meeting with ${agent} into the calendar, so it is not booked:\n${when}\n\nWe are sorry. Please choose another time.`,
  move_failed: (agent, when) => `We could not move your meeting with ${agent}. It stays as it was:\n${when}`,
  reminder: (agent, when) => `You meet ${agent} soon:\n${when}`,
  clocks_changed: (agent, when) =>
    `Clocks where you are will be set by other rules than when you booked. You meet ${agent} at the same moment, which they call now:\n${when}`,
}

const hostSubjects: Record<Exclude<News, 'reminder'>, (guest: string) => string> = {
  booked: (guest) => `${guest} has booked a meeting with you`,
  moved: (guest) => `Your meeting with ${guest} has moved`,
  cancelled: (guest) => `Your meeting with ${guest} is cancelled`,
  failed: (guest) => `The meeting with ${guest} could not be booked`,
  move_failed: (guest) => `The meeting with ${guest} could not be moved`,
  clocks_changed: (guest) => `Your meeting with ${guest}: your clock shows another time`,
}

const hostSentences: Record<Exclude<News, 'reminder'>, (meeting: MeetingRow, when: string) => string> = {
  booked: (one, when) => `${one.name} (${one.email}) meets you:\n${when}`,
  moved: (one, when) => `Your meeting with ${one.name} (${one.email}) is at another time now:\n${when}`,
  cancelled: (one, when) =>
    `${one.cancelledBy === 'visitor' ? `${one.name} has cancelled your meeting` : `Your meeting with ${one.name} (${one.email}) is cancelled`}:\n${when}`,
  failed: (one, when) =>
    `${one.name} (${one.email}) wanted to meet you:\n${when}\n\nIt could not be entered into your calendar and is not booked. ${one.failedBecause ?? ''} ${one.name} has been told.`,
  move_failed: (one, when) =>
    `Your meeting with ${one.name} (${one.email}) could not be moved and stays as it was:\n${when}\n\n${one.lastProblem ?? ''}`,
  clocks_changed: (one, when) =>
    `Clocks where you are will be set by other rules than when ${one.name} (${one.email}) booked. You meet at the same moment, which they call now:\n${when}`,
}
