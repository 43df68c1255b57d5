import { sql } from 'kysely'
import { change, eachByItself, type Services } from '../../services.ts'
import { tellOfClocks } from './letters.ts'
import { erasedEmail, findMeeting, forAgent, lockMeeting, type MeetingRow } from './repository.ts'
import { tellMeeting } from './telling.ts'
import { wallTimes } from './times.ts'

type ToldTimes = Pick<MeetingRow, 'startAt' | 'timeZone' | 'wallTime' | 'agentTimeZone' | 'agentWallTime'>

/** Whose clock shows another time by the rules of today than they were told. */
function changedClocks({ startAt, timeZone, wallTime, agentTimeZone, agentWallTime }: ToldTimes) {
  const now = wallTimes(startAt, timeZone, agentTimeZone)
  return { now, guest: now.wallTime !== wallTime, host: now.agentWallTime !== agentWallTime }
}

const atOnce = 1_000

/**
 * The rules by which a zone's clocks are set may change after a booking, and come with a newer Foyer. A meeting stays at its instant, which is
 * where all calendars have it; whoever was told another time for it is told so, by mail and where they look at it.
 */
export async function sweepClocks(services: Services): Promise<void> {
  const failures: unknown[] = []
  let last = { startAt: services.clock.now(), id: '00000000-0000-0000-0000-000000000000' }
  for (;;) {
    const { rows } = await sql<ToldTimes & { id: string }>`
      select id, start_at, time_zone, wall_time, agent_time_zone, agent_wall_time from meetings
      where state = 'booked' and (start_at, id) > (${last.startAt}, ${last.id}::uuid)
      order by start_at, id limit ${atOnce}`.execute(services.db)
    const changed = rows.filter((row) => {
      const { guest, host } = changedClocks(row)
      return guest || host
    })
    failures.push(...(await eachByItself(changed, ({ id }) => tellTime(services, id))))
    const end = rows.at(-1)
    if (!end || rows.length < atOnce) break
    last = end
  }
  if (failures.length > 0) throw failures[0]
}

const tellTime = (services: Services, id: string) =>
  change(services, async (change) => {
    const row = await lockMeeting(change.tx, id)
    if (row?.state !== 'booked') return
    const { now, guest, host } = changedClocks(row)
    await sql`
      update meetings set wall_time = ${now.wallTime}, agent_wall_time = ${now.agentWallTime},
        told_wall_time = nullif(coalesce(told_wall_time, wall_time), ${now.wallTime}),
        agent_told_wall_time = nullif(coalesce(agent_told_wall_time, agent_wall_time), ${now.agentWallTime}), changed_at = ${change.now}
      where id = ${id}`.execute(change.tx)
    await tellOfClocks(services, change, row, { guest: guest && row.email !== erasedEmail, host })
    const told = await findMeeting(change.tx, id)
    if (told) tellMeeting(change, forAgent(told))
  })
