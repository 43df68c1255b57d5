import { setImmediate } from 'node:timers/promises'
import type ICAL from 'ical.js'
import type { BusyAsked, BusyEvent, BusyTime } from '../sdk/calendar.ts'
import type { Connection } from '../sdk/contract.ts'
import type { Page } from '../sdk/crm.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { workDone } from './bounded-rules.ts'
import { namingFirstDay } from './first-day.ts'
import { blocks, endOf, eventsIn, instantOf, readable } from './icalendar.ts'
import { zoneFor } from './own-zone.ts'
import { objectsBetween } from './query.ts'
import { timesOfSeries, type Wanted, zoneReachMs } from './series.ts'

/** Of all events of a calendar together: as for one of each hour for twenty years. */
const mostWorkInAll = 10_000_000
/** Others want answers meanwhile. */
const longestTurnMs = 4

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
  { from, to, timeZone: otherwise, except }: Omit<BusyAsked, 'calendarIds'>,
): Promise<Page<BusyEvent>> {
  // of whole days, and of times that name no zone, the server thinks in a zone of its own: RFC 4791 7.3, 9.9
  const [first, last] = [new Date(from.getTime() - zoneReachMs), new Date(to.getTime() + zoneReachMs)]
  const objects = await objectsBetween(connection, calendarId, first, last)
  const texts = objects.map(({ text }) => text)
  const timeZone = await zoneFor(connection, calendarId, texts, otherwise)
  const named = connection.account?.details?.addresses ?? ''
  const own = new Set([connection.credentials.clientId.toLowerCase(), ...named.split(' ')])
  const tally = { times: 0 }
  const found: BusyEvent[] = []
  let worked = 0
  let turnBegan = performance.now()
  for (const text of texts) {
    const times = namingFirstDay(text, () => timesOf(text, { from, to, timeZone, own, tally }))
    found.push(...times)
    worked += workDone()
    if (worked > mostWorkInAll)
      throw new ProviderAnswerError('The calendar holds too many events that repeat.')
    if (performance.now() - turnBegan < longestTurnMs) continue
    await setImmediate()
    turnBegan = performance.now()
  }
  const items = found.filter(
    ({ id, start, end }) => id !== except?.id && start < to && end > from && start < end,
  )
  return { items, cursor: null }
}

/** Every time of an object's events that blocks. @throws {ProviderAnswerError} */
export const timesOf = (text: string, wanted: Wanted): BusyEvent[] =>
  readable(() => blockingTimes(text, wanted))

function blockingTimes(text: string, wanted: Wanted): BusyEvent[] {
  const { timeZone, own } = wanted
  const events = eventsIn(text)
  const alone = (event: ICAL.Event) =>
    blocks(event, own)
      ? [{ id: event.uid, start: instantOf(event.startDate, timeZone), end: endOf(event, timeZone) }]
      : []
  const changed = events.filter((event) => event.isRecurrenceException())
  const whole = events.filter((event) => !event.isRecurrenceException())
  const series = whole.find((event) => event.isRecurring())
  if (!series) return events.flatMap(alone)
  for (const event of changed) series.relateException(event)
  const others = whole.filter((event) => event !== series)
  return [...timesOfSeries(series, changed, wanted), ...others.flatMap(alone)]
}
