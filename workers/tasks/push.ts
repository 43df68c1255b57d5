import { sendPush as contract } from '#core/contracts/jobs.ts'
import { deliver, finish } from '#core/features/push/deliver.ts'
import { sweepPushes } from '#core/features/push/pushes.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'
import { defineOutsideTask, type OutsideWork } from '../task.ts'

/** If the worker dies after the push service took the notification and before the row says so, it is sent again; the
 *  device shows the second in the place of the first. */
export const sendPush = defineOutsideTask({
  ...contract,
  // ends with the notification's own end, long before
  attempts: 1_000,
  backOffMs: (attempt) => Math.min(8_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2),
  leaseMs: 30_000,
  run: ({ services, payload, row, signal }: OutsideWork<typeof contract, Services>) =>
    deliver(services, payload.pushId, row.attempts, signal),
  gaveUp: ({ payload: { pushId }, tx }, reason) => finish(tx, pushId, 'failed', reason),
})

export const pushSweep = every<Services>(
  1_000,
  'what devices have not been told',
  ({ services }) => sweepPushes(services),
  { oneProcess: true },
)
