import type { Pool } from 'pg'
import { findContradictions } from '#core/verify/contradictions.ts'
import { waitFor } from './wait.ts'

const lateAfterMs = 20_000

/** What `npm run verify` looks for; waits until what a fault has held up is done. */
export function expectNoContradictions(pool: Pool): Promise<unknown> {
  return waitFor(
    'nothing that is stored contradicts itself',
    async () => {
      const found = await findContradictions(pool, new Date(Date.now() - lateAfterMs))
      if (found.length > 0) throw new Error(JSON.stringify(found, null, 2))
      return true
    },
    { everyMs: 500 },
  )
}
