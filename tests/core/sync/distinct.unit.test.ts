import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distinct, type Told } from '#core/features/activities/distinct.ts'

const told = fc
  .array(
    fc.record({
      connector: fc.constantFrom('acme', 'beta'),
      keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 3 }),
      kind: fc.constantFrom('email', 'task', 'meeting', 'note'),
      foyerKey: fc.option(fc.constantFrom('ours', 'theirs'), { nil: null }),
    }),
    { maxLength: 14 },
  )
  .map((all) =>
    all.map(
      (one, place): Told => ({
        ...one,
        kind: one.kind as Told['kind'],
        personId: 'p',
        externalId: `x${place}`,
        keys: [`${one.connector}:x${place}`, ...one.keys],
        at: new Date(place),
      }),
    ),
  )

/** Slowly: spread from each activity to all it touches until nothing is left to touch. */
function groupsByHand(all: Told[]): Told[][] {
  const left = new Set(all)
  const groups: Told[][] = []
  for (const first of all) {
    if (!left.delete(first)) continue
    const group = [first]
    for (const one of group)
      for (const other of [...left])
        if (other.keys.some((key) => one.keys.includes(key))) {
          left.delete(other)
          group.push(other)
        }
    groups.push(group)
  }
  return groups
}

test('of what is the same exactly one shows, and nothing of what Foyer wrote itself', () => {
  fc.assert(
    fc.property(told, (all) => {
      const shown = distinct(all, ['beta', 'acme'], (key) => key === 'ours')
      for (const group of groupsByHand(all)) {
        const isHidden = group.some(({ foyerKey }) => foyerKey === 'ours')
        const ofGroup = shown.filter((one) => group.includes(one))
        expect(ofGroup).toHaveLength(isHidden ? 0 : 1)
        // the e-mail stands for the task
        if (!isHidden && group.some(({ kind }) => kind === 'email')) expect(ofGroup[0]?.kind).toBe('email')
      }
    }),
  )
})

test('in which order they were told makes no difference', () => {
  fc.assert(
    fc.property(told, fc.infiniteStream(fc.nat()), (all, numbers) => {
      const other = all
        .map((one) => ({ one, at: numbers.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ one }) => one)
      const ids = (shown: Told[]) => shown.map(({ externalId }) => externalId).sort()
      expect(ids(distinct(other, ['acme'], () => false))).toEqual(ids(distinct(all, ['acme'], () => false)))
    }),
  )
})

test('an e-mail, its task and the same meeting in two CRMs are two activities, with the first CRM’s meeting', () => {
  const one = (connector: string, externalId: string, kind: Told['kind'], keys: string[]): Told => ({
    connector,
    personId: 'p',
    externalId,
    kind,
    keys: [`${connector}:${externalId}`, ...keys],
    at: new Date(0),
    foyerKey: null,
  })
  const shown = distinct(
    [
      one('salesforce', '02s1', 'email', ['salesforce:00T1']),
      one('salesforce', '00T1', 'task', []),
      one('salesforce', '00U1', 'meeting', ['ical:1']),
      one('hubspot', '77', 'meeting', ['ical:1']),
    ],
    ['hubspot', 'salesforce'],
    () => false,
  )
  expect(shown.map(({ connector, externalId }) => `${connector} ${externalId}`).sort()).toEqual([
    'hubspot 77',
    'salesforce 02s1',
  ])
})
