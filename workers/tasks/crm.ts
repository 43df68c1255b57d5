import { RateLimitedError } from '#connectors/sdk/errors.ts'
import { adviceOn, soonMs } from '#connectors/sdk/retries.ts'
import {
  applyWebhookEvent as applyContract,
  erasePerson as eraseContract,
  refreshPerson as refreshContract,
  writeToCrm as writeContract,
} from '#core/contracts/jobs.ts'
import { ConnectionClosedError, openConnection } from '#core/features/connections/open.ts'
import { refreshPersonNow } from '#core/features/mirror/refresh.ts'
import { eraseEverywhere } from '#core/features/people/erase.ts'
import { applyEvent, readEvent, StillThereError } from '#core/features/sync/events.ts'
import { resumeHeld } from '#core/features/write-back/orders.ts'
import { giveUp, WriteLaterError, WriteRefusedError, writeNow } from '#core/features/write-back/run.ts'
import type { Services } from '#core/services.ts'
import { atOnce } from '../at-once.ts'
import { every } from '../schedules.ts'
import { backOffMs, defineOutsideTask, NotYetError, type OutsideWork, PermanentError } from '../task.ts'

/** So many of one connection at a time: one that hangs leaves room for the others. */
const live = atOnce(8, 300)
const background = atOnce(4, 5_000)

/** No sooner than a vendor that holds a record locked wants to be asked again. */
const patiently = (attempt: number) => Math.max(soonMs, backOffMs(attempt))

/** Reads what one CRM says of a person now, and tells whoever waits for it. */
export const refreshPerson = defineOutsideTask({
  ...refreshContract,
  lane: 'providers',
  // what cannot be read now is asked for again with the next poll that goes well, and with the next offer
  attempts: 3,
  backOffMs: () => 1_000,
  leaseMs: 30_000,
  run: ({ services, payload, signal }: OutsideWork<typeof refreshContract, Services>) =>
    live(payload.connectionId, () => refreshPersonNow(services, payload, signal)),
})

/** If the worker dies between the effect and `done`, the next run finds what that one wrote: see writeNow. */
export const writeToCrm = defineOutsideTask({
  ...writeContract,
  lane: 'providers',
  // with back-off up to an hour: for half a day
  attempts: 20,
  backOffMs: patiently,
  leaseMs: 30_000,
  run: ({ services, payload, signal }: OutsideWork<typeof writeContract, Services>) =>
    background(payload.connectionId, async () => {
      try {
        return await writeNow(services, payload.writeId, signal)
      } catch (error) {
        if (error instanceof WriteLaterError) throw new NotYetError(error.message, error.afterMs)
        if (error instanceof WriteRefusedError) throw new PermanentError(error.message, { cause: error })
        throw error
      }
    }),
  gaveUp: ({ payload, tx, clock }, reason) => giveUp(tx, payload.writeId, clock.now(), reason),
})

/** A connection that may not be used: what it missed its feed tells when it goes on. Nothing else tells of an erasure. */
const closedAgainAfterMs = 10 * 60_000

/** Reads the record that a vendor told of. */
export const applyWebhookEvent = defineOutsideTask({
  ...applyContract,
  lane: 'providers',
  // with back-off up to half an hour
  attempts: 10,
  backOffMs: patiently,
  leaseMs: 30_000,
  run: ({ services, payload, signal }: OutsideWork<typeof applyContract, Services>) =>
    background(payload.connectionId, async () => {
      const event = await readEvent(services, payload.eventId)
      if (!event) return
      try {
        const open = await openConnection(services, event.connectionId, { signal, priority: 'background' })
        await applyEvent(services, open, event)
      } catch (error) {
        if (error instanceof StillThereError) throw new NotYetError(error.message, error.afterMs)
        const isClosed = error instanceof ConnectionClosedError || adviceOn(error)?.again === 'on_repair'
        if (isClosed && event.change.type === 'gone' && event.change.erase)
          throw new NotYetError((error as Error).message, closedAgainAfterMs)
        if (isClosed) return
        if (error instanceof RateLimitedError) throw new NotYetError(error.message, error.retryAfterMs)
        throw error
      }
    }),
})

const eraseAgainAfterMs = 10 * 60_000

/** Erases here whom a CRM erased for privacy. */
export const erasePerson = defineOutsideTask({
  ...eraseContract,
  attempts: 20,
  async run({ services, payload }: OutsideWork<typeof eraseContract, Services>) {
    if (!(await eraseEverywhere(services, payload.erasureId)))
      throw new NotYetError('A chat with this person goes on.', eraseAgainAfterMs)
  },
})

/** What was put aside while a connection was paused or broken. */
export const heldWrites = every<Services>(
  2_000,
  'what waits for a CRM',
  ({ services }) => resumeHeld(services),
  { oneProcess: true },
)
