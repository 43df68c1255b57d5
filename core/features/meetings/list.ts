import { sql } from 'kysely'
import { z } from 'zod'
import { Id, Instant } from '../../contracts/common.ts'
import type {
  BookableCalendar,
  ListCalendars,
  ListMeetings,
  Meeting,
  MeetingPage,
} from '../../contracts/meetings.ts'
import { readPlace, writePlace } from '../../db/cursor.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import { ForbiddenError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { knownEmail } from '../visitors/known.ts'
import { sameVisitor } from '../visitors/repository.ts'
import { visitorVisibleTo } from '../visitors/visibility.ts'
import { readBookables } from './bookable.ts'
import { nextFreeOf } from './free.ts'
import { describeFor, readMeetings } from './repository.ts'

const pageSize = 50
const Place = z.tuple([Instant, Id])

/** @throws {ForbiddenError} all of them, without the permission @throws {InvalidInputError} for a cursor that is none */
export async function listMeetings(
  { db, clock }: Services,
  viewer: Viewer,
  { scope, when, state, agentId, visitorId, cursor }: z.output<typeof ListMeetings>,
): Promise<MeetingPage> {
  if (scope === 'all' && !viewer.permissions.has('meetings.supervise'))
    throw new ForbiddenError('meetings.supervise')
  const now = clock.now()
  const conditions = [
    scope === 'mine' ? sql`m.agent_id = ${viewer.id}` : sql`true`,
    // a long meeting that goes on is not past; none lasts longer than a day
    when === 'upcoming'
      ? sql`m.start_at > ${at(new Date(now.getTime() - dayMs))} and m.end_at > ${at(now)}`
      : sql`m.start_at <= ${at(now)} and m.end_at <= ${at(now)}`,
  ]
  if (state) conditions.push(sql`m.state = ${state}`)
  if (agentId) conditions.push(sql`m.agent_id = ${agentId}`)
  if (visitorId)
    conditions.push(
      sql`m.visitor_id = ${visitorId} and exists (
        select from visitors v where v.id = ${visitorId} and ${visitorVisibleTo(viewer, now)})`,
    )
  const [start, id] = cursor === undefined ? [] : readPlace(Place, cursor)
  if (start !== undefined && id !== undefined)
    conditions.push(
      when === 'upcoming'
        ? sql`(m.start_at, m.id) > (${at(start)}, ${id}::uuid)`
        : sql`(m.start_at, m.id) < (${at(start)}, ${id}::uuid)`,
    )
  const order = when === 'upcoming' ? sql`m.start_at, m.id` : sql`m.start_at desc, m.id desc`
  const rows = await readMeetings(
    db,
    sql.join(conditions, sql` and `),
    sql`order by ${order} limit ${sql.lit(pageSize + 1)}`,
    // what only some ask is of too many texts
    state || agentId || visitorId ? sql`` : plannedOnce,
  )
  const page = rows.slice(0, pageSize)
  const last = page.at(-1)
  return {
    meetings: await describeFor(db, viewer, page),
    nextCursor: rows.length > pageSize && last ? writePlace(last.startAt.toISOString(), last.id) : null,
  }
}

/** An instant that is no part of the plan: by its value one plan for all would seem dearer to PostgreSQL than one for each, whose making
 *  takes longer than the list, the longer the more it has counted. All are read along one of two indexes. */
const at = (instant: Date | string) => sql`(select ${instant}::timestamptz)`

/** One's own first, then by name: what can be shared, with each one's next free time, or why not. */
export async function listCalendars(
  { db, clock }: Services,
  viewerId: string,
  { query, teamId }: z.output<typeof ListCalendars>,
): Promise<BookableCalendar[]> {
  const now = clock.now()
  const like = query ? `%${query.replaceAll(/[\\%_]/g, '\\$&')}%` : null
  const bookables = await readBookables(
    db,
    { now, from: now.getTime(), to: now.getTime() },
    sql`a.active and (${like}::text is null or a.name ilike ${like} or a.email ilike ${like})
      and (${teamId ?? null}::uuid is null or exists (
        select from team_members tm where tm.agent_id = a.id and tm.team_id = ${teamId ?? null}::uuid))`,
  )
  const ids = bookables.map(({ id }) => id)
  const [next, teams] = await Promise.all([nextFreeOf(db, now, ids), teamsOf(db, ids)])
  return bookables
    .map((one) => ({
      agent: { id: one.id, name: one.name },
      own: one.id === viewerId,
      teams: teams.get(one.id) ?? [],
      calendar: one.calendar?.name ?? null,
      connector: one.calendar?.connector ?? null,
      state: one.reason === null ? ('ok' as const) : ('broken' as const),
      reason: one.reason,
      durationMinutes: one.settings.durationMinutes,
      timeZone: one.settings.timeZone ?? 'UTC',
      nextFree: next.get(one.id) ?? null,
    }))
    .sort((a, b) => Number(b.own) - Number(a.own) || a.agent.name.localeCompare(b.agent.name, 'en'))
}

async function teamsOf(
  db: Services['db'],
  agentIds: string[],
): Promise<Map<string, { id: string; name: string }[]>> {
  const { rows } = await sql<{ agentId: string; teams: { id: string; name: string }[] }>`
    select tm.agent_id, jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name) order by t.name) as teams
    from team_members tm join teams t on t.id = tm.team_id
    where tm.agent_id = any (${agentIds}::uuid[]) group by tm.agent_id`.execute(db)
  return new Map(rows.map(({ agentId, teams }) => [agentId, teams]))
}

/** What a visitor has ahead, with whomever. @throws {NotFoundError} also when the visitor is not the viewer's to see */
export async function upcomingOf(
  { db, clock }: Services,
  viewer: Viewer,
  visitorId: string,
): Promise<Meeting[]> {
  const now = clock.now()
  const { rows } = await sql`
    select from visitors v where v.id = ${visitorId} and ${visitorVisibleTo(viewer, now)}`.execute(db)
  if (rows.length === 0) throw new NotFoundError('visitor')
  const meetings = await readMeetings(
    db,
    // each by its own index: joined by the one or the other, all meetings there ever were are read
    sql`m.id in (
        select theirs.id
        from visitors v
        join lateral (
          select id from meetings where visitor_id in (${sameVisitor()})
          union
          select id from meetings where email = ${knownEmail()}
        ) theirs on true
        where v.id = ${visitorId})
      and m.end_at > ${now} and m.state in ('held', 'booked')`,
    sql`order by m.start_at, m.id limit ${pageSize}`,
  )
  return describeFor(db, viewer, meetings)
}
