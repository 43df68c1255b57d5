import { sql } from 'kysely'
import { change, eachByItself, type Services } from '../../services.ts'
import { tellBoth } from './letters.ts'
import { lockMeeting } from './repository.ts'
import { workOn } from './work.ts'

/** What a lost job missed: meetings that nobody works on any more. */
export async function sweepMeetings(services: Services, signal: AbortSignal): Promise<void> {
  const { db, clock } = services
  const { rows } = await sql<{ id: string }>`
    select id from meetings where event_due is not null and (worked_until is null or worked_until <= ${clock.now()})
    order by worked_until nulls first limit 50`.execute(db)
  const failures = await eachByItself(rows, ({ id }) => workOn(services, id, { signal, live: false }))
  if (failures.length > 0) throw failures[0]
}

/** Reminds guests of what is near. */
export async function sweepReminders(services: Services): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from meetings where remind_at <= ${services.clock.now()} order by remind_at limit 100`.execute(
    services.db,
  )
  const failures = await eachByItself(rows, ({ id }) =>
    change(services, async (change) => {
      const row = await lockMeeting(change.tx, id)
      if (!row?.remindAt || row.remindAt > change.now) return
      await sql`update meetings set remind_at = null where id = ${id}`.execute(change.tx)
      // one whose time has come meanwhile needs none
      if (row.state === 'booked' && row.startAt > change.now)
        await tellBoth(services, change, row, 'reminder', { guestIsTold: 'by_foyer', hostHasEvent: true })
    }),
  )
  if (failures.length > 0) throw failures[0]
}
