import { type RawBuilder, sql } from 'kysely'
import type { Draft, Facts, ReplayedRequest, RuleReplay } from '../../contracts/routing-rules.ts'
import type { Db } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { matchRules } from './book.ts'
import { compileGroup, Known } from './matching.ts'
import { rulesWithDraft } from './preview.ts'
import { refuseUnknown } from './service.ts'

const weekMs = 7 * 86_400_000
const examinedAtMost = 50_000
const atOnce = 1_000
const shownAtMost = 200
/** Whoever asked is still waiting then. */
const patienceMs = 8_000

/**
 * Which requests of the last seven days a rule that is not saved would have matched, by what was known of them then. Reads
 * the newest 50,000, or as many as eight seconds allow, in batches, so that memory stays the same and other requests come
 * in between. Chats that the viewer may not see are not looked at. Changes nothing.
 * @throws {InvalidInputError} for agents, teams or sites nobody knows
 */
export async function replayRule({ db, clock }: Services, viewer: Viewer, draft: Draft): Promise<RuleReplay> {
  await refuseUnknown(db, draft)
  const to = clock.now()
  const from = new Date(to.getTime() - weekMs)
  const conditions = compileGroup(draft.conditions)
  const rules = await rulesWithDraft(db, draft)
  const found: { id: string; wouldMatch: ReplayedRequest['wouldMatch'] }[] = []
  let examined = 0
  let matched = 0
  let decided = 0
  let complete = true
  const began = performance.now()
  for await (const requests of readRequests(db, viewer, from, to)) {
    for (const { id, facts } of requests) {
      if (examined === examinedAtMost) {
        complete = false
        break
      }
      examined += 1
      if (!conditions.holds(new Known(facts))) continue
      matched += 1
      const decides = matchRules(rules, facts)?.rule
      if (decides?.isDraft) decided += 1
      if (found.length < shownAtMost)
        found.push({
          id,
          wouldMatch: decides ? { name: decides.name, isDraft: decides.isDraft === true } : null,
        })
    }
    if (performance.now() - began > patienceMs) complete = false
    if (!complete) break
  }
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    examined,
    matched,
    decided,
    complete,
    requests: await describe(db, viewer, found),
  }
}

/** Newest first, a batch at a time. */
async function* readRequests(
  db: Db,
  viewer: Viewer,
  from: Date,
  to: Date,
): AsyncGenerator<{ id: string; facts: Facts }[]> {
  let before: RawBuilder<unknown> = sql`true`
  for (;;) {
    // looked up one by one: a join would read and sort the whole week for each batch while tables have no statistics
    const { rows } = await sql<{ id: string; facts: Facts; at: string; isVisible: boolean }>`
      select r.conversation_id as id, r.facts, r.at::text as at,
             exists (select from conversations c where c.id = r.conversation_id and ${visibleTo(viewer)} offset 0) as is_visible
      from routing_requests r
      where r.at >= ${from} and r.at <= ${to} and ${before}
      order by r.at desc, r.conversation_id desc limit ${atOnce}`.execute(db)
    yield rows.filter(({ isVisible }) => isVisible)
    const last = rows.at(-1)
    if (!last || rows.length < atOnce) return
    before = sql`(r.at, r.conversation_id) < (${last.at}::timestamptz, ${last.id}::uuid)`
  }
}

interface Row extends Omit<ReplayedRequest, 'wouldMatch' | 'at' | 'visitor'> {
  at: Date
  name: string | null
  company: string | null
}

/** What became of them, in their order. Looked at again with the viewer's eyes: a chat may have been routed again since. */
async function describe(
  db: Db,
  viewer: Viewer,
  found: { id: string; wouldMatch: ReplayedRequest['wouldMatch'] }[],
): Promise<ReplayedRequest[]> {
  const { rows } = await sql<Row>`
    select c.id as conversation_id, r.at, c.status, c.end_reason,
           r.facts ->> 'visitor.name' as name, r.facts ->> 'visitor.company' as company, r.facts ->> 'page.url' as page,
           (select jsonb_build_object('id', a.id, 'name', a.name) from agents a where a.id = c.agent_id) as agent,
           coalesce((
             select jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) order by o.offered_at, o.id)
             from offers o join agents a on a.id = o.agent_id where o.conversation_id = c.id), '[]') as asked
    from routing_requests r join conversations c on c.id = r.conversation_id
    where c.id = any (${found.map(({ id }) => id)}::uuid[]) and ${visibleTo(viewer)}`.execute(db)
  const byId = new Map(rows.map((row) => [row.conversationId, row]))
  return found.flatMap(({ id, wouldMatch }) => {
    const row = byId.get(id)
    if (!row) return []
    const { at, name, company, ...rest } = row
    return { ...rest, at: at.toISOString(), visitor: { name, company }, wouldMatch }
  })
}
