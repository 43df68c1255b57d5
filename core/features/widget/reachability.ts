import { sql } from 'kysely'
import type { Profile } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import type { Reachability } from '../../contracts/widget.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import { isReachable } from '../../realtime/presence-sql.ts'
import type { Services } from '../../services.ts'
import { permissionsOf } from '../agents/permissions.ts'
import { availabilityAt } from '../availability/schedule.ts'
import { type OverrideColumns, overrideColumns, toOverride } from '../availability/service.ts'
import { busyAt } from '../routing/busy.ts'
import { loads } from '../routing/load.ts'

const freshMs = 2_000

interface Row extends OverrideColumns {
  profile: Profile
  reachable: boolean
  hasRoom: boolean
  busyUntil: Date | null
  liveChatSchedule: Schedule
}

/** Whether a visitor who asks now can be put to somebody, and if not, when the first agent is back. Computed at most
 *  every two seconds a process; those who wait for a change are told of it. */
export class ReachabilityWatch {
  readonly #services: Services
  #known: { value: Promise<Reachability>; at: number } | undefined
  #told = ''
  #listener: ((value: Reachability) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(services: Services) {
    this.#services = services
  }

  current(): Promise<Reachability> {
    const now = performance.now()
    if (this.#known && now - this.#known.at < freshMs) return this.#known.value
    const value = readReachability(this.#services)
    this.#known = { value, at: now }
    value.then(
      (one) => this.#tell(one),
      () => {
        // a failed look must not be remembered
        if (this.#known?.value === value) this.#known = undefined
      },
    )
    return value
  }

  /** Whatever anybody is told by {@link current}, the listener hears as well, so nobody keeps an old answer. */
  onChange(listener: (value: Reachability) => void): void {
    this.#listener = listener
    this.#timer = setInterval(() => void this.current().catch(() => undefined), freshMs)
  }

  #tell(value: Reachability): void {
    const text = JSON.stringify(value)
    if (this.#told !== '' && this.#told !== text) this.#listener?.(value)
    this.#told = text
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

async function readReachability({ db, clock, settings }: Services): Promise<Reachability> {
  const now = clock.now()
  const { rows } = await sql<Row>`${plannedOnce}
    select a.profile, a.live_chat_schedule, ${overrideColumns},
           ${isReachable('agent', sql`a.id`, now)} as reachable,
           coalesce(held.load, 0) < ${settings.agentCap} as has_room,
           busy.until as busy_until
    from agents a left join ${loads} held on held.agent_id = a.id left join ${busyAt(now)} busy on busy.agent_id = a.id
    where a.active`.execute(db)
  let backAt: Date | null = null
  // somebody who should be there may be back any minute, and who is full may end a chat: a time would be a guess
  let due = false
  for (const row of rows) {
    if (!permissionsOf(row.profile).includes('conversations.reply')) continue
    const { free, until } = whenFree(row, now)
    if (free && row.reachable && row.hasRoom) return { open: true, backAt: null }
    if (free) due = true
    else if (until && (!backAt || until < backAt)) backAt = until
  }
  return { open: false, backAt: due ? null : (backAt?.toISOString() ?? null) }
}

/** By schedule, switch and meetings: whether somebody can be asked at `now`, else from when on. */
function whenFree(
  { liveChatSchedule, busyUntil, ...columns }: Row,
  now: Date,
): { free: boolean; until: Date | null } {
  const override = toOverride(columns)
  const { available, until } = availabilityAt(liveChatSchedule, override, now)
  if (!available || !busyUntil) return { free: available, until }
  const then = availabilityAt(liveChatSchedule, override, busyUntil)
  return { free: false, until: then.available ? busyUntil : then.until }
}
