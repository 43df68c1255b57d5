import { type RawBuilder, sql } from 'kysely'
import type { ConnectionState } from '../../contracts/connections.ts'
import type { MeetingSettings } from '../../contracts/meetings.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { dayMs, minuteMs, zoneNamed } from '../availability/zone.ts'
import { isFormedLikeOurs } from './event-id.ts'
import type { MeetingRow } from './repository.ts'
import { readSettings, rulesOf } from './settings.ts'
import { type BusyTime, freeStarts, isFreeStart } from './slots.ts'

/** Busy time that was read longer ago than this is not known any more, and what is not known is not free. */
const knownForMs = 30 * minuteMs

/** Somebody who can be met, with all that stands in the way within a stretch of time. Instants are epoch milliseconds. */
export interface Bookable {
  id: string
  name: string
  email: string
  settings: MeetingSettings
  calendar: { connectionId: string; connector: string; name: string | null; calendarIds: string[] } | null
  /** Why nothing can be booked, in a sentence; null: something can. */
  reason: string | null
  busy: BusyTime[]
  /** Starts of the meetings there are; of one that is being moved to another date, both. */
  meetings: number[]
  /** How many meetings are ahead. */
  upcoming: number
}

interface Row {
  id: string
  name: string
  email: string
  active: boolean
  timeZone: string
  settings: object | null
  calendarState: 'choosing' | 'ok' | 'broken' | null
  brokenBecause: string | null
  calendarName: string | null
  calendarId: string | null
  busyCalendarIds: string[] | null
  busyFrom: Date | null
  busyUntil: Date | null
  busyReadAt: Date | null
  connectionId: string | null
  connector: string | null
  connectionState: ConnectionState | null
  busyStarts: InstantsText
  busyEnds: InstantsText
  takenStarts: InstantsText
  takenEnds: InstantsText
  meetingStarts: InstantsText
  movedFrom: InstantsText
  movedTo: InstantsText
  upcoming: number
}

export interface Stretch {
  now: Date
  from: number
  to: number
  /** A meeting that does not stand in its own way. */
  exceptMeetingId?: string | null
}

const longestMs = 2 * dayMs
/** Further than anything can be booked (`daysAhead`). Of a stretch with two ends PostgreSQL expects few rows, also in the plan
 *  for all parameters, which it otherwise gives up among a million meetings for one made anew each time. */
const lastAhead = (now: Date) => new Date(now.getTime() + 2 * 365 * dayMs)

/** "{1772409600000,…}": an array as PostgreSQL writes it. Of fifty people there are twenty thousand instants: as numerics, and taken apart
 *  letter by letter as the driver does, they cost twice what everything else of their slots does. */
type InstantsText = string | null
const instantsOf = (instants: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`array_agg(date_part('epoch', ${instants}) * 1000)::text`
const toInstants = (text: InstantsText): number[] => {
  const instants: number[] = text === null ? [] : JSON.parse(`[${text.slice(1, -1)}]`)
  return instants.map(Math.round)
}

/** Those who can be met, or why not. @param where a condition over `a` (agents) */
export async function readBookables(
  db: Db | Tx,
  { now, from, to, exceptMeetingId = null }: Stretch,
  where: RawBuilder<unknown>,
): Promise<Bookable[]> {
  // a meeting with its buffers reaches this far
  const [first, last] = [new Date(from - longestMs), new Date(to + longestMs)]
  // to plan it takes longer than to carry it out: 1 ms of 1.2
  const { rows } = await sql<Row>`${plannedOnce}
    select a.id, a.name, a.email, a.active, o.time_zone, s.settings,
           c.state as calendar_state, c.broken_because, c.name as calendar_name, c.calendar_id, c.busy_calendar_ids,
           c.busy_from, c.busy_until, c.busy_read_at, c.connection_id, n.connector, n.state as connection_state,
           b.starts as busy_starts, b.ends as busy_ends, t.starts as taken_starts, t.ends as taken_ends,
           m.starts as meeting_starts, v.froms as moved_from, v.tos as moved_to,
           (select count(*) from meetings u where u.agent_id = a.id and u.start_at between ${now} and ${lastAhead(now)}
              and u.state in ('held', 'booked')) as upcoming
    from agents a
    cross join organisation o
    left join meeting_settings s on s.agent_id = a.id
    left join calendars c on c.agent_id = a.id
    left join connections n on n.id = c.connection_id
    left join lateral (
      select ${instantsOf(sql`y.start_at`)} as starts, ${instantsOf(sql`y.end_at`)} as ends
      from calendar_busy y
      where c.agent_id is not null and y.agent_id = a.id and y.end_at > ${first} and y.start_at < ${last}
        -- what Foyer put there is known better here, also before the mirror hears that it was moved or cancelled; but for what its host
        -- has dragged onto another meeting, which has no time of its own
        and (not ${isFormedLikeOurs(sql`y.event_id`)} or not exists (
          select from meetings k where k.event_id = y.event_id and k.agent_id = a.id and k.connection_id = c.connection_id
            and (k.state <> 'booked' or exists (select from taken_times o where o.meeting_id = k.id))))
    ) b on true
    left join lateral (
      select ${instantsOf(sql`lower(k.taken)`)} as starts, ${instantsOf(sql`upper(k.taken)`)} as ends
      from taken_times k
      where k.agent_id = a.id and k.taken && tstzrange(${first}, ${last})
        and k.meeting_id is distinct from ${exceptMeetingId}::uuid
    ) t on true
    left join lateral (
      select ${instantsOf(sql`k.start_at`)} as starts from meetings k
      where s.settings ->> 'dailyMax' is not null
        and k.agent_id = a.id and k.state in ('held', 'booked') and k.start_at between ${first} and ${last}
        and k.id is distinct from ${exceptMeetingId}::uuid
    ) m on true
    left join lateral (
      select ${instantsOf(sql`k.start_at`)} as froms, ${instantsOf(sql`k.moving_to`)} as tos from meetings k
      where s.settings ->> 'dailyMax' is not null
        and k.agent_id = a.id and k.event_due = 'move' and k.moving_to between ${first} and ${last}
        and k.id is distinct from ${exceptMeetingId}::uuid
    ) v on true
    where ${where}
    order by a.position`.execute(db)
  return rows.map((row) => toBookable(row, now))
}

function toBookable(row: Row, now: Date): Bookable {
  const settings = readSettings(row.settings, row.timeZone)
  const isConnected = row.calendarState !== null
  const busy = [...pairs(row.busyStarts, row.busyEnds), ...pairs(row.takenStarts, row.takenEnds)]
  if (isConnected)
    busy.push(
      { start: -Infinity, end: row.busyFrom?.getTime() ?? Infinity },
      { start: row.busyUntil?.getTime() ?? -Infinity, end: Infinity },
    )
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    settings,
    calendar:
      isConnected && row.connectionId && row.connector
        ? {
            connectionId: row.connectionId,
            connector: row.connector,
            name: row.calendarName,
            calendarIds: [...new Set([row.calendarId, ...(row.busyCalendarIds ?? [])])].filter(
              (id) => id !== null,
            ),
          }
        : null,
    reason: whyNot(row, now),
    busy,
    meetings: [...toInstants(row.meetingStarts), ...movedElsewhere(row, zoneNamed(settings.timeZone))],
    upcoming: row.upcoming,
  }
}

/** On their old date they are counted already. */
function movedElsewhere({ movedFrom, movedTo }: Row, zone: ReturnType<typeof zoneNamed>): number[] {
  const froms = toInstants(movedFrom)
  return toInstants(movedTo).filter((start, place) => zone.dayAt(start) !== zone.dayAt(froms[place] ?? start))
}

function pairs(startsText: InstantsText, endsText: InstantsText): BusyTime[] {
  const ends = toInstants(endsText)
  return toInstants(startsText).map((start, place) => ({ start, end: ends[place] ?? start }))
}

function whyNot(row: Row, now: Date): string | null {
  const { name } = row
  if (!row.active) return `${name} does not work here any more.`
  if (row.calendarState === null) return null
  if (row.calendarState === 'broken')
    return row.brokenBecause ?? `${name}’s calendar has to be connected again.`
  if (row.calendarState === 'choosing') return `${name} has not chosen a calendar yet.`
  if (row.connectionState !== 'active') return `${name}’s calendar has to be connected again.`
  if (!row.busyReadAt || now.getTime() - row.busyReadAt.getTime() > knownForMs)
    return `${name}’s calendar could not be read lately.`
  return null
}

/** For a meeting that is to be moved: it keeps its length and buffers, whatever its agent has set since. */
export function forMove<T extends Pick<Bookable, 'settings'>>(
  one: T,
  meeting: Pick<MeetingRow, 'startAt' | 'endAt' | 'bufferBeforeMinutes' | 'bufferAfterMinutes'>,
): T {
  const { settings } = one
  return {
    ...one,
    settings: {
      ...settings,
      durationMinutes: (meeting.endAt.getTime() - meeting.startAt.getTime()) / minuteMs,
      stepMinutes: settings.stepMinutes ?? settings.durationMinutes,
      bufferBeforeMinutes: meeting.bufferBeforeMinutes,
      bufferAfterMinutes: meeting.bufferAfterMinutes,
    },
  }
}

/** Ascending starts from `from` to before `to`; none of somebody who cannot be met. */
export const startsOf = (one: Bookable, { now, from, to }: Stretch): number[] =>
  one.reason === null ? freeStarts(rulesOf(one.settings), questionOf(one, now, from, to)) : []

export const isFree = (one: Bookable, now: Date, start: number): boolean =>
  one.reason === null && isFreeStart(rulesOf(one.settings), start, questionOf(one, now, start, start + 1))

const questionOf = ({ busy, meetings }: Bookable, now: Date, from: number, to: number) => ({
  now: now.getTime(),
  from,
  to,
  busy,
  meetings,
})

/** The first instant after the last date that can be booked. */
export const horizonOf = ({ settings }: Bookable, now: Date): number => {
  const zone = zoneNamed(settings.timeZone)
  return zone.startOf(zone.dayAt(now.getTime()) + settings.daysAhead + 1)
}
