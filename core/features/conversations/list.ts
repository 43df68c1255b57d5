import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { ConversationPage, ListConversations } from '../../contracts/conversations.ts'
import { readCursor, writeCursor } from '../../db/cursor.ts'
import type { Db } from '../../db/pool.ts'
import { quotesOf } from './quotes.ts'
import { summaries } from './repository.ts'
import { findMatches } from './search.ts'
import { type Viewer, visibleTo } from './visibility.ts'

const pageSize = 50

/**
 * One page of a list. `active`: the viewer's own, all at once (their number is capped), longest waiting first. `all`:
 * the same ones on the first page, with those of others for whoever may watch them, then everybody's ended and missed ones by their end. `missed`: by their end.
 * @throws {InvalidInputError} a cursor that this list never gave
 */
export async function listConversations(
  db: Db,
  now: Date,
  viewer: Viewer,
  request: z.output<typeof ListConversations>,
): Promise<ConversationPage> {
  // lists that give no cursor were given one by nobody
  const after = request.cursor ? readCursor(request.cursor) : null
  if (request.query) return search(db, now, viewer, request, request.query)
  const mine = sql`c.status = 'active' and c.agent_id = ${viewer.id} and ${filters(request, sql`c.last_at`)}`
  if (request.view === 'active')
    return {
      conversations: await summaries(
        db,
        now,
        mine,
        sql`order by c.waiting_since asc nulls last, c.last_at desc, c.id`,
      ),
      nextCursor: null,
    }
  const closed = await listClosed(db, now, viewer, request, after)
  if (request.view === 'missed' || request.cursor) return closed
  const open = viewer.permissions.has('conversations.supervise')
    ? sql`c.status = 'active' and ${visibleTo(viewer)} and ${filters(request, sql`c.last_at`)}`
    : mine
  const own = await summaries(db, now, open, sql`order by c.last_at desc, c.id desc`)
  return { conversations: [...own, ...closed.conversations], nextCursor: closed.nextCursor }
}

async function listClosed(
  db: Db,
  now: Date,
  viewer: Viewer,
  request: z.output<typeof ListConversations>,
  after: ReturnType<typeof readCursor> | null,
): Promise<ConversationPage> {
  const status = request.view === 'missed' ? sql`c.status = 'missed'` : sql`c.status in ('ended', 'missed')`
  const from = after ? sql`(c.ended_at, c.id) < (${after.at}, ${after.id}::uuid)` : sql`true`
  const conversations = await summaries(
    db,
    now,
    sql`${status} and ${visibleTo(viewer)} and ${filters(request, sql`c.ended_at`)} and ${from}`,
    sql`order by c.ended_at desc, c.id desc limit ${pageSize + 1}`,
  )
  const page = conversations.slice(0, pageSize)
  const last = page.at(-1)
  const more = conversations.length > pageSize && last?.endedAt
  return { conversations: page, nextCursor: more ? writeCursor(new Date(last.endedAt ?? 0), last.id) : null }
}

/** @param at when a conversation counts as having been: named bare where an index goes by it */
const filters = (
  { agentId, outcome, from, to }: z.output<typeof ListConversations>,
  at: RawBuilder<unknown>,
) =>
  sql.join(
    [
      sql`true`,
      ...(agentId ? [sql`c.agent_id = ${agentId}`] : []),
      ...(outcome ? [sql`c.outcome = ${outcome}`] : []),
      ...(from ? [sql`${at} >= ${from}`] : []),
      ...(to ? [sql`${at} < ${to}`] : []),
    ],
    sql` and `,
  )

async function search(
  db: Db,
  now: Date,
  viewer: Viewer,
  request: z.output<typeof ListConversations>,
  query: string,
): Promise<ConversationPage> {
  const view =
    request.view === 'missed'
      ? sql`c.status = 'missed'`
      : request.view === 'active'
        ? sql`c.status = 'active' and c.agent_id = ${viewer.id}`
        : sql`true`
  const filtered = filters(request, sql`coalesce(c.ended_at, c.last_at)`)
  const ids = await findMatches(db, query, sql`${visibleTo(viewer)} and ${view} and ${filtered}`)
  const conversations = await summaries(
    db,
    now,
    // once more, since the search is a query of its own
    sql`c.id = any (${ids}::uuid[]) and ${visibleTo(viewer)}`,
    sql`order by c.last_at desc, c.id desc`,
  )
  const found = await quotesOf(
    db,
    conversations.map(({ id }) => id),
    query,
  )
  return { conversations, nextCursor: null, found }
}
