import { sql } from 'kysely'
import type { Schedule } from '../../contracts/availability.ts'
import { maxDatesOff } from '../../contracts/availability.ts'
import type { SchedulesChange, SchedulesChanged } from '../../contracts/schedules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { changeInHand, withdrawOffers } from '../routing/in-hand.ts'
import * as schedules from './schedule.ts'
import {
  type OverrideColumns,
  overrideColumns,
  saveSchedule,
  tellAvailability,
  toOverride,
} from './service.ts'

interface AgentRow extends OverrideColumns {
  id: string
  name: string
  liveChatSchedule: Schedule
  offers: number
}

type Result = SchedulesChanged['results'][number]
interface Planned {
  row: AgentRow | undefined
  result: Result
}

/** What {@link changeSchedules} would do now. Changes nothing. */
export async function previewSchedules(
  { db, clock }: Services,
  wanted: SchedulesChange,
): Promise<SchedulesChanged> {
  const planned = await plan(db, clock.now(), wanted)
  return { results: planned.map(({ result }) => result) }
}

/** Changes the schedules of several agents, all in one transaction; one that cannot be changed does not hold up the
 *  others. Who becomes unavailable by it is asked nothing more, and what was put to them goes on to others, once all
 *  schedules stand. */
export function changeSchedules(
  services: Services,
  actorId: string,
  wanted: SchedulesChange,
): Promise<SchedulesChanged> {
  return changeInHand(services, wanted.agentIds, ['waiting'], async (change, held) => {
    const { tx, now } = change
    const planned = await plan(tx, now, wanted)
    const unavailable: string[] = []
    for (const { row, result } of planned) {
      if (!row || !result.after || result.outcome !== 'changed') continue
      await saveSchedule(change, row.id, result.after, actorId)
      await audit(tx, {
        now,
        actorId,
        action: 'agent.schedule_changed',
        objectType: 'agent',
        objectId: row.id,
        detail: { agentsAtOnce: planned.length },
      })
      tellAvailability(change, row.id, schedules.describeAvailability(result.after, toOverride(row), now))
      if (!result.availableAfter) unavailable.push(row.id)
    }
    const theirs = await offeredTo(tx, unavailable)
    await withdrawOffers(
      services,
      change,
      held.filter(({ id }) => theirs.has(id)),
    )
    return { results: planned.map(({ result }) => result) }
  })
}

async function plan(db: Db | Tx, now: Date, wanted: SchedulesChange): Promise<Planned[]> {
  const agentIds = [...new Set(wanted.agentIds)]
  const { rows } = await sql<AgentRow>`
    select a.id, a.name, a.live_chat_schedule, ${overrideColumns},
           (select count(*) from offers o where o.agent_id = a.id and o.state = 'pending') as offers
    from agents a where a.id = any (${agentIds}::uuid[])`.execute(db)
  const byId = new Map(rows.map((row) => [row.id, row]))
  return agentIds.map((agentId) => {
    const row = byId.get(agentId)
    return { row, result: row ? planFor(row, now, wanted) : { ...nobody, agentId } }
  })
}

const nobody = {
  name: null,
  outcome: 'refused',
  problem: 'There is no such agent.',
  before: null,
  after: null,
  availableBefore: false,
  availableAfter: false,
  offersWithdrawn: 0,
} as const

function planFor(row: AgentRow, now: Date, wanted: SchedulesChange): Result {
  const before = row.liveChatSchedule
  const after = applied(before, wanted)
  const availableAt = (schedule: Schedule) =>
    schedules.availabilityAt(schedule, toOverride(row), now).available
  const availableBefore = availableAt(before)
  const common = { agentId: row.id, name: row.name, before, availableBefore }
  if (after.datesOff.length > maxDatesOff)
    return {
      ...common,
      outcome: 'refused',
      problem: `${row.name} would have more than ${maxDatesOff} dates off. Remove some that have passed.`,
      after: null,
      availableAfter: availableBefore,
      offersWithdrawn: 0,
    }
  const isSame = JSON.stringify(after) === JSON.stringify(applied(before, { agentIds: [] }))
  const availableAfter = isSame ? availableBefore : availableAt(after)
  return {
    ...common,
    outcome: isSame ? 'unchanged' : 'changed',
    problem: null,
    after,
    availableAfter,
    offersWithdrawn: isSame || availableAfter ? 0 : row.offers,
  }
}

function applied(before: Schedule, wanted: SchedulesChange): Schedule {
  const removed = new Set(wanted.removeDatesOff)
  const dates = new Set([
    ...before.datesOff.filter((date) => !removed.has(date)),
    ...(wanted.addDatesOff ?? []),
  ])
  return {
    timeZone: wanted.timeZone ?? before.timeZone,
    blocks: (wanted.blocks ?? before.blocks).map(({ weekday, start, end }) => ({ weekday, start, end })),
    datesOff: [...dates].sort(),
  }
}

async function offeredTo(tx: Tx, agentIds: string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select conversation_id as id from offers
    where agent_id = any (${agentIds}::uuid[]) and state = 'pending'`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}
