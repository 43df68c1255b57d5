import { sql } from 'kysely'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type { LimitUsage } from '#connectors/sdk/http.ts'
import { allowed, Slots, TurnQueue, type Turns, takeBoth } from '#connectors/sdk/turns.ts'
import type { Services } from '../../services.ts'
import { readRest } from './health.ts'

interface InThisProcess {
  queue: TurnQueue
  slots: Slots
}
/** One for each connection in this process, so that those who wait ask together. */
const ofDatabase = new WeakMap<object, Map<string, InThisProcess>>()
/** An answer says the same as the one before it, mostly. */
const reportEveryMs = 1_000
const reported = new Map<string, { at: number; isScarce: boolean }>()

/** A connection's limits, counted in PostgreSQL for all processes. */
export function sharedTurns(services: Services, id: string, { limits }: ConnectorDeclaration): Turns {
  const { queue, slots } = inThisProcess(services, id, limits)
  return {
    take: (names, priority, signal) => takeBoth(limits, queue, slots, names, priority, signal),
    report(usage) {
      const key = `${id} ${usage.limit}`
      const now = performance.now()
      const isScarce = usage.used >= usage.allowed * 0.9
      const last = reported.get(key)
      if (last && !isScarce && !last.isScarce && now - last.at < reportEveryMs) return
      reported.set(key, { at: now, isScarce })
      writeUsage(services, id, usage).catch((error: unknown) =>
        // the next answer says it again
        services.log.warn({ error, connection: id }, 'What is left of a limit was not written down'),
      )
    },
  }
}

function inThisProcess(
  services: Services,
  id: string,
  limits: ConnectorDeclaration['limits'],
): InThisProcess {
  const known = ofDatabase.get(services.db) ?? new Map<string, InThisProcess>()
  ofDatabase.set(services.db, known)
  const mine = known.get(id) ?? {
    queue: new TurnQueue((names, priority, want) => askDatabase(services, id, limits, names, priority, want)),
    slots: new Slots(limits),
  }
  known.set(id, mine)
  return mine
}

async function askDatabase(
  { db, clock }: Services,
  id: string,
  limits: ConnectorDeclaration['limits'],
  names: readonly string[],
  priority: 'live' | 'background',
  want: number,
) {
  const now = clock.now()
  const rest = await readRest(db, id, now)
  if (rest) {
    const untilMs = rest.until.getTime() - now.getTime()
    return { granted: 0, waitMs: 0, resting: { untilMs, because: rest.because } }
  }
  const asked = names.flatMap((name) => limits[name] ?? [])
  // a little more than the share, which the database would round down below a whole turn
  const { rows } = await sql<{ granted: number; waitMs: number }>`
    select granted, wait_ms from take_turns(${id}, ${now}, ${want}, ${names}::text[],
      ${asked.map(({ requests }) => requests)}::integer[], ${asked.map(({ perMs }) => perMs)}::bigint[],
      ${asked.map((limit) => (allowed(limit, priority) + 0.01) / limit.requests)}::real[])`.execute(db)
  return rows[0] ?? { granted: 0, waitMs: 1_000 }
}

/** What the vendor counts and we do not is others' use. */
async function writeUsage({ db, clock }: Services, id: string, usage: LimitUsage): Promise<void> {
  await sql`
    update connection_limits l
    set reported_max = ${Math.max(1, Math.floor(usage.allowed))}, reported_at = ${clock.now()},
      others = greatest(0, ${Math.floor(usage.used)} - (select coalesce(sum(one), 0) from unnest(l.taken) as one))
    where connection_id = ${id} and name = ${usage.limit}`.execute(db)
}
