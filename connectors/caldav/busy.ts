import type ICAL from 'ical.js'
import type { BusyAsked, BusyEvent, BusyTime } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import type { Page } from '../sdk/crm.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { blocks, endOf, eventsIn, instantOf } from './icalendar.ts'
import { objectsBetween } from './query.ts'

/** More times of one event than this within the stretch are no calendar any more. */
const mostTimes = 20_000
/** A local time and its instant are at most so far apart. */
const zoneReachMs = 26 * 3_600_000

export async function busy(
  connection: Connection,
  { calendarIds, ...asked }: BusyAsked,
): Promise<BusyTime[]> {
  const found: BusyTime[] = []
  for (const calendarId of calendarIds) {
    const except = asked.except?.calendarId === calendarId ? asked.except : undefined
    const { items } = await busyEvents(connection, calendarId, { ...asked, except })
    found.push(...items.map(({ start, end }) => ({ calendarId, start, end })))
  }
  return found
}

/** The server's own free/busy report tells no ids, and not every server has it. */
export async function busyEvents(
  connection: Connection,
  calendarId: string,
  { from, to, timeZone, except }: Omit<BusyAsked, 'calendarIds'>,
): Promise<Page<BusyEvent>> {
  const objects = await objectsBetween(connection, calendarId, from, to)
  const named = connection.account?.details?.addresses ?? ''
  const own = new Set([connection.credentials.clientId.toLowerCase(), ...named.split(' ')])
  const items = objects
    .flatMap(({ text }) => timesOf(text, from, to, timeZone, own))
    .filter(({ id, start, end }) => id !== except?.id && start < to && end > from && start < end)
  return { items, cursor: null }
}

/** Every time of an object's events that blocks. */
function timesOf(
  text: string,
  from: Date,
  to: Date,
  timeZone: string,
  own: ReadonlySet<string>,
): BusyEvent[] {
  const events = eventsIn(text)
  const main = events.find((event) => !event.isRecurrenceException())
  const alone = (event: ICAL.Event) =>
    blocks(event, own)
      ? [{ id: event.uid, start: instantOf(event.startDate, timeZone), end: endOf(event, timeZone) }]
      : []
  if (!main?.isRecurring()) return events.flatMap(alone)
  for (const event of events) if (event !== main) main.relateException(event)
  return repeated(main, from, to, timeZone, own)
}

function repeated(
  main: ICAL.Event,
  from: Date,
  to: Date,
  timeZone: string,
  own: ReadonlySet<string>,
): BusyEvent[] {
  const found: BusyEvent[] = []
  const iterator = main.iterator()
  let seen = 0
  for (let next = iterator.next(); next; next = iterator.next()) {
    seen += 1
    if (seen > mostTimes)
      throw new ProviderAnswerError('The calendar holds an event that repeats without end.')
    const { item, startDate, endDate } = main.getOccurrenceDetails(next)
    const [start, end] = [instantOf(startDate, timeZone), instantOf(endDate, timeZone)]
    // ascending, but for single times that were moved
    if (instantOf(next, timeZone).getTime() - zoneReachMs > to.getTime()) break
    if (end > from && start < to && blocks(item, own)) found.push({ id: main.uid, start, end })
  }
  return found
}
