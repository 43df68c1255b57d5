import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { importing, polling } from '#workers/tasks/sync.ts'

/** Lets what is read of CRMs come due until it is so. The first look at them is had at once; those that follow come once in a second,
 *  as Foyer has them: more often they would wait for HubSpot's limits. */
export const untilPolled = (
  foyer: Pick<TestFoyer, 'pool' | 'runSchedule'>,
  what: string,
  check: () => Promise<boolean> | boolean,
): Promise<boolean> => {
  let isAsked = false
  return waitFor(
    what,
    async () => {
      await foyer.pool.query(`update connection_sync set poll_due_at = 'epoch', import_due_at = 'epoch'`)
      if (!isAsked) for (const schedule of [polling, importing]) foyer.runSchedule(schedule)
      isAsked = true
      return check()
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )
}
