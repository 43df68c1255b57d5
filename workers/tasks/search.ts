import { hasBacklog, indexBacklog } from '#core/features/conversations/search.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

/** Messages become searchable within 5 s. The backlog is looked at often, so that little waits each time: the words of a
 *  second of messages at once keep those of that moment waiting (p99 at 500/s: 15 ms, against 10 with a fifth of them). */
export const searchIndexing = every<Services>(
  200,
  'search indexing',
  async ({ services, signal }) => {
    const found = await hasBacklog(services.db)
    while (found && !signal.aborted && (await indexBacklog(services)));
    return found
  },
  // a look costs both processes about a millisecond, and most of the day nobody writes
  { idleMs: 1_000 },
)
