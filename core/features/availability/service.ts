import { sql } from 'kysely'
import type { Availability, AvailabilityRequest, Schedule } from '../../contracts/availability.ts'
import type { AvailabilityExplanation, SavedSchedule } from '../../contracts/schedules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import type { Change, Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale, versionOf } from '../content-version.ts'
import { changeInHand, withdrawOffers } from '../routing/in-hand.ts'
import { explainAvailability as explain } from './explain.ts'
import * as schedules from './schedule.ts'

/** The columns of `agents` that an override is kept in. */
export interface OverrideColumns {
  overrideStatus: 'available' | 'unavailable' | null
  overrideSetAt: Date | null
  overrideUntil: Date | null
  overrideCause: 'missed_offers' | 'supervisor' | null
}
export const overrideColumns = sql`a.override_status, a.override_set_at, a.override_until, a.override_cause`

interface AvailabilityRow extends OverrideColumns {
  liveChatSchedule: Schedule
  liveChatScheduleChangedBy: string | null
}

export const toOverride = (row: OverrideColumns): schedules.Override | null =>
  row.overrideStatus && row.overrideSetAt
    ? {
        status: row.overrideStatus,
        setAt: row.overrideSetAt,
        until: row.overrideUntil,
        cause: row.overrideCause ?? undefined,
      }
    : null

/** Computed for `at` from what is stored now. @throws {NotFoundError} */
export async function describeAvailability(db: Db | Tx, at: Date, agentId: string): Promise<Availability> {
  const row = await read(db, agentId)
  return schedules.describeAvailability(row.liveChatSchedule, toOverride(row), at)
}

/** As {@link describeAvailability}, with everything that took part. @throws {NotFoundError} */
export async function explainAvailability(
  db: Db | Tx,
  now: Date,
  at: Date | undefined,
  agentId: string,
): Promise<AvailabilityExplanation> {
  const row = await read(db, agentId)
  const explained = explain(row.liveChatSchedule, toOverride(row), at ?? now)
  return { ...explained, isNow: at === undefined }
}

/** To the agent in every tab, and to everybody whose list shows the agent. */
export function tellAvailability(change: Change, agentId: string, availability: Availability): void {
  change.tellAgent(agentId, { type: 'availability', availability })
  change.tellAgents({ type: 'agent_availability', agentId, availability })
}

/** The switch and its menu. Going unavailable withdraws the agent's pending offers, and touches no active chat. */
export async function setAvailability(
  services: Services,
  agentId: string,
  { status, until }: AvailabilityRequest,
): Promise<Availability> {
  return changeInHand(services, agentId, ['waiting'], async (change, held) => {
    const { tx, now } = change
    const row = await read(tx, agentId)
    const override = schedules.normaliseOverride(row.liveChatSchedule, { status, until }, now)
    await saveOverride(tx, agentId, override, now)
    const availability = schedules.describeAvailability(row.liveChatSchedule, override, now)
    tellAvailability(change, agentId, availability)
    if (!availability.available) await withdrawOffers(services, change, held)
    return availability
  })
}

/** Offers in a row that may run out before their agent is taken for gone. */
const missesInARow = 2

/** An offer of this agent has run out: after the second in a row, with neither an answer nor a turn of the switch
 *  between them, the agent is set unavailable, as by a hand toggle. Call under the lock of whoever chooses agents.
 *  @returns whether the agent may not be asked any more because of it */
export async function countMissedOffer(change: Change, agentId: string): Promise<boolean> {
  const { tx, now } = change
  const { rows } = await sql<{ missed: number }>`
    select count(*) as missed from (
      select o.state from offers o join agents a on a.id = o.agent_id
      where o.agent_id = ${agentId} and o.state in ('accepted', 'declined', 'expired')
        and o.closed_at > coalesce(a.misses_counted_from, '-infinity')
      order by o.closed_at desc, o.id desc limit ${missesInARow}) latest
    where state = 'expired'`.execute(tx)
  if ((rows[0]?.missed ?? 0) < missesInARow) return false
  const row = await read(tx, agentId)
  const isAvailable = schedules.availabilityAt(row.liveChatSchedule, toOverride(row), now).available
  const override: schedules.Override | null = isAvailable
    ? { status: 'unavailable', setAt: now, cause: 'missed_offers' }
    : toOverride(row)
  await saveOverride(tx, agentId, override, now)
  if (!isAvailable) return false
  tellAvailability(change, agentId, schedules.describeAvailability(row.liveChatSchedule, override, now))
  return true
}

/** A schedule that makes the agent unavailable now withdraws pending offers, as the switch does.
 *  @param actorId who did it: the agent, or an admin, whose doing is written down.
 *  @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} @throws {ConflictError} `changed_meanwhile` */
export async function setLiveChatSchedule(
  services: Services,
  agentId: string,
  schedule: Schedule,
  actorId: string,
  expected?: string,
): Promise<SavedSchedule> {
  return changeInHand(services, agentId, ['waiting'], async (change, held) => {
    const { tx, now } = change
    const { liveChatSchedule, liveChatScheduleChangedBy: changedBy } = await read(tx, agentId)
    await refuseStale(tx, expected, savedSchedule(liveChatSchedule), { what: 'schedule', changedBy, actorId })
    await saveSchedule(change, agentId, schedule, actorId)
    const availability = await describeAvailability(tx, now, agentId)
    if (actorId !== agentId)
      await audit(tx, {
        now,
        actorId,
        action: 'agent.schedule_changed',
        objectType: 'agent',
        objectId: agentId,
      })
    tellAvailability(change, agentId, availability)
    if (!availability.available) await withdrawOffers(services, change, held)
    return savedSchedule((await read(tx, agentId)).liveChatSchedule)
  })
}

/** @param by who did it, for whoever had it open meanwhile */
export async function saveSchedule(
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  agentId: string,
  schedule: Schedule,
  by: string,
): Promise<void> {
  await sql`
    update agents set live_chat_schedule = ${JSON.stringify(schedule)}::jsonb, live_chat_schedule_changed_by = ${by},
           availability_changed_at = ${now}
    where id = ${agentId}`.execute(tx)
}

const savedSchedule = (schedule: Schedule): SavedSchedule => ({ ...schedule, version: versionOf(schedule) })

/** Offers that ran out up to `now` are forgotten. */
async function saveOverride(
  tx: Tx,
  agentId: string,
  override: schedules.Override | null,
  now: Date,
): Promise<void> {
  await sql`
    update agents set override_status = ${override?.status ?? null}, override_set_at = ${override?.setAt ?? null},
           override_until = ${override?.until ?? null}, override_cause = ${override?.cause ?? null},
           misses_counted_from = ${now}, availability_changed_at = ${now}
    where id = ${agentId}`.execute(tx)
}

async function read(db: Db | Tx, agentId: string): Promise<AvailabilityRow> {
  const { rows } = await sql<AvailabilityRow>`
    select a.live_chat_schedule, a.live_chat_schedule_changed_by, ${overrideColumns} from agents a where a.id = ${agentId}`.execute(
    db,
  )
  if (!rows[0]) throw new NotFoundError('agent')
  return rows[0]
}
