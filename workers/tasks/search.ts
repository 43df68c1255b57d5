import { hasBacklog, indexBacklog } from '#core/features/conversations/search.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

/** So many lines in one run are several of each conversation, and a document of many costs little more than one of two. */
const manyLines = 1_000

/** Messages become searchable within 5 s. The backlog is looked at often, so that little waits each time: the words of a
 *  second of messages at once keep those of that moment waiting (p99 at 500/s: 15 ms, against 10 with a fifth of them; with a
 *  twentieth it is no better, since each look and commit costs something, too). */
export const searchIndexing = every<Services>(
  200,
  'search indexing',
  async ({ services, signal }) => {
    if (!(await hasBacklog(services.db))) return false
    let taken = 0
    for (let mayBeMore = true; mayBeMore && !signal.aborted; ) {
      const indexed = await indexBacklog(services)
      taken += indexed.lines
      mayBeMore = indexed.mayBeMore
    }
    return taken < manyLines || 'much'
  },
  // a look costs both processes about a millisecond, and most of the day nobody writes; in a flood more at once is cheaper
  { idleMs: 1_000, muchMs: 1_500 },
)
