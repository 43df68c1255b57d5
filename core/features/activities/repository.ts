import { type RawBuilder, sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import type { Activity, ActivityKind } from '../../contracts/visitors.ts'
import type { Db } from '../../db/pool.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { knownEmail } from '../visitors/known.ts'
import { sameVisitor } from '../visitors/repository.ts'
import type { Told } from './distinct.ts'
import { mirroredActivities } from './mirrored.ts'

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
  isAllDay: boolean
  url: string | null
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

/** What a visit and a chat are called among activities; the other kinds come from elsewhere as well. */
const ownKinds = ['visit', 'chat']

/**
 * One history out of five sources, newest first: the visits of everybody with the visitor's e-mail address, their
 * chats as far as the viewer may see them, their meetings, what the directory recorded of the person, and what the CRMs did. Each source
 * yields at most `limit` rows before they are merged.
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
  if (!kind || kind === 'meeting') sources.push(meetings(range))
  if (!kind || !ownKinds.includes(kind)) {
    sources.push(recorded(range))
    const told = await pageOfTold(db, range)
    if (told.length > 0) sources.push(mirrored(told))
  }
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
             'foyer' as source, null::uuid as conversation_id, null as agent_name, null as outcome, s.pages,
             false as is_all_day, null as url
      from visitors v join visits s on s.visitor_id in (${sameVisitor()})
      where v.id = ${range.visitorId} and s.last_at >= ${range.from}
    ) s where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

function chats(range: Range, viewer: Viewer): RawBuilder<unknown> {
  return sql`
    select * from (
      select 'chat:' || c.id as id, 'chat' as kind, c.requested_at as at, null as title, c.first_text as detail,
             'foyer' as source, c.id as conversation_id, a.name as agent_name, c.outcome, null::jsonb as pages,
             false as is_all_day, null as url
      from visitors v
      join conversations c on c.visitor_id in (${sameVisitor()})
      left join agents a on a.id = c.agent_id
      where v.id = ${range.visitorId} and c.requested_at >= ${range.from} and ${visibleTo(viewer)}
    ) c where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

/** Those whose time has come; the ones ahead stand above the history. */
function meetings(range: Range): RawBuilder<unknown> {
  return sql`
    select * from (
      select 'meeting:' || m.id as id, 'meeting' as kind, m.start_at as at, m.title, m.note as detail,
             'foyer' as source, null::uuid as conversation_id, a.name as agent_name,
             case when m.state = 'cancelled' then 'cancelled' end as outcome, null::jsonb as pages,
             false as is_all_day, null as url
      from visitors v
      join lateral (
        select id from meetings where visitor_id in (${sameVisitor()}) and start_at between ${range.from} and ${range.to}
        union
        select id from meetings where email = ${knownEmail()} and start_at between ${range.from} and ${range.to}
      ) theirs on true
      join meetings m on m.id = theirs.id
      join agents a on a.id = m.agent_id
      where v.id = ${range.visitorId} and m.booked_at is not null
    ) m where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

function recorded(range: Range): RawBuilder<unknown> {
  return sql`
    select * from (
      select 'record:' || r.id as id, r.kind, r.at, r.subject as title, r.detail, r.source,
             null::uuid as conversation_id, null as agent_name, null as outcome, null::jsonb as pages,
             false as is_all_day, null as url
      from visitors v
      join people p on p.email = ${knownEmail()}
      join activities r on r.person_id = p.id
      where v.id = ${range.visitorId} and r.at >= ${range.from}
        and ${range.kind ? sql`r.kind = ${range.kind}` : sql`r.kind <> all (${ownKinds})`}
    ) r where ${within(range)} order by ${newestFirst} limit ${range.limit}`
}

/** The newest of a page, each once: what is the same is only known when all of it is. */
async function pageOfTold(db: Db, { before, kind, limit, ...range }: Range): Promise<Told[]> {
  const told = await mirroredActivities(db, range)
  const place = (one: Told) => ({ micros: one.at.getTime() * 1_000, id: idOf(one) })
  const isAfter = (one: Place, other: Place) =>
    one.micros < other.micros ||
    (one.micros === other.micros && Buffer.compare(Buffer.from(one.id), Buffer.from(other.id)) < 0)
  return told
    .filter((one) => (!kind || one.kind === kind) && (!before || isAfter(place(one), before)))
    .toSorted((one, other) => (isAfter(place(one), place(other)) ? 1 : -1))
    .slice(0, limit)
}

const idOf = ({ connector, externalId }: Told) => `crm:${connector}:${externalId}`

function mirrored(told: Told[]): RawBuilder<unknown> {
  const columns = [
    told.map((one) => one.connector),
    told.map((one) => one.personId),
    told.map((one) => one.externalId),
  ]
  return sql`
    select 'crm:' || a.connector || ':' || a.external_id as id, a.kind, a.at, a.title, a.detail, a.connector as source,
           null::uuid as conversation_id, null as agent_name, null as outcome, null::jsonb as pages,
           a.is_all_day, a.url
    from activities_mirror a
    join unnest(${columns[0]}::text[], ${columns[1]}::text[], ${columns[2]}::text[]) as t (connector, person_id, external_id)
      using (connector, person_id, external_id)`
}

const within = ({ from, to, before }: Range) => {
  const inRange = sql`at between ${from} and ${to}`
  if (!before) return inRange
  const place = sql`timestamptz 'epoch' + ${before.micros}::float8 * interval '1 microsecond'`
  return sql`${inRange} and (at, id collate "C") < (${place}, ${before.id} collate "C")`
}

const toPage = ({ url, title }: Page): Page => ({ url, title: title ?? null })
