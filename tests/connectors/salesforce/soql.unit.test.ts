import fc from 'fast-check'
import { expect, test } from 'vitest'
import { all, any, containing, names, soql } from '#connectors/salesforce/soql.ts'
import { Org } from '#connectors/salesforce/stand-in/org.ts'
import { parseSoql } from '#connectors/salesforce/stand-in/soql-parser.ts'
import { runQuery } from '#connectors/salesforce/stand-in/soql-run.ts'

const condition = (text: string) => parseSoql(`SELECT Id FROM Lead WHERE ${text}`).where
/** Letters that mean something to SOQL more often than others. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("'", '\\', '%', '_', '\n', '\r', '\t', '"', ' OR ', '--', 'u0027'),
    fc.string(),
  ),
})

test('the value that breaks out of jsforce’s quotes stays inside ours', () => {
  const hostile = `a\\' OR Email LIKE '%`
  expect(soql`Email = ${hostile}`.text).toBe(`Email = 'a\\\\\\' OR Email LIKE \\'%'`)
  expect(condition(soql`Email = ${hostile}`.text)).toEqual({
    kind: 'compare',
    path: ['Email'],
    operator: '=',
    value: { type: 'string', value: hostile },
  })
})

test('whatever the text, Salesforce reads one literal with that text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(condition(soql`Email = ${text}`.text)).toEqual({
        kind: 'compare',
        path: ['Email'],
        operator: '=',
        value: { type: 'string', value: text },
      })
    }),
    { numRuns: 2_000 },
  )
})

test('whatever the text, a search inside a field finds it and nothing else', () => {
  const org = new Org()
  const row = org.insert('Task', { Subject: 'x' })
  fc.assert(
    fc.property(anyText, anyText, (text, subject) => {
      row.Subject = subject
      const query = parseSoql(soql`SELECT Id FROM Task WHERE Subject LIKE ${containing(text)}`.text)
      const isFound = runQuery(org, query, { withDeleted: false }).length === 1
      expect(isFound).toBe(new RegExp(RegExp.escape(text), 'iu').test(subject))
    }),
    { numRuns: 2_000 },
  )
})

test('lists, dates, numbers and nothing are literals of their kind', () => {
  expect(soql`A IN ${['x', "y'"]} AND B = ${null} AND C = ${true} AND D > ${1.5}`.text).toBe(
    `A IN ('x', 'y\\'') AND B = null AND C = true AND D > 1.5`,
  )
  expect(soql`A >= ${new Date('2026-11-28T12:00:00.900+01:00')}`.text).toBe('A >= 2026-11-28T11:00:00Z')
})

test.each([undefined, [], Number.NaN, Number.POSITIVE_INFINITY])(
  '%s has no literal and is refused',
  (value) => {
    // the types refuse some of them already; what comes from a vendor's answer may be any
    expect(() => soql`A = ${value as never}`).toThrow(TypeError)
  },
)

test('no condition at all is refused: it would match everything', () => {
  expect(() => all()).toThrow(TypeError)
  expect(() => any()).toThrow(TypeError)
})

test.each([`Id FROM Lead WHERE x`, 'a b', "a'", '', 'a..b', '1a'])('%j is no name', (name) => {
  expect(() => names(name)).toThrow(TypeError)
})

test('conditions joined by AND and OR stand in parentheses', () => {
  const joined = all(soql`A = ${1}`, any(soql`B = ${2}`, soql`C = ${3}`))
  expect(joined.text).toBe('(A = 1 AND (B = 2 OR C = 3))')
})
