import type { RoutingRule, RuleList, SaveRule } from '../../core/contracts/routing-rules.ts'
import { type Api, sentence } from '../app/api.ts'
import { overtakenBy } from '../settings/overtaken.ts'

/** The rules in their order. Adding, changing and ordering throw what Foyer refused. */
export class RoutingRules {
  readonly #api: Api
  #all = $state.raw<RuleList | null>(null)
  #error = $state('')
  #deleted = $state.raw<RoutingRule | null>(null)

  constructor(api: Api) {
    this.#api = api
  }

  /** Null until loaded. */
  get all(): RuleList | null {
    return this.#all
  }
  get error(): string {
    return this.#error
  }
  /** The rule deleted last, until it is brought back or something else is done. */
  get deleted(): RoutingRule | null {
    return this.#deleted
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      this.#all = await this.#api.get<RuleList>('/routing-rules')
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  /** @param id null adds it as the last. @param replaces the version it was made from, see {@link Api.send} */
  async save(id: string | null, rule: SaveRule, replaces?: string): Promise<RoutingRule> {
    const saved = await this.#api.send<RoutingRule>(
      id === null ? 'POST' : 'PUT',
      id === null ? '/routing-rules' : `/routing-rules/${id}`,
      rule,
      replaces,
    )
    this.#deleted = null
    if (id === null) this.#keep([...this.#rules(), saved])
    else this.know(saved)
    return saved
  }

  /** On or off, whatever else somebody has changed of it meanwhile. */
  async turn(rule: RoutingRule, enabled: boolean): Promise<void> {
    const { name, conditions, target, version } = rule
    try {
      await this.save(rule.id, { name, conditions, target, enabled }, version)
    } catch (error) {
      const overtaken = overtakenBy<RoutingRule>(error)
      if (!overtaken) throw error
      await this.turn(overtaken.current, enabled)
    }
  }

  /** What became known of a rule without asking. */
  know(rule: RoutingRule): void {
    this.#keep(this.#rules().map((one) => (one.id === rule.id ? rule : one)))
  }

  async delete(rule: RoutingRule): Promise<void> {
    await this.#api.send('DELETE', `/routing-rules/${rule.id}`)
    this.#keep(this.#rules().filter(({ id }) => id !== rule.id))
    this.#deleted = rule
  }

  /** Puts the rule deleted last where it stood. @returns it, under a new id; null: there is none */
  async undo(): Promise<RoutingRule | null> {
    const rule = this.#deleted
    if (!rule) return null
    const { name, enabled, conditions, target, priority } = rule
    const body = { name, enabled, conditions, target, place: priority }
    const saved = await this.#api.send<RoutingRule>('POST', '/routing-rules', body)
    this.#deleted = null
    this.#keep(this.#rules().toSpliced(saved.priority - 1, 0, saved))
    return saved
  }

  /** Shown at once; put back if Foyer refuses. @param to the place among the rules, from 0. */
  async move(id: string, to: number): Promise<void> {
    const before = this.#rules()
    const from = before.findIndex((rule) => rule.id === id)
    const rule = before[from]
    if (!rule || to < 0 || to >= before.length || to === from) return
    this.#keep(before.toSpliced(from, 1).toSpliced(to, 0, rule))
    try {
      const ids = this.#rules().map((one) => one.id)
      const { rules } = await this.#api.send<{ rules: RoutingRule[] }>('PUT', '/routing-rules/order', { ids })
      this.#keep(rules)
    } catch (error) {
      this.#keep(before)
      throw error
    }
  }

  #rules = () => this.#all?.rules ?? []

  #keep(rules: RoutingRule[]): void {
    if (this.#all)
      this.#all = { ...this.#all, rules: rules.map((rule, index) => ({ ...rule, priority: index + 1 })) }
  }
}
