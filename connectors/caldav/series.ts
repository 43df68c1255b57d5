import ICAL from 'ical.js'
import type { BusyEvent } from '../sdk/calendar.ts'
import { ProviderAnswerError } from '../sdk/errors.ts'
import { blocks, endOf, instantOf, zoneNamedBy } from './icalendar.ts'
import { startNear, wallOf } from './near-start.ts'

/** More times of one event than this are no calendar any more: of each rule from near the stretch on, and named one by one. */
const mostTimes = 20_000
/** Of all events of a calendar together: a hundred of each day for fourteen years. */
const mostTimesInAll = 500_000
/** A local time and its instant are at most so far apart. */
export const zoneReachMs = 26 * 3_600_000

export interface Wanted {
  from: Date
  to: Date
  /** Of whole days, and of times that name no zone. */
  timeZone: string
  /** The agent's addresses. */
  own: ReadonlySet<string>
  /** How many times the calendar's events had so far. */
  tally: { times: number }
}

/**
 * The times of an event that repeats: RFC 5545 3.8.5. Its own start, what its rules give and what is named one by one; without those that
 * are excluded; and in the place of each that was changed by itself, what it was changed to, wherever it came from.
 * @param changed what stands for single times, or for one and all after it
 * @throws {ProviderAnswerError}
 */
export function timesOfSeries(main: ICAL.Event, changed: ICAL.Event[], wanted: Wanted): BusyEvent[] {
  const { from, to, own, tally } = wanted
  const timeZone = zoneNamedBy(main.startDate) ?? wanted.timeZone
  const found: BusyEvent[] = []
  const isBlocking = new Map([main, ...changed].map((event) => [event, blocks(event, own)]))
  const isExcluded = exclusionsOf(main)
  const done = new Set<number>()
  const add = (item: ICAL.Event, start: Date, end: Date) => {
    if (end > from && start < to && isBlocking.get(item)) found.push({ id: main.uid, start, end })
  }
  const addOnce = (time: ICAL.Time, given?: { startDate: ICAL.Time; endDate: ICAL.Time }) => {
    const at = time.toUnixTime()
    if (done.has(at) || isExcluded(time)) return
    done.add(at)
    const { item, startDate, endDate } = { ...main.getOccurrenceDetails(time), ...given }
    add(item, instantOf(startDate, timeZone), instantOf(endDate, timeZone))
  }
  for (const one of changed) {
    done.add(one.recurrenceId.toUnixTime())
    if (!isExcluded(one.recurrenceId))
      add(one, instantOf(one.startDate, wanted.timeZone), endOf(one, wanted.timeZone))
  }
  addOnce(main.startDate)
  for (const named of valuesOf(main, 'rdate'))
    if (named instanceof ICAL.Period)
      addOnce(named.start, { startDate: named.start, endDate: named.getEnd() })
    else if (named instanceof ICAL.Time) addOnce(named)
  const { begin, end } = reachOf(main, changed, wanted)
  for (const rule of valuesOf(main, 'rrule')) {
    if (!(rule instanceof ICAL.Recur)) continue
    const iterator = startNear(rule, main.startDate, begin)
    let seen = 0
    for (let time = iterator?.next(); time; time = iterator?.next()) {
      seen += 1
      tally.times += 1
      if (seen > mostTimes || tally.times > mostTimesInAll)
        throw new ProviderAnswerError('The calendar holds an event that repeats without end.')
      const at = wallOf(time)
      if (at > end) break
      if (at < begin) continue
      // the iterator goes on with the same object
      addOnce(time.clone())
    }
  }
  return found
}

function valuesOf({ component }: ICAL.Event, name: string): unknown[] {
  const properties = component.getAllProperties(name)
  // of jCal's own: RFC 7265 3.4. To read a value takes far longer than to find it there
  const count = properties.reduce((total, { jCal }) => total + jCal.length - 3, 0)
  if (count > mostTimes)
    throw new ProviderAnswerError('The calendar holds an event with more times than it can have.')
  return properties.flatMap((property): unknown[] => property.getValues())
}

/** A date excludes all of it, also where the series has times of day. */
function exclusionsOf(main: ICAL.Event): (time: ICAL.Time) => boolean {
  const excluded = valuesOf(main, 'exdate').filter((value) => value instanceof ICAL.Time)
  const instants = new Set(excluded.map((time) => time.toUnixTime()))
  const dates = new Set(excluded.flatMap((time) => (time.isDate ? dateOf(time) : [])))
  return (time) => instants.has(time.toUnixTime()) || dates.has(dateOf(time))
}

const dateOf = ({ year, month, day }: ICAL.Time) => `${year}-${month}-${day}`

/** Between which times of the rules, by their clocks, lies what may come to lie in the stretch: what is changed for one and all after it may
 *  be moved, and be longer. */
function reachOf(main: ICAL.Event, changed: ICAL.Event[], { from, to }: Wanted) {
  const onwards = changed.filter((one) => one.modifiesFuture())
  const movedMs = onwards.map((one) => one.startDate.subtractDateTz(one.recurrenceId).toSeconds() * 1_000)
  const longestMs = Math.max(...[main, ...onwards].map(({ duration }) => duration.toSeconds() * 1_000))
  return {
    begin: from.getTime() - Math.max(0, longestMs) - Math.max(0, ...movedMs) - zoneReachMs,
    end: to.getTime() - Math.min(0, ...movedMs) + zoneReachMs,
  }
}
