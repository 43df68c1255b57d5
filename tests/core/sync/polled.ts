import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** Lets what is read of CRMs come due until it is so. */
export const untilPolled = (
  { pool }: Pick<TestFoyer, 'pool'>,
  what: string,
  check: () => Promise<boolean> | boolean,
): Promise<boolean> =>
  waitFor(
    what,
    async () => {
      await pool.query(`update connection_sync set poll_due_at = 'epoch', import_due_at = 'epoch'`)
      return check()
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )
