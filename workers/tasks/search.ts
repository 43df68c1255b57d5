import { hasBacklog, indexBacklog } from '#core/features/conversations/search.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

/** So many lines a millisecond are several of each conversation before anybody could search for them, and a document of many costs
 *  little more than one of two. */
const flood = 4
/** Of people who write at their own pace these are the messages of a moment; what is beyond is taken in great portions. */
const firstGroups = 32

let lookedAt = performance.now()

/** Messages become searchable within 5 s. The backlog is looked at often, so that little waits each time: whoever writes
 *  while words are written waits for them. At 500 messages a second, p99 on a fast disk: 10.4 ms with what a fifth of a second
 *  brings at once, 6.9 with a twentieth, 6.6 without any. */
export const searchIndexing = every<Services>(
  50,
  'search indexing',
  async ({ services, signal }) => {
    const sinceMs = performance.now() - lookedAt
    lookedAt += sinceMs
    if (!(await hasBacklog(services.db))) return false
    let taken = 0
    for (let mayBeMore = true; mayBeMore && !signal.aborted; ) {
      const indexed = await indexBacklog(services, taken === 0 ? { groups: firstGroups } : {})
      taken += indexed.lines
      mayBeMore = indexed.mayBeMore
    }
    return taken / sinceMs < flood || 'much'
  },
  // a look costs both processes about a millisecond, and most of the day nobody writes; in a flood more at once is cheaper
  { idleMs: 1_000, muchMs: 1_500 },
)
