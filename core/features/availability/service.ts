import { sql } from 'kysely'
import type { Availability, AvailabilityRequest, Schedule } from '../../contracts/availability.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { changeInHand, withdrawOffers } from '../routing/in-hand.ts'
import * as schedules from './schedule.ts'

interface AvailabilityRow {
  liveChatSchedule: Schedule
  overrideStatus: 'available' | 'unavailable' | null
  overrideSetAt: Date | null
  overrideUntil: Date | null
}

export const toOverride = (row: AvailabilityRow): schedules.Override | null =>
  row.overrideStatus && row.overrideSetAt
    ? { status: row.overrideStatus, setAt: row.overrideSetAt, until: row.overrideUntil }
    : null

/** Computed for `at` from what is stored now. @throws {NotFoundError} */
export async function describeAvailability(db: Db | Tx, at: Date, agentId: string): Promise<Availability> {
  const row = await read(db, agentId)
  return schedules.describeAvailability(row.liveChatSchedule, toOverride(row), at)
}

/** The switch and its menu. Going unavailable withdraws the agent's pending offers, and touches no active chat. */
export async function setAvailability(
  services: Services,
  agentId: string,
  { status, until }: AvailabilityRequest,
): Promise<Availability> {
  return changeInHand(services, agentId, ['waiting'], async (change, held) => {
    const { tx, now, tellAgent } = change
    const row = await read(tx, agentId)
    const override = schedules.normaliseOverride(row.liveChatSchedule, { status, until }, now)
    await sql`
      update agents set override_status = ${override?.status ?? null}, override_set_at = ${override?.setAt ?? null},
             override_until = ${override?.until ?? null}
      where id = ${agentId}`.execute(tx)
    const availability = schedules.describeAvailability(row.liveChatSchedule, override, now)
    tellAgent(agentId, { type: 'availability', availability })
    if (!availability.available) await withdrawOffers(services, change, held)
    return availability
  })
}

/** A schedule that makes the agent unavailable now withdraws pending offers, as the switch does.
 *  @param actorId who did it: the agent, or an admin, whose doing is written down.
 *  @throws {NotFoundError} */
export async function setLiveChatSchedule(
  services: Services,
  agentId: string,
  schedule: Schedule,
  actorId: string,
): Promise<Schedule> {
  return changeInHand(services, agentId, ['waiting'], async (change, held) => {
    const { tx, now, tellAgent } = change
    await sql`update agents set live_chat_schedule = ${JSON.stringify(schedule)}::jsonb where id = ${agentId}`.execute(
      tx,
    )
    const availability = await describeAvailability(tx, now, agentId)
    if (actorId !== agentId)
      await audit(tx, {
        now,
        actorId,
        action: 'agent.schedule_changed',
        objectType: 'agent',
        objectId: agentId,
      })
    tellAgent(agentId, { type: 'availability', availability })
    if (!availability.available) await withdrawOffers(services, change, held)
    return schedule
  })
}

async function read(db: Db | Tx, agentId: string): Promise<AvailabilityRow> {
  const { rows } = await sql<AvailabilityRow>`
    select live_chat_schedule, override_status, override_set_at, override_until from agents where id = ${agentId}`.execute(
    db,
  )
  if (!rows[0]) throw new NotFoundError('agent')
  return rows[0]
}
