import { expect, test } from 'vitest'
import type { Db } from '#core/db/pool.ts'
import { lookAhead, rememberReach } from '#core/features/routing/look-ahead.ts'
import type { Considered } from '#core/features/routing/order.ts'
import { roundTheClock } from '#tests/support/factories.ts'

/** Only what belongs to one database is remembered together. */
const aDatabase = () => ({}) as Db

const considered = (count: number, stage: Considered['stage'] = 'round_robin'): Considered[] =>
  Array.from({ length: count }, (_, n) => ({
    stage,
    label: null,
    turnOf: null,
    candidate: {
      id: `agent ${n}`,
      name: `Agent ${n}`,
      position: n,
      mayChat: true,
      reachable: true,
      asked: false,
      load: 0,
      schedule: roundTheClock,
      override: null,
    },
    verdict: { free: true },
  }))

test('the next twenty are read first, as long as one of them was asked', () => {
  const db = aDatabase()
  expect(lookAhead(db)).toBe(20)
  for (const went of [1, 10, 3]) rememberReach(db, considered(went))
  expect(lookAhead(db)).toBe(20)
})

test('where the last request went far, twice as many are read at once, and beyond a hundred everybody', () => {
  const db = aDatabase()
  rememberReach(db, considered(40))
  expect(lookAhead(db)).toBe(80)
  // a narrower gap does not hide the wide one at once
  rememberReach(db, considered(2))
  expect(lookAhead(db)).toBe(64)
  rememberReach(db, considered(51))
  expect(lookAhead(db)).toBe(null)
  expect(lookAhead(aDatabase())).toBe(20)
})

test('when nobody has to be passed over any more it is back at twenty after fourteen requests', () => {
  const db = aDatabase()
  rememberReach(db, considered(200))
  for (let n = 0; n < 12; n++) rememberReach(db, considered(1))
  expect(lookAhead(db)).toBe(28)
  for (let n = 0; n < 2; n++) rememberReach(db, considered(1))
  expect(lookAhead(db)).toBe(20)
})

test('whoever was asked by name changes nothing', () => {
  const db = aDatabase()
  rememberReach(db, considered(40))
  rememberReach(db, considered(1, 'account'))
  expect(lookAhead(db)).toBe(80)
})
