import { refreshPerson as refreshContract } from '#core/contracts/jobs.ts'
import { refreshPersonNow } from '#core/features/mirror/refresh.ts'
import type { Services } from '#core/services.ts'
import { atOnce } from '../at-once.ts'
import { defineOutsideTask, type OutsideWork } from '../task.ts'

/** So many questions of one connection at a time: one that hangs leaves room for the others. */
const live = atOnce(8, 300)

export const refreshPerson = defineOutsideTask({
  ...refreshContract,
  lane: 'providers',
  // what cannot be read now is asked for again with the next offer
  attempts: 3,
  backOffMs: () => 1_000,
  leaseMs: 30_000,
  run: ({ services, payload, signal }: OutsideWork<typeof refreshContract, Services>) =>
    live(payload.connectionId, () => refreshPersonNow(services, payload, signal)),
})
