import { NotYetError } from './task.ts'

/**
 * Lets at most so many of a kind run in this process, without making anybody wait: who finds no place comes again a little
 * later, and leaves its place in the queue to others.
 */
export function atOnce(places: number, againAfterMs: number) {
  const taken = new Map<string, number>()
  return async <T>(kind: string, work: () => Promise<T>): Promise<T> => {
    const now = taken.get(kind) ?? 0
    if (now >= places)
      throw new NotYetError('Others of its kind are under way.', againAfterMs * (1 + Math.random()))
    taken.set(kind, now + 1)
    try {
      return await work()
    } finally {
      const left = (taken.get(kind) ?? 1) - 1
      if (left > 0) taken.set(kind, left)
      else taken.delete(kind)
    }
  }
}
