import { patienceMs } from './patience.ts'

/** Thrown by a look that sees that waiting on makes no sense. */
export class HopelessError extends Error {
  override name = 'HopelessError'
}

/** Waits until `look` gives something that is neither undefined, null nor false, and returns it. What it throws
 *  counts as "not yet", but for a HopelessError; the last reason is part of the failure. */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeoutMs = patienceMs, everyMs = 20 } = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeoutMs
  let reason: unknown
  do {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== null && seen !== false)
        return seen as Exclude<T, undefined | null | false>
      reason = undefined
    } catch (error) {
      if (error instanceof HopelessError) throw error
      reason = error
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  } while (performance.now() < deadline)
  throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`, { cause: reason })
}
