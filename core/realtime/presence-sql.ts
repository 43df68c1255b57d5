import { type RawBuilder, sql } from 'kysely'

/** How long after its last socket dropped somebody still counts as there: a reload must not look like leaving. */
export const graceMs = 30_000

/** Whether somebody has a live socket at `now`, as a condition inside any query. */
export function isOnline(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  now: Date,
): RawBuilder<boolean> {
  return among(
    type,
    subjectId,
    sql`from presence s join processes o on o.id = s.process_id
        where s.subject_type = ${sql.lit(type)} and s.dropped_at is null and o.alive_until > ${now}`,
  )
}

/** Whether somebody stands among the rows of `s`. Of agents there are few, and their sockets have an index of their own: all of
 *  them are read once, not looked up for each of 200 agents (85 ms to 2). Of visitors there may be ten thousand. */
function among(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  rows: RawBuilder<unknown>,
): RawBuilder<boolean> {
  return type === 'agent'
    ? sql<boolean>`${subjectId} in (select s.subject_id ${rows})`
    : sql<boolean>`exists (select ${rows} and s.subject_id = ${subjectId})`
}

/** Whether an agent sees an inbox at `now`, or saw one less than `ms` ago: for the moment a reload takes. */
export function isSeen(agentId: RawBuilder<unknown>, now: Date, ms: number): RawBuilder<boolean> {
  const since = new Date(now.getTime() - ms)
  return among(
    'agent',
    agentId,
    sql`from presence s join processes o on o.id = s.process_id
        where s.subject_type = 'agent' and s.visible
          and (s.dropped_at is null or s.dropped_at > ${since}) and o.alive_until > ${since}`,
  )
}

/** Whom an offer can reach: with a live socket, or, for agents, a device that takes notifications. */
export function isReachable(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  now: Date,
  ms = graceMs,
): RawBuilder<boolean> {
  const connected = isConnected(type, subjectId, now, ms)
  return type === 'agent' ? sql<boolean>`(${connected} or ${hasLiveDevice(subjectId)})` : connected
}

/** So many deliveries in a row that failed: nobody may count on the next one. */
const mostFailures = 5

/** Whether an agent has a device that notifications are sent to, however many of them failed. */
export const hasDevice = (agentId: RawBuilder<unknown>): RawBuilder<boolean> => sql<boolean>`${agentId} in (
  select d.agent_id from push_subscriptions d where d.gone_at is null)`

const hasLiveDevice = (agentId: RawBuilder<unknown>): RawBuilder<boolean> => sql<boolean>`${agentId} in (
  select d.agent_id from push_subscriptions d where d.gone_at is null and d.failures < ${mostFailures})`

/** Whether somebody has a live socket, with the grace for reloads: who dropped less than `graceMs` ago is still there. A
 *  process that died dropped its sockets when its lease ended. */
export function isConnected(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  now: Date,
  ms = graceMs,
): RawBuilder<boolean> {
  const since = new Date(now.getTime() - ms)
  return among(
    type,
    subjectId,
    sql`from presence s join processes o on o.id = s.process_id
        where s.subject_type = ${sql.lit(type)}
          and (s.dropped_at is null or s.dropped_at > ${since}) and o.alive_until > ${since}`,
  )
}
