import fc from 'fast-check'
import { expect, test } from 'vitest'
import { factTypes, type Operator, operatorsOf, typeOfFact } from '#core/contracts/routing-facts.ts'
import { type Condition, type Facts, type Group, SaveRule } from '#core/contracts/routing-rules.ts'
import { matchRules } from '#core/features/routing-rules/book.ts'
import { compileGroup, Known } from '#core/features/routing-rules/matching.ts'
import { runs } from '#tests/support/soak.ts'
import { slowlyHolds } from './oracle.ts'

const one = (fact: string, operator: Operator, value?: Condition['value']): Group => ({
  type: 'group',
  match: 'all',
  conditions: [{ type: 'condition', fact, operator, value }],
})
const holds = (group: Group, facts: Facts) => compileGroup(group).holds(new Known(facts))
const asked = (facts: Facts, fact: string, operator: Operator, value?: Condition['value']) =>
  holds(one(fact, operator, value), facts)

test('texts are the same whatever their case, width and spaces', () => {
  const facts = { 'visitor.company': '  Ｎorthwind   TRADERS ' }
  expect(asked(facts, 'visitor.company', 'is', 'northwind traders')).toBe(true)
  expect(asked(facts, 'visitor.company', 'is_not', 'NORTHWIND  traders')).toBe(false)
  expect(asked(facts, 'visitor.company', 'contains', 'Wind T')).toBe(true)
  expect(asked(facts, 'visitor.company', 'starts_with', 'ﬁ')).toBe(false)
  expect(asked({ 'visitor.name': 'Finn' }, 'visitor.name', 'starts_with', 'ﬁ')).toBe(true)
  expect(asked(facts, 'visitor.company', 'in_list', ['Contoso', 'Northwind Traders'])).toBe(true)
  expect(asked(facts, 'visitor.company', 'not_in_list', ['Contoso'])).toBe(true)
})

test('what looks like a pattern is only text', () => {
  for (const text of ['.*', '%', '_', '(a+)+$', '\\d'])
    expect(asked({ 'page.url': 'https://shop.test/aaaa' }, 'page.url', 'contains', text)).toBe(false)
})

test('a fact that is missing, blank or without values is empty: nothing is true of it but what denies', () => {
  for (const facts of [{}, { 'visitor.company': ' ' }, { 'visitor.company': [] }] as Facts[]) {
    const of = (operator: Operator, value?: Condition['value']) =>
      asked(facts, 'visitor.company', operator, value)
    expect([of('empty'), of('not_empty')]).toEqual([true, false])
    expect([of('is', 'x'), of('contains', 'x'), of('starts_with', 'x'), of('in_list', ['x'])]).toEqual(
      Array(4).fill(false),
    )
    expect([
      of('is_not', 'x'),
      of('contains_not', 'x'),
      of('starts_with_not', 'x'),
      of('not_in_list', ['x']),
    ]).toEqual(Array(4).fill(true))
  }
  for (const operator of ['greater', 'at_least', 'less', 'at_most'] as const)
    expect(asked({}, 'visitor.pastChats', operator, 0)).toBe(false)
  expect(asked({}, 'visitor.verified', 'is', false)).toBe(false)
})

test('numbers, times and dates are compared as such', () => {
  expect(asked({ 'visitor.pastChats': 10 }, 'visitor.pastChats', 'greater', 9)).toBe(true)
  expect(asked({ 'visitor.pastChats': 9 }, 'visitor.pastChats', 'greater', 9)).toBe(false)
  expect(asked({ 'visitor.pastChats': 9 }, 'visitor.pastChats', 'at_least', 9)).toBe(true)
  expect(asked({ 'local.time': '08:59' }, 'local.time', 'less', '09:00')).toBe(true)
  expect(asked({ 'local.time': '17:00' }, 'local.time', 'at_most', '17:00')).toBe(true)
  expect(asked({ 'local.date': '2026-12-24' }, 'local.date', 'at_least', '2026-12-24')).toBe(true)
  expect(asked({ 'crm.employees': '1200' }, 'crm.employees', 'greater', 999)).toBe(true)
  expect(asked({ 'crm.employees': 'many' }, 'crm.employees', 'greater', 999)).toBe(false)
  expect(asked({ 'crm.renewal': '2026-12-24T10:00:00Z' }, 'crm.renewal', 'less', '2026-12-25')).toBe(true)
  expect(asked({ 'crm.renewal': '7' }, 'crm.renewal', 'less', '2026-12-25')).toBe(false)
})

test('one of several values is enough, and none of them for a denial', () => {
  const facts = { 'visitor.language': ['de-CH', 'de'], 'crm.products': ['Lamps', 'Shades'] }
  expect(asked(facts, 'visitor.language', 'is', 'de')).toBe(true)
  expect(asked(facts, 'visitor.language', 'is', 'DE-ch')).toBe(true)
  expect(asked(facts, 'visitor.language', 'is_not', 'de')).toBe(false)
  expect(asked(facts, 'crm.products', 'in_list', ['shades'])).toBe(true)
  expect(asked(facts, 'crm.products', 'contains_not', 'lamp')).toBe(false)
})

test('phone numbers are the same however they are written', () => {
  const facts = { 'visitor.phone': '+39 (02) 5550-0142' }
  expect(asked(facts, 'visitor.phone', 'is', '+390255500142')).toBe(true)
  expect(asked(facts, 'visitor.phone', 'starts_with', '+39 02')).toBe(true)
  expect(asked(facts, 'visitor.phone', 'starts_with', '+3')).toBe(true)
})

test('the first rule that holds decides, and one without conditions is for everybody', () => {
  const rule = (name: string, conditions: Group) => ({
    rule: { id: name, name, target: { type: 'team' as const, teamId: name } },
    conditions: compileGroup(conditions),
  })
  const rules = [
    rule('big', one('visitor.pastChats', 'greater', 5)),
    rule('known', one('visitor.email', 'not_empty')),
    rule('rest', { type: 'group', match: 'any', conditions: [] }),
  ]
  const nameOf = (facts: Facts) => matchRules(rules, facts)?.rule.name
  expect(nameOf({ 'visitor.pastChats': 6, 'visitor.email': 'a@b.test' })).toBe('big')
  expect(nameOf({ 'visitor.email': 'a@b.test' })).toBe('known')
  expect(nameOf({})).toBe('rest')
  expect(matchRules(rules.slice(0, 2), {})).toBeUndefined()
})

test('the explanation has the tree’s shape and says what was known', () => {
  const group: Group = {
    type: 'group',
    match: 'all',
    conditions: [
      { type: 'condition', fact: 'visitor.company', operator: 'is', value: 'contoso' },
      {
        type: 'group',
        match: 'any',
        conditions: [
          { type: 'condition', fact: 'visitor.email', operator: 'empty' },
          { type: 'condition', fact: 'visitor.pastChats', operator: 'greater', value: 3 },
        ],
      },
    ],
  }
  const known = new Known({
    'visitor.company': 'Contoso',
    'visitor.pastChats': 2,
    'visitor.email': 'a@b.test',
  })
  expect(compileGroup(group).explain(known)).toEqual({
    holds: false,
    conditions: [
      { holds: true, known: 'Contoso' },
      {
        holds: false,
        conditions: [
          { holds: false, known: 'a@b.test' },
          { holds: false, known: 2 },
        ],
      },
    ],
  })
})

// ——— against the oracle ———

const words = fc.constantFrom(
  '',
  ' ',
  'a',
  'A',
  'ab',
  'Ａb',
  'ba',
  'é',
  'e\u0301',
  'ß',
  'İ',
  '9',
  '10',
  '+39 0',
  '2026-12-24',
  '12:30',
  'true',
)
const texts = fc.oneof(
  words,
  fc.tuple(words, words).map(([a, b]) => `${a} ${b}`),
  fc.string({ maxLength: 6 }),
)
const someText = texts.filter((text) => text.trim() !== '' && !text.includes('\0'))
const numbers = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(0.5, 1e3, 9.99))
const dates = fc.constantFrom('2026-12-23', '2026-12-24', '2027-01-01')
const times = fc.constantFrom('00:00', '08:59', '09:00', '23:59')
const sites = fc.constantFrom('0190f5a0-0000-7000-8000-000000000001', '0190f5a0-0000-7000-8000-000000000002')
const facts = fc.record(
  {
    'visitor.name': texts,
    'visitor.phone': texts,
    'visitor.language': fc.array(texts, { maxLength: 3 }),
    'visitor.verified': fc.boolean(),
    'visitor.pastChats': numbers,
    'local.weekday': fc.integer({ min: 1, max: 7 }),
    'local.time': times,
    'local.date': dates,
    site: sites,
    'crm.status': fc.oneof(texts, numbers, dates, fc.array(texts, { maxLength: 3 }), fc.boolean()),
  },
  { requiredKeys: [] },
)
const names = [
  'visitor.name',
  'visitor.phone',
  'visitor.language',
  'visitor.verified',
  'visitor.pastChats',
  'local.weekday',
  'local.time',
  'local.date',
  'site',
  'crm.status',
]

function valuesFor(fact: string, operator: Operator): fc.Arbitrary<Condition['value']> {
  const type = typeOfFact(fact)
  const single: fc.Arbitrary<string | number | boolean> =
    type === 'boolean'
      ? fc.boolean()
      : type === 'number'
        ? numbers
        : type === 'weekday'
          ? fc.integer({ min: 1, max: 7 })
          : type === 'time'
            ? times
            : type === 'date'
              ? dates
              : type === 'site'
                ? sites
                : type === 'phone'
                  ? fc.constantFrom('+39', '39', '0', '+390')
                  : type === 'crm' && ['greater', 'at_least', 'less', 'at_most'].includes(operator)
                    ? fc.oneof(numbers, dates)
                    : someText
  if (operator === 'empty' || operator === 'not_empty') return fc.constant(undefined)
  if (operator === 'in_list' || operator === 'not_in_list')
    return fc.array(single as fc.Arbitrary<string | number>, { minLength: 1, maxLength: 4 })
  return single
}

const conditions: fc.Arbitrary<Condition> = fc.constantFrom(...names).chain((fact) =>
  fc.constantFrom(...operatorsOf[typeOfFact(fact) ?? 'text']).chain((operator) =>
    valuesFor(fact, operator).map(
      (value): Condition => ({
        type: 'condition',
        fact,
        operator,
        ...(value === undefined ? {} : { value }),
      }),
    ),
  ),
)
const groupsOf = (nodes: fc.Arbitrary<Condition | Group>, minLength: number): fc.Arbitrary<Group> =>
  fc.record({
    type: fc.constant('group' as const),
    match: fc.constantFrom('all' as const, 'any' as const),
    conditions: fc.array(nodes, { minLength, maxLength: 4 }),
  })
const innermost = groupsOf(conditions, 1)
const inner = groupsOf(fc.oneof(conditions, innermost), 1)
const roots = groupsOf(fc.oneof(conditions, inner), 0)

test('every tree that may be saved means what the slow oracle says, whole and part by part', () => {
  const target = { type: 'team', teamId: '0190f5a0-0000-7000-8000-000000000009' }
  fc.assert(
    fc.property(roots, facts, (root, given) => {
      const saved = SaveRule.safeParse({ name: 'Any', enabled: true, conditions: root, target })
      expect(saved.error?.issues ?? []).toEqual([])
      const compiled = compileGroup(root)
      const known = new Known(given)
      const expected = slowlyHolds(root, given)
      expect(compiled.holds(known)).toBe(expected)
      const explained = compiled.explain(known)
      expect(explained.holds).toBe(expected)
      for (const [index, part] of root.conditions.entries())
        expect(explained.conditions?.[index]?.holds).toBe(slowlyHolds(part, given))
    }),
    { numRuns: runs(600, 2_000) },
  )
})

test('every fact has operators, and every operator belongs to some type', () => {
  for (const type of Object.values(factTypes)) expect(operatorsOf[type].length).toBeGreaterThan(0)
  expect(typeOfFact('utm.gclid')).toBe('text')
  expect(typeOfFact('crm.company.Annual revenue')).toBe('crm')
  for (const nothing of [
    '',
    'toString',
    '__proto__',
    'crm.',
    'utm.a b',
    `crm.${'x'.repeat(81)}`,
    'visitor.password',
  ])
    expect(typeOfFact(nothing)).toBeUndefined()
})
