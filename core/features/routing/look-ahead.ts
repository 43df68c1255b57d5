import type { Db } from '../../db/pool.ts'
import type { Considered } from './order.ts'

/** How many of the round robin over all a choice reads before it reads everybody. Nearly always the next one is free; where
 *  many are full it is one far around the circle, as it was for those who asked just before. Whom a choice asks, and what the
 *  trace says, does not depend on it: only how much is read under the lock that others wait for. */

const atLeast = 20
/** Beyond, all chats counted at once take less time than those of each agent. */
const atMost = 100

/** How far the last choices went. One a database: a process may serve several in tests. */
const reaches = new WeakMap<Db, number>()

/** @returns twice as many as the last choices went through; null for everybody. */
export function lookAhead(db: Db): number | null {
  const limit = Math.max(atLeast, 2 * Math.ceil(reaches.get(db) ?? 0))
  return limit > atMost ? null : limit
}

/** @param considered in order, up to whoever is asked. */
export function rememberReach(db: Db, considered: Considered[]): void {
  const went = considered.filter(({ stage }) => stage === 'round_robin').length
  // who was found by name says nothing of the circle
  if (went === 0) return
  // the gaps around the circle differ: the widest of the last few
  reaches.set(db, Math.max(went, 0.8 * (reaches.get(db) ?? 0)))
}
