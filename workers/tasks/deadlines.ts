import { endIdle, expireOffer, lookAfterGone, mailDeparted, withdrawGone } from '#core/contracts/jobs.ts'
import { mailIfDeparted, sweepDepartures } from '#core/features/conversations/departures.ts'
import { endIfIdle, sweepConversations, withdrawIfGone } from '#core/features/conversations/endings.ts'
import { sweepClaims } from '#core/features/conversations/missed.ts'
import { sweepGoneAgents } from '#core/features/routing/agent-gone.ts'
import { expire, sweepOffers } from '#core/features/routing/offers.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'
import { defineOutsideTask, type OutsideWork } from '../task.ts'

/** Each only looks whether its deadline has passed, in a transaction of its own; so late, early and repeated runs are
 *  harmless, and what a lost job missed the sweep finds. */
export const deadlineTasks = [
  defineOutsideTask({
    ...expireOffer,
    attempts: 10,
    run: ({ services, payload }: OutsideWork<typeof expireOffer, Services>) =>
      expire(services, payload.offerId),
  }),
  defineOutsideTask({
    ...endIdle,
    attempts: 10,
    run: ({ services, payload }: OutsideWork<typeof endIdle, Services>) =>
      endIfIdle(services, payload.conversationId),
  }),
  defineOutsideTask({
    ...withdrawGone,
    attempts: 10,
    run: ({ services, payload }: OutsideWork<typeof withdrawGone, Services>) =>
      withdrawIfGone(services, payload.conversationId),
  }),
  defineOutsideTask({
    ...lookAfterGone,
    attempts: 10,
    run: ({ services }: OutsideWork<typeof lookAfterGone, Services>) => sweepGoneAgents(services),
  }),
  defineOutsideTask({
    ...mailDeparted,
    attempts: 10,
    run: ({ services, payload }: OutsideWork<typeof mailDeparted, Services>) =>
      mailIfDeparted(services, payload.conversationId),
  }),
]

export const deadlineSweep = every<Services>(
  1_000,
  'overdue deadlines',
  async ({ services }) => {
    // one after the other: five at once would take both cores of a small machine from the messages of that moment
    const sweeps = [sweepOffers, sweepConversations, sweepGoneAgents, sweepDepartures, sweepClaims]
    const failures: unknown[] = []
    for (const sweep of sweeps) await sweep(services).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  },
  { oneProcess: true },
)
