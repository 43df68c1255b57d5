import type { FactType, Operator } from '../../core/contracts/routing-facts.ts'
import type { Condition, FactValue, Group, RuleList, RuleTarget } from '../../core/contracts/routing-rules.ts'
import type { Messages } from '../messages/language.ts'
import { typeIn } from './draft.ts'

/** Rules in sentences, with the names of those they are about. */
export class RuleWords {
  readonly #words: Messages['rules']
  readonly #weekday: Intl.DateTimeFormat
  readonly #language: Intl.DisplayNames
  readonly #list: RuleList
  readonly typeOf: (fact: string) => FactType

  constructor(text: Messages, list: RuleList) {
    this.#words = text.rules
    this.#weekday = new Intl.DateTimeFormat(text.language, { weekday: 'long', timeZone: 'UTC' })
    this.#language = new Intl.DisplayNames(text.language, { type: 'language', fallback: 'code' })
    this.#list = list
    this.typeOf = typeIn(new Map(list.vocabulary.facts.map(({ fact, type }) => [fact, type])))
  }

  fact(fact: string): string {
    const known = this.#words.facts[fact]
    if (known) return known
    if (fact.startsWith('crm.company.')) return this.#words.companyFact(fact.slice('crm.company.'.length))
    if (fact.startsWith('crm.')) return this.#words.crmFact(fact.slice('crm.'.length))
    return fact.startsWith('utm.') ? this.#words.utmFact(fact.slice('utm.'.length)) : fact
  }

  operator(operator: Operator, type: FactType): string {
    const isWhen = type === 'time' || type === 'date'
    return (isWhen && this.#words.timeOperators[operator]) || this.#words.operators[operator]
  }

  /** "Monday" for 1. 5 January 1970 was one. */
  weekday = (day: number) => this.#weekday.format(new Date(Date.UTC(1970, 0, 4 + day)))

  /** "German" for "de"; what is no language stays as it was typed. */
  language(code: string): string {
    try {
      return this.#language.of(code) ?? code
    } catch {
      return code
    }
  }

  value(fact: string, value: FactValue | (string | number)[]): string {
    if (fact === 'visitor.language' && !Array.isArray(value)) return this.language(String(value))
    if (Array.isArray(value)) return value.map((one) => this.value(fact, one)).join(', ')
    switch (this.typeOf(fact)) {
      case 'boolean':
        return value ? this.#words.yes : this.#words.no
      case 'weekday':
        return this.weekday(Number(value))
      case 'site':
        return this.#list.sites.find(({ id }) => id === value)?.name ?? this.#words.gone
      default:
        return String(value)
    }
  }

  condition({ fact, operator, value }: Condition): string {
    const start = `${this.fact(fact)} ${this.operator(operator, this.typeOf(fact))}`
    return value === undefined ? start : `${start} ${this.value(fact, value)}`
  }

  /** @param within another sentence, which it does not begin */
  group(group: Group, within = false): string {
    if (group.conditions.length === 0) return this.#words.everyRequest
    const joint = ` ${group.match === 'all' ? this.#words.and : this.#words.or} `
    return group.conditions
      .map((node, place) => {
        const goesOn = within || place > 0
        if (node.type === 'condition')
          return goesOn ? this.#words.goesOn(this.condition(node)) : this.condition(node)
        return node.conditions.length > 1 ? `(${this.group(node, true)})` : this.group(node, goesOn)
      })
      .join(joint)
  }

  /** Whose names are known; those who have gone are left out. */
  target(target: RuleTarget): string {
    if (target.type === 'team')
      return this.#list.teams.find(({ id }) => id === target.teamId)?.name ?? this.#words.gone
    const names = target.agentIds.flatMap(
      (id) => this.#list.agents.find((agent) => agent.id === id)?.name ?? [],
    )
    return names.length > 0 ? names.join(', ') : this.#words.gone
  }
}
