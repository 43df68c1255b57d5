import { type Operator, typeOfFact } from '../../contracts/routing-facts.ts'
import type { Condition, Explained, Facts, FactValue, Group } from '../../contracts/routing-rules.ts'

/**
 * What conditions mean.
 *
 * Texts are compared after NFKC, without case and outer spaces, inner runs of spaces as one; phone numbers without what
 * people write between the digits. A fact that is missing, blank or an empty list is empty: `is`, `contains`,
 * `starts_with`, `in_list` and all comparisons are false for it, and `is_not`, `contains_not`, `starts_with_not`,
 * `not_in_list` true. A fact with several values (a language and its region, an owner's name and address, a CRM's
 * multiple choice) has them one by one: it `is` what any of them is, and `is_not` what none of them is.
 *
 * Each condition costs one lookup and one comparison of bounded texts; there are no patterns.
 */
export interface CompiledGroup {
  holds(known: Known): boolean
  explain(known: Known): Explained
}

/** Facts with their texts made comparable once, for however many rules look at them. */
export class Known {
  readonly facts: Facts
  readonly #values = new Map<string, Values>()

  constructor(facts: Facts) {
    this.facts = facts
  }

  values(fact: string): Values {
    const known = this.#values.get(fact)
    if (known) return known
    const values = readValues(
      Object.hasOwn(this.facts, fact) ? this.facts[fact] : undefined,
      comparable(fact),
    )
    this.#values.set(fact, values)
    return values
  }
}

/** One or several comparable values; none is empty. */
type Values = readonly string[]
const none: Values = []

export function compileGroup(group: Group): CompiledGroup {
  const parts = group.conditions.map((node) =>
    node.type === 'group' ? compileGroup(node) : compileCondition(node),
  )
  const isAny = group.match === 'any'
  const holds = (known: Known) =>
    isAny ? parts.some((part) => part.holds(known)) : parts.every((part) => part.holds(known))
  return {
    // a rule without conditions is for everybody, whatever stands over them
    holds: parts.length === 0 ? () => true : holds,
    explain: (known) => ({
      holds: parts.length === 0 || holds(known),
      conditions: parts.map((part) => part.explain(known)),
    }),
  }
}

function compileCondition({ fact, operator, value }: Condition): CompiledGroup {
  const test = compileTest(operator, value, comparable(fact))
  return {
    holds: (known) => test(known.values(fact)),
    explain: (known) => ({
      holds: test(known.values(fact)),
      known: known.values(fact) === none ? null : (known.facts[fact] ?? null),
    }),
  }
}

type Comparable = (value: string | number | boolean) => string

function compileTest(
  operator: Operator,
  value: FactValue | (string | number)[] | undefined,
  toComparable: Comparable,
): (values: Values) => boolean {
  const wanted = (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(toComparable)
  const one = wanted[0] ?? ''
  const all = new Set(wanted)
  const compared = (holds: (order: number) => boolean) => (values: Values) =>
    values.some((known) => {
      const order = compare(known, one)
      return order !== undefined && holds(order)
    })
  switch (operator) {
    case 'is':
      return (values) => values.includes(one)
    case 'is_not':
      return (values) => !values.includes(one)
    case 'contains':
      return (values) => values.some((known) => known.includes(one))
    case 'contains_not':
      return (values) => !values.some((known) => known.includes(one))
    case 'starts_with':
      return (values) => values.some((known) => known.startsWith(one))
    case 'starts_with_not':
      return (values) => !values.some((known) => known.startsWith(one))
    case 'in_list':
      return (values) => values.some((known) => all.has(known))
    case 'not_in_list':
      return (values) => !values.some((known) => all.has(known))
    case 'greater':
      return compared((order) => order > 0)
    case 'at_least':
      return compared((order) => order >= 0)
    case 'less':
      return compared((order) => order < 0)
    case 'at_most':
      return compared((order) => order <= 0)
    case 'empty':
      return (values) => values.length === 0
    case 'not_empty':
      return (values) => values.length > 0
    default:
      return operator satisfies never
  }
}

/** Numbers by their size; times of day and dates, which are written from the largest unit down, by their letters. Two of
 *  different kinds have no order. */
function compare(known: string, wanted: string): number | undefined {
  if (isWhen(wanted)) {
    const when = known.slice(0, wanted.length)
    return isWhen(when) && when.length === wanted.length
      ? when < wanted
        ? -1
        : when > wanted
          ? 1
          : 0
      : undefined
  }
  if (!isNumber(known) || !isNumber(wanted)) return undefined
  return Number(known) - Number(wanted)
}
/** "09:30" or "2026-12-24"; a CRM's instants begin like a date. */
const isWhen = (text: string) => /^(\d{2}:\d{2}|\d{4}-\d{2}-\d{2})$/.test(text)
const isNumber = (text: string) => /^[+-]?\d{1,20}(\.\d{1,20})?$/.test(text)

function readValues(value: FactValue | undefined, toComparable: Comparable): Values {
  if (value === undefined || value === null) return none
  const values = (Array.isArray(value) ? value : [value]).map(toComparable).filter((text) => text !== '')
  return values.length === 0 ? none : values
}

const longest = 2_000
const comparableText: Comparable = (value) =>
  String(value)
    .slice(0, longest)
    .normalize('NFKC')
    .toLowerCase()
    // lower case may come apart into letter and mark
    .normalize('NFKC')
    .trim()
    .replace(/\s+/g, ' ')
const comparablePhone: Comparable = (value) => comparableText(value).replace(/[^\p{L}\p{N}+]/gu, '')
const comparable = (fact: string): Comparable =>
  typeOfFact(fact) === 'phone' ? comparablePhone : comparableText
