import { sql } from 'kysely'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import {
  allowed,
  type LimitReport,
  refuseUnknownLimits,
  TurnQueue,
  type Turns,
} from '#connectors/sdk/turns.ts'
import type { Services } from '../../services.ts'
import { readRest } from './health.ts'

/** One queue for each connection in this process, so that those who wait ask together. */
const queues = new WeakMap<object, Map<string, TurnQueue>>()
/** An answer says the same as the one before it, mostly. */
const reportEveryMs = 1_000
const reportedAt = new Map<string, number>()

/** A connection's limits, counted in PostgreSQL for all processes. */
export function sharedTurns(services: Services, id: string, { limits }: ConnectorDeclaration): Turns {
  const queue = queueOf(services, id, limits)
  return {
    async take(names, priority, signal) {
      refuseUnknownLimits(limits, names)
      if (names.length > 0) await queue.take(names, priority, signal)
    },
    report(name, headroom) {
      const key = `${id} ${name}`
      const now = performance.now()
      const isScarce = headroom.used >= headroom.max * 0.9
      if (!isScarce && now - (reportedAt.get(key) ?? Number.NEGATIVE_INFINITY) < reportEveryMs) return
      reportedAt.set(key, now)
      writeReport(services, id, name, headroom).catch((error: unknown) =>
        // the next answer says it again
        services.log.warn({ error, connection: id }, 'What is left of a limit was not written down'),
      )
    },
  }
}

function queueOf({ db, clock }: Services, id: string, limits: ConnectorDeclaration['limits']): TurnQueue {
  const ofDatabase = queues.get(db) ?? new Map<string, TurnQueue>()
  queues.set(db, ofDatabase)
  const known = ofDatabase.get(id)
  if (known) return known
  const queue = new TurnQueue(async (names, priority, want) => {
    const now = clock.now()
    const rest = await readRest(db, id, now)
    if (rest)
      return {
        granted: 0,
        waitMs: 0,
        resting: { untilMs: rest.until.getTime() - now.getTime(), because: rest.because },
      }
    const ours = names.flatMap((name) => limits[name] ?? [])
    const { rows } = await sql<{ granted: number; waitMs: number }>`
      select granted, wait_ms from take_turns(${id}, ${now}, ${want}, ${names}::text[],
        ${ours.map(({ requests }) => requests)}::integer[], ${ours.map(({ perMs }) => perMs)}::bigint[],
        ${ours.map((limit) => allowed(limit, priority) / limit.requests)}::real[])`.execute(db)
    return rows[0] ?? { granted: 0, waitMs: 1_000 }
  })
  ofDatabase.set(id, queue)
  return queue
}

/** What the vendor counts and we do not is others' use. */
async function writeReport(
  { db, clock }: Services,
  id: string,
  name: string,
  { used, max }: LimitReport,
): Promise<void> {
  await sql`
    update connection_limits l
    set reported_max = ${Math.max(1, Math.floor(max))}, reported_at = ${clock.now()},
      others = greatest(0, ${Math.floor(used)} - (select coalesce(sum(one), 0) from unnest(l.taken) as one))
    where connection_id = ${id} and name = ${name}`.execute(db)
}
