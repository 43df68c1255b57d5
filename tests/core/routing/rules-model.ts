import fc from 'fast-check'
import type { Operator } from '#core/contracts/routing-facts.ts'
import type { Condition, Facts, RootGroup } from '#core/contracts/routing-rules.ts'
import { localTime } from '#core/features/routing-rules/facts.ts'
import { slowlyHolds } from '../routing-rules/oracle.ts'
import { type Model, type ModelChat, ownersOf } from './model.ts'

/** Custom rules as PRODUCT.md tells them: the first that is switched on and holds says who is asked. */

export type ModelTarget = { agents: number[] } | { team: number }

export interface ModelRule {
  id: string
  name: string
  enabled: boolean
  conditions: RootGroup
  target: ModelTarget
  /** Who of the agents it names was asked last by it. */
  last: number
}

/** The first in the order of priority that decides about a request, or none. */
export const decidingRule = ({ rules }: Model, facts: Facts): ModelRule | undefined =>
  rules.find(({ enabled, conditions }) => enabled && slowlyHolds(conditions, facts))

/** What rules may ask of a request, at the moment of `now`. */
export function factsOf(model: Model, chat: ModelChat, now: number): Facts {
  const { email, company } = chat.kind
  // of whoever comes by another browser, too
  const isSame = ({ visitorId, kind }: ModelChat) =>
    visitorId === chat.visitorId || (email !== undefined && kind.email === email)
  const pastChats = model.chats.filter((one) => isSame(one) && one !== chat).length
  const hasOwner = ownersOf(model, chat).some(({ stage }) => stage === 'person_owner')
  return {
    ...(email ? { 'visitor.email': email, 'visitor.emailDomain': email.split('@')[1] ?? '' } : {}),
    ...(company ? { 'visitor.company': company } : {}),
    'visitor.pastChats': pastChats,
    ...localTime(new Date(now), 'Europe/Rome'),
    // conditions only ask whether there is one
    ...(hasOwner ? { 'crm.owner': 'somebody' } : {}),
  }
}

const condition = (fact: string, operator: Operator, value?: Condition['value']): Condition => ({
  type: 'condition',
  fact,
  operator,
  ...(value === undefined ? {} : { value }),
})

/** Of every operator one that holds for some of the requests there are (see `kinds`), and not for others. What each means for
 *  any value is another test's. Times of day are none that the steps of the clock come close to. */
const someCondition = fc.constantFrom(
  condition('visitor.email', 'starts_with', 'known@'),
  condition('visitor.email', 'starts_with_not', 'Known@'),
  condition('visitor.email', 'contains_not', 'account'),
  condition('visitor.email', 'empty'),
  condition('visitor.emailDomain', 'is', 'account.test'),
  condition('visitor.emailDomain', 'is_not', 'account.test'),
  condition('visitor.emailDomain', 'in_list', ['person.test', 'company.test']),
  condition('visitor.emailDomain', 'not_in_list', ['person.test', 'company.test']),
  condition('visitor.company', 'contains', 'LAMPS'),
  condition('visitor.company', 'not_empty'),
  condition('visitor.pastChats', 'greater', 0),
  condition('visitor.pastChats', 'at_most', 1),
  condition('local.time', 'less', '12:47'),
  condition('local.time', 'at_least', '09:17'),
  condition('crm.owner', 'not_empty'),
)
const match = fc.constantFrom('all' as const, 'any' as const)
const someGroup = fc.record({
  type: fc.constant('group' as const),
  match,
  conditions: fc.array(someCondition, { minLength: 1, maxLength: 2 }),
})
const someConditions: fc.Arbitrary<RootGroup> = fc.record({
  type: fc.constant('group' as const),
  match,
  conditions: fc.array(fc.oneof(someCondition, someGroup), { maxLength: 2 }),
})

const someTarget: fc.Arbitrary<ModelTarget> = fc.oneof(
  fc.record({ agents: fc.subarray([0, 1, 2, 3], { minLength: 1 }) }),
  fc.record({ team: fc.nat({ max: 1 }) }),
)

export type NewRule = Pick<ModelRule, 'conditions' | 'target'>
export const someRule: fc.Arbitrary<NewRule> = fc.record({ conditions: someConditions, target: someTarget })
