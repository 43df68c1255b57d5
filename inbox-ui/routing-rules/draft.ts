import type { FactType, Operator } from '../../core/contracts/routing-facts.ts'
import type { Condition, Group, RoutingRule, RuleTarget } from '../../core/contracts/routing-rules.ts'

/** A condition while somebody works on it. What is typed stays text until the rule is sent. */
export interface DraftCondition {
  key: number
  type: 'condition'
  fact: string
  operator: Operator
  /** One text, or several for a list. */
  value: string | string[]
}
export interface DraftGroup {
  key: number
  type: 'group'
  match: 'all' | 'any'
  conditions: (DraftCondition | DraftGroup)[]
}
export interface DraftRule {
  name: string
  enabled: boolean
  conditions: DraftGroup
  targetType: RuleTarget['type']
  agentIds: string[]
  teamId: string
}

let keys = 0
const nextKey = () => ++keys

export const emptyGroup = (): DraftGroup => ({ key: nextKey(), type: 'group', match: 'all', conditions: [] })
export const newCondition = (): DraftCondition => ({
  key: nextKey(),
  type: 'condition',
  fact: 'visitor.company',
  operator: 'is',
  value: '',
})
export const newGroup = (): DraftGroup => ({ ...emptyGroup(), match: 'any', conditions: [newCondition()] })

export const isListOperator = (operator: Operator) => operator === 'in_list' || operator === 'not_in_list'
export const needsNoValue = (operator: Operator) => operator === 'empty' || operator === 'not_empty'
const comparing: readonly Operator[] = ['greater', 'at_least', 'less', 'at_most']

export function draftOf(
  rule: Pick<RoutingRule, 'name' | 'enabled' | 'conditions' | 'target'> | null,
): DraftRule {
  if (!rule)
    return {
      name: '',
      enabled: true,
      conditions: emptyGroup(),
      targetType: 'agents',
      agentIds: [],
      teamId: '',
    }
  const { name, enabled, conditions, target } = rule
  return {
    name,
    enabled,
    conditions: groupOf(conditions),
    targetType: target.type,
    agentIds: target.type === 'agents' ? [...target.agentIds] : [],
    teamId: target.type === 'team' ? target.teamId : '',
  }
}

const groupOf = (group: Group): DraftGroup => ({
  key: nextKey(),
  type: 'group',
  match: group.match,
  conditions: group.conditions.map((node) =>
    node.type === 'group'
      ? groupOf(node)
      : {
          key: nextKey(),
          type: 'condition',
          fact: node.fact,
          operator: node.operator,
          value: Array.isArray(node.value) ? node.value.map(String) : String(node.value ?? ''),
        },
  ),
})

/** As the rule is sent. */
export const ruleOf = (draft: DraftRule, typeOf: (fact: string) => FactType) => ({
  name: draft.name.trim(),
  enabled: draft.enabled,
  conditions: toGroup(draft.conditions, typeOf),
  target:
    draft.targetType === 'agents'
      ? { type: 'agents' as const, agentIds: draft.agentIds }
      : { type: 'team' as const, teamId: draft.teamId },
})

function toGroup({ match, conditions }: DraftGroup, typeOf: (fact: string) => FactType): Group {
  return {
    type: 'group',
    match,
    conditions: conditions.map((node): Condition | Group => {
      if (node.type === 'group') return toGroup(node, typeOf)
      const { fact, operator, value } = node
      if (needsNoValue(operator)) return { type: 'condition', fact, operator }
      const type = typeOf(fact)
      const one = (text: string) => toValue(text, type, operator)
      const sent = isListOperator(operator)
        ? [value]
            .flat()
            .filter((text) => text.trim() !== '')
            .map(one)
        : one([value].flat()[0] ?? '')
      return { type: 'condition', fact, operator, value: sent as Condition['value'] }
    }),
  }
}

/** What is not of the fact's type goes as it was typed: Foyer says what is wrong with it. */
export function toValue(text: string, type: FactType, operator?: Operator): string | number | boolean {
  if (type === 'boolean') return text === 'true'
  const isNumeric =
    type === 'number' || type === 'weekday' || (type === 'crm' && operator && comparing.includes(operator))
  if (isNumeric && /^\s*[+-]?\d+([.,]\d+)?\s*$/.test(text)) return Number(text.trim().replace(',', '.'))
  return text
}

/** The type of a fact that Foyer has not listed: a field somebody named. */
export const typeIn = (types: ReadonlyMap<string, FactType>) => (fact: string) =>
  types.get(fact) ?? (fact.startsWith('crm.') ? 'crm' : 'text')

export const conditionsIn = (group: DraftGroup): DraftCondition[] =>
  group.conditions.flatMap((node) => (node.type === 'group' ? conditionsIn(node) : [node]))
