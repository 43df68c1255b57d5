import { type RawBuilder, sql } from 'kysely'
import type { Agent, Profile } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { isReachable } from '../../realtime/presence-sql.ts'
import { describeAvailability } from '../availability/schedule.ts'
import { type OverrideColumns, overrideColumns, toOverride } from '../availability/service.ts'
import { versionOf } from '../content-version.ts'

interface AgentRow extends OverrideColumns {
  id: string
  email: string
  name: string
  profile: Profile
  active: boolean
  supervises: boolean
  reachable: boolean
  liveChatSchedule: Schedule
}

/** In the round robin's order. @param where a condition over `a` (agents). */
export async function describeAgents(db: Db | Tx, now: Date, where: RawBuilder<unknown>): Promise<Agent[]> {
  const { rows } = await sql<AgentRow>`
    select a.id, a.email, a.name, a.profile, a.active, a.supervises, ${isReachable('agent', sql`a.id`, now)} as reachable,
           a.live_chat_schedule, ${overrideColumns}
    from agents a where ${where} order by a.position`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    email: row.email,
    name: row.name,
    profile: row.profile,
    active: row.active,
    supervises: row.supervises,
    availability: describeAvailability(row.liveChatSchedule, toOverride(row), now),
    reachable: row.reachable,
    liveChatSchedule: row.liveChatSchedule,
    liveChatScheduleVersion: versionOf(row.liveChatSchedule),
  }))
}

export interface NewAgent {
  id: string
  email: string
  name: string
  profile: Profile
  passwordHash: string
  liveChatSchedule: Schedule
}

/** @returns false when another agent has this e-mail address. */
export async function insert(tx: Tx, now: Date, agent: NewAgent): Promise<boolean> {
  const { rows } = await sql`
    insert into agents (id, email, name, password_hash, profile, live_chat_schedule, created_at)
    values (${agent.id}, ${agent.email}, ${agent.name}, ${agent.passwordHash}, ${agent.profile},
            ${JSON.stringify(agent.liveChatSchedule)}::jsonb, ${now})
    on conflict (email) do nothing returning id`.execute(tx)
  return rows.length > 0
}

/** The ids of those who can change everything, locked: of two admins who remove each other one stays. Not `for update`,
 *  which would keep a request waiting that is put to one of them, while its choice may be what this waits for. */
export async function lockActiveAdmins(tx: Tx): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from agents where profile = 'admin' and active order by id for no key update`.execute(tx)
  return rows.map(({ id }) => id)
}

/** What is left out stays. @returns false when there is no such agent. */
export async function update(
  tx: Tx,
  id: string,
  to: { name?: string; profile?: Profile; active?: boolean; supervises?: boolean; passwordHash?: string },
): Promise<boolean> {
  const { rows } = await sql`
    update agents set name = coalesce(${to.name ?? null}, name), profile = coalesce(${to.profile ?? null}, profile),
           active = coalesce(${to.active ?? null}::boolean, active),
           supervises = coalesce(${to.supervises ?? null}::boolean, supervises),
           password_hash = coalesce(${to.passwordHash ?? null}, password_hash)
    where id = ${id} returning id`.execute(tx)
  return rows.length > 0
}
