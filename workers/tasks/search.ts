import { indexBacklog } from '#core/features/conversations/search.ts'
import type { Services } from '#core/services.ts'
import { every } from '../schedules.ts'

/** Messages become searchable within 5 s: the backlog is looked at every second, until nothing waits. */
export const searchIndexing = every<Services>(1_000, 'search indexing', async ({ services, signal }) => {
  while (!signal.aborted && (await indexBacklog(services)));
})
