import type { Pool } from 'pg'
import type { MeetingSettings } from '#core/contracts/meetings.ts'

export const everyDay = (start: string, end: string): MeetingSettings['blocks'] =>
  [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start, end }))

/** An agent who can be met from nine to five in Rome every day from tomorrow on, unless a test says otherwise: as many times are free
 *  on the first day whenever the test is run. */
export async function canBeMet(
  pool: Pool,
  agentId: string,
  settings: Partial<MeetingSettings> = {},
): Promise<void> {
  const whole = {
    timeZone: 'Europe/Rome',
    blocks: everyDay('09:00', '17:00'),
    datesOff: [Temporal.Now.plainDateISO('Europe/Rome').toString()],
    noticeMinutes: 0,
    ...settings,
  }
  await pool.query(
    `insert into meeting_settings (agent_id, settings, changed_at) values ($1, $2, now())
     on conflict (agent_id) do update set settings = excluded.settings`,
    [agentId, JSON.stringify(whole)],
  )
}
