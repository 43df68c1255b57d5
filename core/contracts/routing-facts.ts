/** What a routing rule may ask about, of which type each is, and what can be asked of a type. Plain data: no zod. */

/** phone: compared without spaces and signs. crm: whatever a CRM keeps; a text, a number, a date, or several. */
export const factTypeNames = [
  'text',
  'phone',
  'number',
  'boolean',
  'weekday',
  'time',
  'date',
  'site',
  'crm',
] as const
export type FactType = (typeof factTypeNames)[number]

export const operators = [
  'is',
  'is_not',
  'contains',
  'contains_not',
  'starts_with',
  'starts_with_not',
  'in_list',
  'not_in_list',
  'greater',
  'at_least',
  'less',
  'at_most',
  'empty',
  'not_empty',
] as const
export type Operator = (typeof operators)[number]

/** Facts with a name of their own, in the order a person looks for them. Beside them there are `utm.<name>` and
 *  `crm.<field>` for whatever a campaign or a CRM calls its own. */
export const factTypes = {
  'visitor.name': 'text',
  'visitor.email': 'text',
  'visitor.emailDomain': 'text',
  'visitor.verified': 'boolean',
  'visitor.jobTitle': 'text',
  'visitor.phone': 'phone',
  'visitor.company': 'text',
  'visitor.language': 'text',
  'visitor.timeZone': 'text',
  'visitor.returning': 'boolean',
  'visitor.pastChats': 'number',
  'page.url': 'text',
  'page.path': 'text',
  'page.host': 'text',
  'page.title': 'text',
  'page.referrer': 'text',
  'utm.source': 'text',
  'utm.medium': 'text',
  'utm.campaign': 'text',
  'utm.term': 'text',
  'utm.content': 'text',
  site: 'site',
  'local.weekday': 'weekday',
  'local.time': 'time',
  'local.date': 'date',
  'crm.status': 'crm',
  'crm.owner': 'crm',
} as const satisfies Record<string, FactType>

/** The type of a fact, or undefined for a name that means nothing. */
export function typeOfFact(fact: string): FactType | undefined {
  if (Object.hasOwn(factTypes, fact)) return factTypes[fact as keyof typeof factTypes]
  if (/^utm\.[\w-]{1,60}$/.test(fact)) return 'text'
  if (/^crm\.[\p{L}\p{N}_ .:-]{1,80}$/u.test(fact)) return 'crm'
  return undefined
}

const wording = [
  'is',
  'is_not',
  'contains',
  'contains_not',
  'starts_with',
  'starts_with_not',
  'in_list',
  'not_in_list',
] as const
const comparing = ['greater', 'at_least', 'less', 'at_most'] as const
const presence = ['empty', 'not_empty'] as const
const choosing = ['is', 'is_not', 'in_list', 'not_in_list'] as const

export const operatorsOf: Record<FactType, readonly Operator[]> = {
  text: [...wording, ...presence],
  phone: [...wording, ...presence],
  number: ['is', 'is_not', ...comparing, ...presence],
  boolean: ['is'],
  weekday: choosing,
  time: comparing,
  date: ['is', 'is_not', ...comparing],
  site: choosing,
  crm: [...wording, ...comparing, ...presence],
}

export const isListOperator = (operator: Operator) => operator === 'in_list' || operator === 'not_in_list'
export const needsNoValue = (operator: Operator) => operator === 'empty' || operator === 'not_empty'
export const isComparing = (operator: Operator) => (comparing as readonly Operator[]).includes(operator)
