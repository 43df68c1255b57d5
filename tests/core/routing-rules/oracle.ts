import type { Condition, Facts, Group } from '#core/contracts/routing-rules.ts'

/** What a rule's conditions mean, written down as plainly as can be: no compiling, no caches, each operator by itself. */
export function slowlyHolds(node: Condition | Group, facts: Facts): boolean {
  if (node.type === 'group') {
    if (node.conditions.length === 0) return true
    let held = 0
    for (const part of node.conditions) if (slowlyHolds(part, facts)) held += 1
    return node.match === 'all' ? held === node.conditions.length : held > 0
  }
  const values = valuesOf(node.fact, facts)
  const wanted = [node.value ?? []].flat().map((value) => plain(node.fact, value))
  const first = wanted[0] ?? ''
  switch (node.operator) {
    case 'empty':
      return values.length === 0
    case 'not_empty':
      return values.length !== 0
    case 'is':
    case 'in_list':
      return values.some((value) => wanted.some((one) => one === value))
    case 'is_not':
    case 'not_in_list':
      return values.every((value) => wanted.every((one) => one !== value))
    case 'contains':
      return values.some((value) => value.split(first).length > 1)
    case 'contains_not':
      return values.every((value) => value.split(first).length === 1)
    case 'starts_with':
      return values.some((value) => value.substring(0, first.length) === first)
    case 'starts_with_not':
      return values.every((value) => value.substring(0, first.length) !== first)
    case 'greater':
      return values.some((value) => differ(value, first, (difference) => difference > 0))
    case 'at_least':
      return values.some((value) => differ(value, first, (difference) => difference >= 0))
    case 'less':
      return values.some((value) => differ(value, first, (difference) => difference < 0))
    case 'at_most':
      return values.some((value) => differ(value, first, (difference) => difference <= 0))
  }
}

function valuesOf(fact: string, facts: Facts): string[] {
  const value = facts[fact]
  if (value === undefined) return []
  return (Array.isArray(value) ? value : [value])
    .map((one) => plain(fact, one))
    .filter((one) => one.length > 0)
}

function plain(fact: string, value: string | number | boolean): string {
  let text = `${value}`.normalize('NFKC').toLowerCase().normalize('NFKC')
  text = text.split(/\s/u).filter(Boolean).join(' ')
  if (fact === 'visitor.phone') text = [...text].filter((letter) => /[\p{L}\p{N}+]/u.test(letter)).join('')
  return text
}

/** By minutes, by days or by size, where both sides are of that kind. */
function differ(value: string, wanted: string, holds: (difference: number) => boolean): boolean {
  const kinds: [RegExp, (text: string) => number][] = [
    [/^\d\d:\d\d/, (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))],
    [/^\d{4}-\d\d-\d\d/, (text) => Date.UTC(+text.slice(0, 4), +text.slice(5, 7) - 1, +text.slice(8, 10))],
    [/^[+-]?\d+(\.\d+)?$/, Number],
  ]
  for (const [kind, measure] of kinds)
    if (kind.test(wanted)) return kind.test(value) && holds(measure(value) - measure(wanted))
  return false
}
