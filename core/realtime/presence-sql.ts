import { type RawBuilder, sql } from 'kysely'

/** How long after its last socket dropped somebody still counts as there: a reload must not look like leaving. */
export const graceMs = 30_000

/** Whether somebody has a live socket at `now`, as a condition inside any query. */
export function isOnline(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  now: Date,
): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from presence s join processes o on o.id = s.process_id
    where s.subject_id = ${subjectId} and s.subject_type = ${type} and s.dropped_at is null and o.alive_until > ${now})`
}

/** The same, with the grace for reloads: who dropped less than `graceMs` ago is still there. A process that died
 *  dropped its sockets when its lease ended. */
export function isReachable(
  type: 'agent' | 'visitor',
  subjectId: RawBuilder<unknown>,
  now: Date,
  ms = graceMs,
): RawBuilder<boolean> {
  const since = new Date(now.getTime() - ms)
  return sql<boolean>`exists (
    select from presence s join processes o on o.id = s.process_id
    where s.subject_id = ${subjectId} and s.subject_type = ${type}
      and (s.dropped_at is null or s.dropped_at > ${since}) and o.alive_until > ${since})`
}
