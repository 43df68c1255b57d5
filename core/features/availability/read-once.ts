import { sql } from 'kysely'
import type { Schedule } from '../../contracts/availability.ts'
import type { Db, Tx } from '../../db/pool.ts'

const maxKnown = 1_000
/** By digest, so that it stays true whatever becomes of those who had it, in whichever database. Nobody changes these objects. */
const known = new Map<string, Schedule>()

/**
 * The schedules of many agents, of which only those are read whose digest this process has not met. An agent's schedule that
 * was changed since its digest was read is the changed one.
 * @returns by agent; it lacks those who are no longer there.
 */
export async function schedulesOf(
  db: Db | Tx,
  agents: readonly { id: string; liveChatScheduleDigest: string }[],
): Promise<Map<string, Schedule>> {
  const found = new Map<string, Schedule>()
  const unknown: string[] = []
  for (const { id, liveChatScheduleDigest } of agents) {
    const schedule = known.get(liveChatScheduleDigest)
    if (schedule) found.set(id, schedule)
    else unknown.push(id)
  }
  if (unknown.length === 0) return found
  const { rows } = await sql<{ id: string; digest: string; schedule: Schedule }>`
    select id, live_chat_schedule_digest as digest, live_chat_schedule as schedule
    from agents where id = any (${unknown}::uuid[])`.execute(db)
  for (const { id, digest, schedule } of rows) {
    found.set(id, schedule)
    if (known.size >= maxKnown) known.clear()
    known.set(digest, schedule)
  }
  return found
}
