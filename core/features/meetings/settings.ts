import { sql } from 'kysely'
import type { Schedule } from '../../contracts/availability.ts'
import { MeetingSettings } from '../../contracts/meetings.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { officeHours } from '../agents/service.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale, versionOf } from '../content-version.ts'
import type { SlotRules } from './slots.ts'

export type SavedMeetingSettings = MeetingSettings & { version: string }

/** Settings as they were stored, by whichever version; what is missing is the default.
 *  @param timeZone the organisation's, for whoever never set anything */
export function readSettings(stored: object | null, timeZone: string): MeetingSettings {
  return MeetingSettings.parse({ ...officeHours(timeZone), ...stored })
}

/** @throws {NotFoundError} */
export async function meetingSettingsOf(db: Db | Tx, agentId: string): Promise<SavedMeetingSettings> {
  const { rows } = await sql<{ settings: object | null; timeZone: string }>`
    select s.settings, o.time_zone from organisation o cross join agents a
    left join meeting_settings s on s.agent_id = a.id where a.id = ${agentId}`.execute(db)
  const [row] = rows
  if (!row) throw new NotFoundError('agent')
  const settings = readSettings(row.settings, row.timeZone)
  return { ...settings, version: versionOf(settings) }
}

/**
 * @param to all of the settings, or only some of them
 * @param actorId who does it: the agent, or an admin, whose doing is written down
 * @param expected the version it replaces, if the caller says
 * @throws {NotFoundError} @throws {ConflictError} `changed_meanwhile`
 */
export function saveMeetingSettings(
  services: Services,
  agentId: string,
  to: Partial<MeetingSettings>,
  actorId: string,
  expected?: string,
): Promise<SavedMeetingSettings> {
  return change(services, async ({ tx, now }) => {
    await sql`select from agents where id = ${agentId} for no key update`.execute(tx)
    const { version, ...before } = await meetingSettingsOf(tx, agentId)
    const changedBy = await lastChangedBy(tx, agentId)
    await refuseStale(tx, expected, { ...before, version }, { what: 'calendar', changedBy, actorId })
    const settings = MeetingSettings.parse({ ...before, ...to })
    await sql`
      insert into meeting_settings (agent_id, settings, changed_at, changed_by)
      values (${agentId}, ${JSON.stringify(settings)}::jsonb, ${now}, ${actorId})
      on conflict (agent_id) do update set
        settings = excluded.settings, changed_at = excluded.changed_at, changed_by = excluded.changed_by`.execute(
      tx,
    )
    if (actorId !== agentId)
      await audit(tx, {
        now,
        actorId,
        action: 'agent.meeting_settings_changed',
        objectType: 'agent',
        objectId: agentId,
      })
    return { ...settings, version: versionOf(settings) }
  })
}

async function lastChangedBy(tx: Tx, agentId: string): Promise<string | null> {
  const { rows } = await sql<{ changedBy: string | null }>`
    select changed_by from meeting_settings where agent_id = ${agentId}`.execute(tx)
  return rows[0]?.changedBy ?? null
}

export const scheduleOf = ({ timeZone, blocks, datesOff }: MeetingSettings): Schedule => ({
  timeZone,
  blocks,
  datesOff,
})

/** What of them slots are made of. @public */
export const rulesOf = (settings: MeetingSettings): SlotRules => ({
  schedule: scheduleOf(settings),
  durationMinutes: settings.durationMinutes,
  stepMinutes: settings.stepMinutes,
  bufferBeforeMinutes: settings.bufferBeforeMinutes,
  bufferAfterMinutes: settings.bufferAfterMinutes,
  noticeMinutes: settings.noticeMinutes,
  daysAhead: settings.daysAhead,
  dailyMax: settings.dailyMax,
})
