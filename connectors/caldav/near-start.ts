import ICAL from 'ical.js'

const unitMs: Partial<Record<string, number>> = {
  SECONDLY: 1_000,
  MINUTELY: 60_000,
  HOURLY: 3_600_000,
  DAILY: 86_400_000,
  WEEKLY: 7 * 86_400_000,
}
/** What parts of a rule give beside its frequency lies in the same day, or the same interval. */
const slackMs = 2 * 86_400_000

/**
 * ical.js goes through a rule from its first time on: an event of each day since 1970 has 20,000 before today. The same times from a
 * later one on come of the same rule with a start that lies whole intervals later.
 * @param start of the series @param from what clocks there show, as if they showed UTC: what comes before may be left out
 * @returns null: the series is over by then
 */
export function startNear(rule: ICAL.Recur, start: ICAL.Time, from: number): ICAL.RecurIterator | null {
  const moved = isByYears(rule) ? movedByYears(rule, start, from) : movedByIntervals(rule, start, from)
  if (moved === null) return null
  return moved.rule.iterator(moved.start)
}

interface Moved {
  rule: ICAL.Recur
  start: ICAL.Time
}

const isByYears = ({ freq }: ICAL.Recur) => freq === 'YEARLY' || freq === 'MONTHLY'

/** Months, and leap days, are not of one length: such a rule goes on in the same month of another year. */
function movedByYears(rule: ICAL.Recur, start: ICAL.Time, from: number): Moved {
  // that so many have been says nothing about which of them
  if (rule.count !== null) return { rule, start }
  const years = rule.freq === 'YEARLY' ? rule.interval : rule.interval / commonDivisor(rule.interval, 12)
  const isLeapDay = start.month === 2 && start.day === 29
  let steps = Math.floor((new Date(from - slackMs).getUTCFullYear() - start.year) / years) - 1
  while (isLeapDay && steps > 0 && !ICAL.Time.isLeapYear(start.year + steps * years)) steps--
  if (!(steps > 0)) return { rule, start }
  const year = start.year + steps * years
  return { rule, start: timeAt(start, wallOf(start, year)) }
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b))

function movedByIntervals(rule: ICAL.Recur, start: ICAL.Time, from: number): Moved | null {
  const intervalMs = (unitMs[rule.freq] ?? Number.NaN) * rule.interval
  const began = wallOf(start)
  const steps = Math.floor((from - slackMs - began) / intervalMs) - 1
  if (!(steps > 0)) return { rule, start }
  const isPlain = Object.keys(rule.parts).length === 0
  const mayMove = isPlain || (rule.count === null && !('BYWEEKNO' in rule.parts))
  if (!mayMove) return { rule, start }
  const moved = { rule: rule.clone(), start: timeAt(start, began + steps * intervalMs) }
  if (rule.count === null) return moved
  // one time in each interval
  if (rule.count <= steps) return null
  moved.rule.count = rule.count - steps
  return moved
}

/** What a clock shows, as if it showed UTC. Not by Date.UTC, for which the year 70 is 1970. */
export function wallOf(time: ICAL.Time, year = time.year): number {
  const { month, day, hour, minute, second, isDate } = time
  const date = new Date(0).setUTCFullYear(year, month - 1, day)
  return isDate ? date : date + ((hour * 60 + minute) * 60 + second) * 1_000
}

function timeAt(like: ICAL.Time, wall: number): ICAL.Time {
  const at = new Date(wall)
  return new ICAL.Time(
    {
      year: at.getUTCFullYear(),
      month: at.getUTCMonth() + 1,
      day: at.getUTCDate(),
      ...(like.isDate
        ? { isDate: true }
        : { hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds() }),
    },
    like.zone,
  )
}
