import { followBrokenConnections } from '#core/features/calendars/broken.ts'
import { takeDueCalendars } from '#core/features/calendars/lease.ts'
import { readCalendars } from '#core/features/calendars/read.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

/** Of every connected calendar what changed, and when it is busy. Any number of processes may: a lease says whose turn it is. */
export const readingCalendars = every<Services>(
  1_000,
  'connected calendars',
  async ({ services, signal, log }) => {
    for (;;) {
      const due = await takeDueCalendars(services)
      if (due.length === 0 || signal.aborted) return
      await Promise.all(
        due.map((lease) =>
          readCalendars(services, lease, signal, applyCalendarChange).catch((error: unknown) =>
            log.error({ err: error, agent: lease.agentId }, 'A calendar was not read'),
          ),
        ),
      )
    }
  },
)

/** Calendars whose connection broke leave booking, and their agents hear of it. */
export const brokenCalendars = every<Services>(2_000, 'broken calendars', ({ services }) =>
  followBrokenConnections(services),
)
