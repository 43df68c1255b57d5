import { followBrokenConnections } from '#core/features/calendars/broken.ts'
import { takeDueCalendars } from '#core/features/calendars/lease.ts'
import { readCalendars } from '#core/features/calendars/read.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import type { Services } from '#core/services.ts'
import { eachAsDue } from '../each-as-due.ts'
import { every } from '../schedules.ts'

/** Each holds a whole calendar in memory while it reads. */
const atOnce = 10

/** Of every connected calendar what changed, and when it is busy: one whose server answers late holds up no other one. */
export const readingCalendars = every<Services>(1_000, 'connected calendars', ({ services, signal, log }) =>
  eachAsDue(
    (atMost) => takeDueCalendars(services, atMost),
    (lease) =>
      readCalendars(services, lease, signal, applyCalendarChange).catch((error: unknown) =>
        log.error({ err: error, agent: lease.agentId }, 'A calendar was not read'),
      ),
    { signal, atOnce },
  ),
)

/** Calendars whose connection broke leave booking, and their agents hear of it. */
export const brokenCalendars = every<Services>(2_000, 'broken calendars', ({ services }) =>
  followBrokenConnections(services),
)
