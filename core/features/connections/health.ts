import { sql } from 'kysely'
import { ConnectorError, RateLimitedError, ReconnectNeededError } from '#connectors/sdk/errors.ts'
import { TurnTooLateError } from '#connectors/sdk/turns.ts'
import type { Db } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { markBroken } from './repository.ts'

/** That it works is worth one line every few seconds. */
const okEveryMs = 5_000
const okAt = new Map<string, number>()

export async function noteSuccess({ db, clock }: Services, id: string): Promise<void> {
  const now = performance.now()
  if (now - (okAt.get(id) ?? Number.NEGATIVE_INFINITY) < okEveryMs) return
  okAt.set(id, now)
  await sql`
    update connection_health set last_ok_at = ${clock.now()}, failures_in_a_row = 0
    where connection_id = ${id}`.execute(db)
}

/** Writes down what went wrong, lets the connection rest where the vendor asked for it, and marks it as broken where
 *  only an admin can help. */
export async function noteFailure({ db, clock }: Services, id: string, error: unknown): Promise<void> {
  // of our own making, and over by itself
  if (!(error instanceof ConnectorError) || error instanceof TurnTooLateError) return
  okAt.delete(id)
  const now = clock.now()
  const restMs = error instanceof RateLimitedError && error.policy !== 'resting' ? error.retryAfterMs : null
  const until = restMs === null ? null : new Date(now.getTime() + restMs)
  await sql`
    update connection_health
    set last_failure_at = ${now}, last_failure = ${error.message}, last_failure_code = ${error.code},
      failures_in_a_row = failures_in_a_row + 1, resting_until = greatest(resting_until, ${until}::timestamptz),
      resting_because = case when ${until}::timestamptz is null then resting_because else ${error.message} end
    where connection_id = ${id}`.execute(db)
  if (error instanceof ReconnectNeededError) await markBroken(db, id, now, error.message)
}

/** Until when nothing is sent, and why; null if nothing stands against it. */
export async function readRest(
  db: Db,
  id: string,
  now: Date,
): Promise<{ until: Date; because: string } | null> {
  const { rows } = await sql<{ until: Date; because: string | null }>`
    select resting_until as until, resting_because as because from connection_health
    where connection_id = ${id} and resting_until > ${now}`.execute(db)
  const [rest] = rows
  return rest ? { until: rest.until, because: rest.because ?? 'The provider asked for a pause.' } : null
}

/** For the job that keeps the mirror up to date. @public */
export async function noteSync({ db, clock }: Services, id: string): Promise<void> {
  await sql`update connection_health set last_sync_at = ${clock.now()} where connection_id = ${id}`.execute(
    db,
  )
}
