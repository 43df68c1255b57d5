import { z } from 'zod'
import { Id, Instant, Text } from './common.ts'
import { EndReason } from './conversations.ts'
import { NamedOwner, NoOwnerReason, PassedOverReason, RoutingStage } from './routing.ts'
import {
  type FactType,
  factTypeNames,
  isComparing,
  isListOperator,
  needsNoValue,
  type Operator,
  operators,
  operatorsOf,
  typeOfFact,
} from './routing-facts.ts'

/** What a rule may cost is bounded here: groups three deep, so many conditions, so long values, so many rules. */
export const ruleLimits = { rules: 300, conditions: 50, groupDepth: 3, listed: 200, text: 500, agents: 100 }

const ValueText = Text.pipe(z.string().max(ruleLimits.text))
const Value = z.union(
  [ValueText, z.number(), z.boolean(), z.array(z.union([ValueText, z.number()])).max(ruleLimits.listed)],
  { error: ({ input }) => wrongShape(input) },
)

/** One question about a request, such as “visitor.company contains Northwind”. Which operators a fact has, and which
 *  values they take, is checked by the fact's type. */
export const Condition = z
  .strictObject({
    type: z.literal('condition'),
    fact: z
      .string()
      .max(90)
      .refine((fact) => typeOfFact(fact) !== undefined, 'Foyer knows no such fact about a request.'),
    operator: z.enum(operators),
    /** A list for in_list and not_in_list, none for empty and not_empty. */
    value: Value.optional(),
  })
  .superRefine((condition, context) => {
    const wrong = wrongWith(condition)
    if (wrong) context.addIssue({ code: 'custom', path: [wrong.at], message: wrong.message })
  })
export type Condition = z.infer<typeof Condition>

const conditionsOf = <Node extends z.ZodType>(node: Node) =>
  z
    .array(node)
    .min(1, 'A group needs at least one condition.')
    .max(ruleLimits.conditions, `A rule has at most ${ruleLimits.conditions} conditions.`)
const groupOf = <Node extends z.ZodType>(node: Node) => ({
  type: z.literal('group'),
  match: z.enum(['all', 'any']),
  conditions: node,
})
const InnermostGroup = z.strictObject(groupOf(conditionsOf(Condition)))
const InnerGroup = z.strictObject(
  groupOf(conditionsOf(z.discriminatedUnion('type', [Condition, InnermostGroup]))),
)
/** The whole of a rule's conditions; without any it holds for every request. */
export const RootGroup = z
  .strictObject(
    groupOf(
      z
        .array(z.discriminatedUnion('type', [Condition, InnerGroup]))
        .max(ruleLimits.conditions, `A rule has at most ${ruleLimits.conditions} conditions.`),
    ),
  )
  .refine((group) => countConditions(group) <= ruleLimits.conditions, {
    error: `A rule has at most ${ruleLimits.conditions} conditions.`,
    path: ['conditions'],
  })
export type RootGroup = z.infer<typeof RootGroup>

/** A group as those who walk the tree see it, however deep it stands. */
export interface Group {
  type: 'group'
  match: 'all' | 'any'
  conditions: (Condition | Group)[]
}

export const countConditions = (group: Group): number =>
  group.conditions.reduce((sum, node) => sum + (node.type === 'group' ? countConditions(node) : 1), 0)

export const RuleTarget = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('agents'),
    agentIds: z
      .array(Id)
      .min(1, 'Choose at least one agent.')
      .max(ruleLimits.agents)
      .refine((ids) => new Set(ids).size === ids.length, 'An agent is named twice.'),
  }),
  z.strictObject({ type: z.literal('team'), teamId: Id }),
])
export type RuleTarget = z.infer<typeof RuleTarget>

const ruleBody = {
  name: Text.pipe(z.string().trim().min(1, 'A name is needed.').max(100)),
  enabled: z.boolean(),
  conditions: RootGroup,
  target: RuleTarget,
}
export const SaveRule = z.strictObject(ruleBody)
export type SaveRule = z.infer<typeof SaveRule>
export const CreateRule = z.strictObject({
  ...ruleBody,
  /** Before which of the others it stands, from 1; the last if left out. */
  place: z.number().int().min(1).max(10_000).optional(),
})

export const RoutingRule = z.object({
  id: Id,
  name: z.string(),
  enabled: z.boolean(),
  /** From 1 without gaps; 1 is looked at first, and the first that holds decides. */
  priority: z.number().int(),
  conditions: RootGroup,
  target: RuleTarget,
  updatedAt: Instant,
  /** Of all but its place: what `If-Match` of a change is compared with. */
  version: z.string(),
})
export type RoutingRule = z.infer<typeof RoutingRule>

const FactTypeName = z.enum(factTypeNames)
export const RuleList = z.object({
  /** In the order they are looked at. */
  rules: z.array(RoutingRule),
  /** What can be asked: facts in the order of a menu, and the operators of each type. */
  vocabulary: z.object({
    facts: z.array(z.object({ fact: z.string(), type: FactTypeName })),
    operators: z.record(FactTypeName, z.array(z.enum(operators))),
    limits: z.object({ conditions: z.number(), groupDepth: z.number(), listed: z.number() }),
  }),
  /** Whom a rule may name. */
  agents: z.array(z.object({ id: Id, name: z.string(), active: z.boolean() })),
  teams: z.array(z.object({ id: Id, name: z.string() })),
  sites: z.array(
    z.object({
      id: Id,
      name: z.string(),
      /** Whether its route asks the rules. */
      usesRules: z.boolean(),
    }),
  ),
  /** The organisation's, in which local times are. */
  timeZone: z.string(),
})
export type RuleList = z.infer<typeof RuleList>

export const OrderRules = z.strictObject({ ids: z.array(Id).max(ruleLimits.rules) })

export const FactValue = z.union([
  z.string().max(2_000),
  z.number(),
  z.boolean(),
  z.array(z.string().max(2_000)).max(50),
])
export type FactValue = z.infer<typeof FactValue>
/** What is known of a request, by the fact's name; what is not known is left out. */
export const Facts = z.record(z.string().max(90), FactValue)
export type Facts = z.infer<typeof Facts>

/** A rule before it is saved: `id` says which saved one it will replace. */
const Draft = z.strictObject({
  id: Id.optional(),
  name: z.string().max(100).optional(),
  conditions: RootGroup,
  target: RuleTarget,
})
export type Draft = z.infer<typeof Draft>

export const PreviewRule = z.strictObject({
  rule: Draft,
  /** Where the facts come from: an earlier request or a visitor, as it would be now, or an example. */
  request: z.discriminatedUnion('from', [
    z.strictObject({ from: z.literal('conversation'), id: Id }),
    z.strictObject({ from: z.literal('visitor'), id: Id }),
    z.strictObject({
      from: z.literal('example'),
      facts: Facts.refine((facts) => Object.keys(facts).length <= 60, 'At most 60 facts.'),
    }),
  ]),
})
export type PreviewRule = z.infer<typeof PreviewRule>

/** Whether each part of the tree holds, in its shape; a condition with what was known. */
export interface Explained {
  holds: boolean
  /** What the request says of the fact; null is empty. Only for conditions. */
  known?: FactValue | null
  conditions?: Explained[]
}
const Explained: z.ZodType<Explained> = z.lazy(() =>
  z.object({
    holds: z.boolean(),
    known: FactValue.nullable().optional(),
    conditions: z.array(Explained).optional(),
  }),
)

/** Which rule would decide, with the draft in its place. */
const Decision = z.object({ name: z.string(), isDraft: z.boolean() })

export const RulePreview = z.object({
  /** Whether the draft's conditions hold. */
  matches: z.boolean(),
  explained: Explained,
  facts: Facts,
  /** Another rule that stands before the draft, or after it when that does not hold; null: none holds. */
  decides: Decision.nullable(),
  /** The site of the request, and whether it asks the rules at all. */
  site: z.object({ name: z.string(), usesRules: z.boolean() }).nullable(),
  /** Everybody who would be asked, in order, as if the site asked the rules; the first without a reason would be asked
   *  now, the next ones if that one declines. At most 50. */
  candidates: z.array(
    z.object({
      /** Null: an owner who is nobody to ask, see `owner`. */
      agent: z.object({ id: Id, name: z.string() }).nullable(),
      owner: NamedOwner.nullable(),
      stage: RoutingStage,
      /** The name of the team or rule, or the account's domain. */
      label: z.string().nullable(),
      /** Why they cannot be asked. */
      reason: z.union([PassedOverReason, NoOwnerReason]).nullable(),
      /** unavailable: until when, if it is known. */
      until: Instant.nullable(),
    }),
  ),
})
export type RulePreview = z.infer<typeof RulePreview>

export const ReplayRule = z.strictObject({ rule: Draft })

/** What became of a request, and what the rules would say of it now. */
export const ReplayedRequest = z.object({
  conversationId: Id,
  at: Instant,
  visitor: z.object({ name: z.string().nullable(), company: z.string().nullable() }),
  page: z.string().nullable(),
  status: z.enum(['waiting', 'active', 'ended', 'missed']),
  endReason: EndReason.nullable(),
  /** Whoever took it. */
  agent: z.object({ id: Id, name: z.string() }).nullable(),
  /** Those who were asked, in order. */
  asked: z.array(z.object({ id: Id, name: z.string() })),
  /** What would decide now; null: no rule holds. */
  wouldMatch: Decision.nullable(),
})
export type ReplayedRequest = z.infer<typeof ReplayedRequest>

export const RuleReplay = z.object({
  from: Instant,
  to: Instant,
  /** Requests looked at, those for which the conditions hold, and those of them the draft would decide, because no rule
   *  before it holds. */
  examined: z.number().int(),
  matched: z.number().int(),
  decided: z.number().int(),
  /** False when there were more requests than are looked at; the newest are. */
  complete: z.boolean(),
  /** Those that match, newest first; at most 200. */
  requests: z.array(ReplayedRequest),
})
export type RuleReplay = z.infer<typeof RuleReplay>

/** Why something is no value at all. */
function wrongShape(input: unknown): string {
  const texts = [input].flat().filter((one) => typeof one === 'string')
  if (texts.some((text) => text.includes('\0'))) return 'Text must not contain the NUL character.'
  if (texts.some((text) => text.length > ruleLimits.text))
    return `A value has at most ${ruleLimits.text} characters.`
  if (Array.isArray(input) && input.length > ruleLimits.listed)
    return `A list has at most ${ruleLimits.listed} values.`
  return 'A value is a text, a number, true or false, or a list of texts or numbers.'
}

/** What is wrong with a condition, and where. */
function wrongWith({
  fact,
  operator,
  value,
}: {
  fact: string
  operator: Operator
  value?: z.infer<typeof Value>
}): { at: 'operator' | 'value'; message: string } | undefined {
  const type = typeOfFact(fact)
  if (!type) return undefined
  if (!operatorsOf[type].includes(operator))
    return { at: 'operator', message: `“${fact}” (${type}) cannot be asked with “${operator}”.` }
  const message = wrongValue(type, operator, value)
  return message === undefined ? undefined : { at: 'value', message: `“${fact}”: ${message}` }
}

function wrongValue(
  type: FactType,
  operator: Operator,
  value: z.infer<typeof Value> | undefined,
): string | undefined {
  if (needsNoValue(operator))
    return value === undefined ? undefined : `“${operator}” takes no value; leave it out.`
  if (value === undefined) return 'a value is needed.'
  if (isListOperator(operator)) {
    if (!Array.isArray(value)) return `“${operator}” needs a list of values.`
    if (value.length === 0) return 'the list is empty; name at least one value.'
    const wrong = value.map((one) => wrongSingle(type, operator, one)).findIndex((one) => one !== undefined)
    return wrong < 0
      ? undefined
      : `value ${wrong + 1} in the list: ${wrongSingle(type, operator, value[wrong])}`
  }
  if (Array.isArray(value)) return `“${operator}” needs a single value, not a list.`
  return wrongSingle(type, operator, value)
}

function wrongSingle(type: FactType, operator: Operator, value: unknown): string | undefined {
  switch (type) {
    case 'text':
      return isSomeText(value) ? undefined : 'a text is needed.'
    case 'phone':
      return isSomeText(value) && /[\d+]/.test(value)
        ? undefined
        : 'a phone number, or its beginning, is needed.'
    case 'crm':
      if (isComparing(operator))
        return typeof value === 'number' || (typeof value === 'string' && isDate(value))
          ? undefined
          : 'a number, or a date such as 2026-12-24, is needed to compare with.'
      return isSomeText(value) || typeof value === 'number' ? undefined : 'a text is needed.'
    case 'number':
      return typeof value === 'number' ? undefined : 'a number is needed.'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false is needed.'
    case 'weekday':
      return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 7
        ? undefined
        : 'a weekday from 1 (Monday) to 7 (Sunday) is needed.'
    case 'time':
      return typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)
        ? undefined
        : 'a time of day from 00:00 to 23:59 is needed.'
    case 'date':
      return typeof value === 'string' && isDate(value) ? undefined : 'a date such as 2026-12-24 is needed.'
    case 'site':
      return Id.safeParse(value).success ? undefined : 'a site’s id is needed.'
  }
}

const isSomeText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''
const isDate = (text: string) => z.iso.date().safeParse(text).success
