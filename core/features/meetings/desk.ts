import { sql } from 'kysely'
import type { FreeSlots } from '../../contracts/meetings.ts'
import type { Slot } from '../../contracts/slots.ts'
import type { Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'
import { freeSlots } from './free.ts'
import { countAhead, type Held, hold, type Wanted } from './hold.ts'
import { type Notice, noticeToAccept } from './notice.ts'
import { type MeetingRow, readMeetings } from './repository.ts'
import { type ShareRow, shareOf } from './shares.ts'
import { Gathered, Together } from './together.ts'

/** How far ahead a loser is shown what is still free. */
const freshDays = 7

interface Link {
  share: ShareRow
  /** How many of its meetings are ahead. */
  ahead: number
  /** What has to be accepted first. */
  notice: Notice | null
}

/**
 * What those who book at the same time share in one process: a thousand who want one time cost some dozen statements, not a thousand
 * times four. What each is told was looked for after they had asked.
 */
export class BookingDesk {
  readonly #services: Services
  readonly #links = new Together<Link>()
  readonly #before: Gathered<string, MeetingRow>
  readonly #holds = new Together<Held>()
  readonly #fresh = new Together<FreeSlots>()

  constructor(services: Services) {
    this.#services = services
    this.#before = new Gathered((shareId, keys) => readByKeys(services, shareId, keys))
  }

  /** @throws {NotFoundError} */
  link(token: string): Promise<Link> {
    const { db, clock } = this.#services
    return this.#links.ask(token, async () => {
      const share = await shareOf(db, token)
      const [ahead, notice] = await Promise.all([
        countAhead(db, share.id, clock.now()),
        noticeToAccept(db, share),
      ])
      return { share, ahead, notice }
    })
  }

  /** The booking that was sent under this key before. */
  bookedBefore(share: ShareRow, key: string): Promise<MeetingRow | undefined> {
    return this.#before.ask(share.id, key)
  }

  /** One at a time tries to hold a time; who waited meanwhile and cannot have it either learns so from that try. */
  async hold(share: ShareRow, wanted: Wanted, network: string | null): Promise<Held> {
    const key = `${share.agentId ?? share.teamId} ${wanted.start.getTime()} ${wanted.end?.getTime()}`
    for (;;) {
      let isMine = false
      const held = await this.#holds.ask(key, () => {
        isMine = true
        return hold(this.#services, share, wanted, network)
      })
      const isForAll = 'why' in held && (held.why === 'taken' || held.why === 'not_bookable')
      if (isMine || isForAll) return held
    }
  }

  /** For who comes too late: what is free around the time that is taken. At that start too, if it is for another length. */
  async instead({ agentId, teamId }: ShareRow, taken: Pick<Wanted, 'start' | 'end'>): Promise<FreeSlots> {
    const day = Math.floor(taken.start.getTime() / dayMs)
    const stretch = { from: new Date(day * dayMs), to: new Date((day + freshDays) * dayMs) }
    const { slots, nextFree } = await this.#fresh.ask(`${agentId ?? teamId} ${day}`, () =>
      freeSlots(this.#services, { agentId, teamId }, stretch),
    )
    const [start, end] = [taken.start.toISOString(), taken.end?.toISOString()]
    const isTaken = (slot: Slot) => slot.start === start && (end === undefined || slot.end === end)
    const free = slots.filter((slot) => !isTaken(slot))
    return { slots: free, nextFree: nextFree && isTaken(nextFree) ? (free[0] ?? null) : nextFree }
  }
}

async function readByKeys(
  { db }: Services,
  shareId: string,
  keys: string[],
): Promise<Map<string, MeetingRow>> {
  const rows = await readMeetings(
    db,
    sql`m.share_id = ${shareId} and m.idempotency_key = any (${keys}::text[])`,
  )
  return new Map(rows.map((row) => [row.idempotencyKey ?? '', row]))
}
