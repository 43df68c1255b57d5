import { setImmediate } from 'node:timers/promises'
import type ICAL from 'ical.js'
import type { BusyAsked, BusyEvent, BusyTime } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import type { Page } from '../sdk/crm.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { blocks, endOf, eventsIn, instantOf } from './icalendar.ts'
import { objectsBetween } from './query.ts'

/** More times of one event than this within the stretch are no calendar any more. */
const mostTimes = 20_000
/** Of all events of a calendar together: a hundred of each day for fourteen years. */
const mostTimesInAll = 500_000
/** Others want answers meanwhile. */
const longestTurnMs = 4
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
  const tally = { times: 0 }
  const found: BusyEvent[] = []
  let turnBegan = performance.now()
  for (const { text } of objects) {
    found.push(...timesOf(text, { from, to, timeZone, own, tally }))
    if (performance.now() - turnBegan < longestTurnMs) continue
    await setImmediate()
    turnBegan = performance.now()
  }
  const items = found.filter(
    ({ id, start, end }) => id !== except?.id && start < to && end > from && start < end,
  )
  return { items, cursor: null }
}

interface Wanted {
  from: Date
  to: Date
  /** Of whole days, and of times that name no zone. */
  timeZone: string
  /** The agent's addresses. */
  own: ReadonlySet<string>
  /** How many times the calendar's events had so far. */
  tally: { times: number }
}

/** Every time of an object's events that blocks. @throws {ProviderAnswerError} */
export function timesOf(text: string, wanted: Wanted): BusyEvent[] {
  const { timeZone, own } = wanted
  const events = eventsIn(text)
  const main = events.find((event) => !event.isRecurrenceException())
  const alone = (event: ICAL.Event) =>
    blocks(event, own)
      ? [{ id: event.uid, start: instantOf(event.startDate, timeZone), end: endOf(event, timeZone) }]
      : []
  if (!main?.isRecurring()) return events.flatMap(alone)
  for (const event of events) if (event !== main) main.relateException(event)
  return repeated(main, wanted)
}

function repeated(main: ICAL.Event, { from, to, timeZone, own, tally }: Wanted): BusyEvent[] {
  const found: BusyEvent[] = []
  const iterator = main.iterator()
  let seen = 0
  for (let next = iterator.next(); next; next = iterator.next()) {
    seen += 1
    tally.times += 1
    if (seen > mostTimes || tally.times > mostTimesInAll)
      throw new ProviderAnswerError('The calendar holds an event that repeats without end.')
    const { item, startDate, endDate } = main.getOccurrenceDetails(next)
    const [start, end] = [instantOf(startDate, timeZone), instantOf(endDate, timeZone)]
    // ascending, but for single times that were moved
    if (instantOf(next, timeZone).getTime() - zoneReachMs > to.getTime()) break
    if (end > from && start < to && blocks(item, own)) found.push({ id: main.uid, start, end })
  }
  return found
}
