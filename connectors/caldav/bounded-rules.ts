import ICAL from 'ical.js'
import { ProviderAnswerError } from '../sdk/errors.ts'

/** Of all rules together in one turn of the event loop, of which an object of a calendar has one of its own. An event of each day has as many in a
 *  century. */
const mostSteps = 40_000
/** In a row without a time that the rule means. A leap day that is looked for day by day takes 2,922. */
const mostMisses = 10_000

let steps = 0
let misses = 0

/**
 * ical.js looks for the next time of a rule in one go, and rules that never come true, such as the 30th of February of each day, it would look
 * through for ever: no time limit ends what never yields. The rules of a zone that a file brings along are gone through likewise. So each step is
 * counted here.
 * @throws {ProviderAnswerError} once there were too many
 */
function bounded(this: ICAL.RecurIterator): boolean {
  // the next turn begins anew
  if (steps === 0) setImmediate(() => (steps = 0)).unref()
  steps += 1
  const isMeant = isMeantByRule.call(this)
  misses = isMeant ? 0 : misses + 1
  if (steps <= mostSteps && misses <= mostMisses) return isMeant
  misses = 0
  throw new ProviderAnswerError('The calendar holds an event that repeats without end.')
}

const isMeantByRule = ICAL.RecurIterator.prototype.check_contracting_rules
ICAL.RecurIterator.prototype.check_contracting_rules = bounded
