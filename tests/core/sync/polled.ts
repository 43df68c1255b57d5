import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { importing, polling } from '#workers/tasks/sync.ts'

/** Lets what is read of CRMs come due until it is so. */
export const untilPolled = (
  foyer: Pick<TestFoyer, 'pool' | 'runSchedule'>,
  what: string,
  check: () => Promise<boolean> | boolean,
): Promise<boolean> =>
  waitFor(
    what,
    async () => {
      await foyer.pool.query(`update connection_sync set poll_due_at = 'epoch', import_due_at = 'epoch'`)
      for (const schedule of [polling, importing]) foyer.runSchedule(schedule)
      return check()
    },
    // at most as often as vendors are asked without having to wait for their limits
    { timeoutMs: 30_000, everyMs: 300 },
  )
