import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Log } from '../../widget/app/chat/log.ts'
import { anEntry } from './samples.ts'

test('a log has no holes and no repeats, whatever comes twice, late or never', () => {
  fc.assert(
    fc.property(
      fc.nat(20),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 200 }),
      (from, arrivals) => {
        const log = new Log(from)
        for (const seq of arrivals) log.add(anEntry(seq))
        expect(log.entries.map(({ seq }) => seq)).toEqual(log.entries.map((_, i) => from + 1 + i))
        expect(log.behind).toBe(Math.max(from, ...arrivals) > log.applied)
      },
    ),
  )
})

test('a log that lost frames equals a fresh one after it read on from what it has', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), (arrives) => {
      const all = arrives.map((_, i) => anEntry(i + 1))
      const stale = new Log()
      for (const [i, entry] of all.entries()) if (arrives[i]) stale.add(entry)
      stale.addAll(all.slice(stale.applied))
      const fresh = new Log()
      fresh.addAll(all)
      expect(stale.entries).toEqual(fresh.entries)
      expect(stale.behind).toBe(false)
    }),
  )
})

test('older lines go before the first one held, and only if they meet it', () => {
  const log = new Log(10)
  log.addAll([anEntry(11), anEntry(12)])
  log.prepend([anEntry(7), anEntry(8)])
  expect(log.from).toBe(10)
  log.prepend([anEntry(8), anEntry(9), anEntry(10), anEntry(11)])
  expect(log.entries.map(({ seq }) => seq)).toEqual([8, 9, 10, 11, 12])
  expect(log.from).toBe(7)
})
