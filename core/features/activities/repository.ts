import { type RawBuilder, sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import type { Activity, ActivityKind } from '../../contracts/visitors.ts'
import type { Db } from '../../db/pool.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { knownEmail, sameVisitor } from '../visitors/repository.ts'

/** Where a page ended: microseconds since 1970 and the activity's id. PostgreSQL keeps microseconds, a Date would cut
 *  them off and step over a neighbour. */
export interface Place {
  micros: number
  id: string
}

interface ActivityRow {
  id: string
  kind: ActivityKind
  at: Date
  micros: number
  title: string | null
  detail: string | null
  source: string
  conversationId: string | null
  agentName: string | null
  outcome: string | null
  pages: Page[] | null
}

interface Range {
  visitorId: string
  /** Both instants belong to the range. */
  from: Date
  to: Date
  before: Place | null
  kind: ActivityKind | undefined
  limit: number
}

/** What a visit and a chat are called among activities; every other kind comes from the directory. */
const ownKinds = ['visit', 'chat']

/**
 * One history out of three sources, newest first: the visits of everybody with the visitor's e-mail address, their
 * chats as far as the viewer may see them, and what the directory recorded of the person. Each source yields at most
 * `limit` rows by its index before they are merged.
 */
export async function readActivities(
  db: Db,
  viewer: Viewer,
  range: Range,
): Promise<{ activities: Activity[]; places: Place[] }> {
  const { kind, limit } = range
  const sources: RawBuilder<unknown>[] = []
  if (!kind || kind === 'visit') sources.push(visits(range))
  if (!kind || kind === 'chat') sources.push(chats(range, viewer))
  if (!kind || !ownKinds.includes(kind)) sources.push(recorded(range))
  const { rows } = await sql<ActivityRow>`
    select a.*, (extract(epoch from a.at) * 1000000)::bigint as micros
    from (${sql.join(
      sources.map((source) => sql`(${source})`),
      sql` union all `,
    )}) a
    order by ${newestFirst} limit ${limit}`.execute(db)
  return {
    activities: rows.map(({ micros, at, ...row }) => ({
      ...row,
      at: at.toISOString(),
      pages: row.pages?.map(toPage) ?? null,
    })),
    places: rows.map(({ micros, id }) => ({ micros, id })),
  }
}

// ids compare by bytes, whatever language the database sorts in
const newestFirst = sql`at desc, id collate "C" desc`

function visits(range: Range): RawBuilder<unknown> {
  // last_at is not before started_at, so the index on it finds them
  return sql`
    select * from (
      select 'visit:' || s.id as id, 'visit' as kind, s.started_at as at, null as title, null as detail,
             'foyer' as source, null::uuid as conversation_id, null as agent_name, null as outcome, s.pages
      from visitors v join visits s on s.visitor_id in (${sameVisitor()})
      where v.id = ${range.visitorId} and s.last_at >= ${range.from}
    ) s where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

function chats(range: Range, viewer: Viewer): RawBuilder<unknown> {
  return sql`
    select * from (
      select 'chat:' || c.id as id, 'chat' as kind, c.requested_at as at, null as title, c.first_text as detail,
             'foyer' as source, c.id as conversation_id, a.name as agent_name, c.outcome, null::jsonb as pages
      from visitors v
      join conversations c on c.visitor_id in (${sameVisitor()})
      left join agents a on a.id = c.agent_id
      where v.id = ${range.visitorId} and c.requested_at >= ${range.from} and ${visibleTo(viewer)}
    ) c where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

function recorded(range: Range): RawBuilder<unknown> {
  return sql`
    select * from (
      select 'record:' || r.id as id, r.kind, r.at, r.subject as title, r.detail, r.source,
             null::uuid as conversation_id, null as agent_name, null as outcome, null::jsonb as pages
      from visitors v
      join people p on p.email = ${knownEmail()}
      join activities r on r.person_id = p.id
      where v.id = ${range.visitorId} and r.at >= ${range.from}
        and ${range.kind ? sql`r.kind = ${range.kind}` : sql`r.kind <> all (${ownKinds})`}
    ) r where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

const within = ({ from, to, before }: Range) => {
  const inRange = sql`at between ${from} and ${to}`
  if (!before) return inRange
  const place = sql`timestamptz 'epoch' + ${before.micros}::float8 * interval '1 microsecond'`
  return sql`${inRange} and (at, id collate "C") < (${place}, ${before.id} collate "C")`
}

const toPage = ({ url, title }: Page): Page => ({ url, title: title ?? null })
