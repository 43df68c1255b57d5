import ICAL from 'ical.js'
import { ProviderAnswerError } from '../sdk/errors.ts'

/** Of one object of a calendar; a second or two. An event of each hour takes a fifth of it for a year, in a zone whose rules the file brings along
 *  two fifths. */
const mostWork = 1_000_000
const ofStep = 10
const ofWeekday = 2
const ofSum = 1
/** Of each of its parameters a line is looked through up to its value. */
const ofCharacter = 1 / 10_000
/** In a row without a time that the rule means. A leap day that is looked for day by day takes 2,922. */
const mostMisses = 10_000
/** A century: no event is longer, and no interval is. They are counted out month by month. */
const mostDays = 36_525

let done = 0
let misses = 0

/** Whoever begins with an object goes on with it without letting others have a turn. */
export function beginObject(): void {
  done = 0
  misses = 0
}

/** For the object that was begun last. */
export const workDone = (): number => done

/**
 * ical.js does everything in one go, which no time limit ends. The next time of a rule that never comes true, such as the 30th of February of each
 * day, it would look for for ever; an interval, or a length, of a trillion days it counts out as well; and a zone's rules that a file brings
 * along it goes through likewise. So what all its loops over time are made of is counted: the steps of rules, the days of the week that they
 * name, and the sums of dates. And so are the parameters of a line, which it reads in the square of their number.
 * @throws {ProviderAnswerError} once there was too much
 */
function count(work: number): void {
  // an event of ours is no object that was read: the next turn begins anew
  if (done === 0) setImmediate(beginObject).unref()
  done += work
  if (done <= mostWork && misses <= mostMisses) return
  misses = 0
  throw new ProviderAnswerError('The calendar holds an event that takes too long to read.')
}

const rules = ICAL.RecurIterator.prototype
const { check_contracting_rules: isMeantByRule, ruleDayOfWeek } = rules
const { adjust } = ICAL.Time.prototype

rules.check_contracting_rules = function () {
  const isMeant = isMeantByRule.call(this)
  misses = isMeant ? 0 : misses + 1
  count(ofStep)
  return isMeant
}

rules.ruleDayOfWeek = function (...weekday) {
  count(ofWeekday)
  return ruleDayOfWeek.apply(this, weekday)
}

interface Clock {
  day: number
  hour: number
  minute: number
  second: number
}

ICAL.Time.prototype.adjust = function (days, hours, minutes, seconds, time) {
  count(ofSum)
  const to = (time ?? (this as unknown as { _time: unknown })._time) as Clock
  const inHours = to.hour + hours + (to.minute + minutes) / 60 + (to.second + seconds) / 3_600
  if (Math.abs(to.day + days + inHours / 24) > mostDays)
    throw new ProviderAnswerError('The calendar holds an event that is longer than a century.')
  return adjust.call(this, days, hours, minutes, seconds, time)
}

/** Open for programs that want to read parameters in other ways. */
interface Parser {
  _parseParameters(line: string, ...rest: unknown[]): unknown
  _rfc6868Escape(value: string): string
}
const parser = ICAL.parse as unknown as Parser
const { _parseParameters: parseParameters, _rfc6868Escape: escaped } = parser
let ofParameter = 0

parser._parseParameters = function (line, ...rest) {
  ofParameter = line.length * ofCharacter
  return parseParameters.call(this, line, ...rest)
}

parser._rfc6868Escape = function (value) {
  count(ofParameter)
  return escaped.call(this, value)
}
