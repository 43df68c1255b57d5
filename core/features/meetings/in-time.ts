import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Services } from '../../services.ts'
import { findMeeting, type MeetingRow } from './repository.ts'
import { workLeased, workOn } from './work.ts'

/** After this, whoever waits is told that it is not certain yet. */
const patienceMs = 5_000

/** Works on a meeting for as long as anybody waits; what takes longer goes on behind.
 *  @param leased whether the caller has its lease */
export async function inTime(
  services: Services,
  id: string,
  { leased = false }: { leased?: boolean } = {},
): Promise<void> {
  // what goes on behind is not broken off when the patience is over
  const { signal } = new AbortController()
  let waited = false
  const given = { signal, live: true }
  const work = (leased ? workHeld(services, id, given) : workOn(services, id, given))
    .then((done) => (done === null ? untilDone(services, id, () => waited) : undefined))
    .catch((error: unknown) =>
      // a sweep goes on
      services.log.error({ err: error, meeting: id }, 'Work on a meeting broke off'),
    )
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, patienceMs)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
  waited = true
}

async function workHeld(services: Services, id: string, given: Parameters<typeof workLeased>[2]) {
  const meeting = await findMeeting(services.db, id)
  return meeting && workLeased(services, meeting, given)
}

const lookEveryMs = 150

/** Somebody else is at it: the same booking was sent twice, or a job came first. */
async function untilDone({ db }: Services, id: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await pause(lookEveryMs)
    const { rows } =
      await sql`select from meetings where id = ${id} and event_due in ('insert', 'move')`.execute(db)
    if (rows.length === 0) return
  }
}

/** Whatever comes after this comes by mail. @returns null: it was deleted meanwhile */
export async function putOffUnlessDone({ db }: Services, id: string): Promise<MeetingRow | null> {
  await sql`
    update meetings set put_off = true where id = ${id} and event_due in ('insert', 'move') and not put_off`.execute(
    db,
  )
  return findMeeting(db, id)
}
