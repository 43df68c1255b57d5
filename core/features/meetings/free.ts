import { sql } from 'kysely'
import type { FreeSlots } from '../../contracts/meetings.ts'
import type { Slot } from '../../contracts/slots.ts'
import { InvalidInputError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'
import { type Bookable, forMove, horizonOf, readBookables, type Stretch, startsOf } from './bookable.ts'
import { slotsAt } from './preview.ts'
import type { MeetingRow } from './repository.ts'
import { agentsOf, type ShareRow } from './shares.ts'

const mostDays = 62

interface Wanted extends Stretch {
  moving: MeetingRow | null
}

/**
 * What is free of any of those that a link leads to, and the first of it from `from` on, wherever that is.
 * @param asked.moving a meeting for which another time is wanted: it does not stand in its own way, and where it is is no choice
 * @throws {InvalidInputError} for more days than anybody looks at
 */
export async function freeSlots(
  services: Pick<Services, 'db' | 'clock'>,
  whose: Pick<ShareRow, 'agentId' | 'teamId'>,
  asked: {
    from?: Date | undefined
    to?: Date | undefined
    moving?: MeetingRow
  },
): Promise<FreeSlots> {
  const now = services.clock.now()
  const from = Math.max(now.getTime(), asked.from?.getTime() ?? 0)
  // a stretch that is over is an empty one from now on, and no range that PostgreSQL refuses
  const to = Math.max(from, asked.to?.getTime() ?? from + mostDays * dayMs)
  if (to - from > mostDays * dayMs) {
    const message = `Ask about ${mostDays} days at most.`
    throw new InvalidInputError(message, [{ field: 'to', message }])
  }
  const { moving = null } = asked
  const stretch = {
    now,
    from,
    to,
    exceptMeetingId: moving?.id ?? null,
    moving,
  }
  const bookables = await bookablesOf(services, whose, stretch)
  const slots = slotsOfAny(bookables, stretch)
  return { slots, nextFree: slots[0] ?? (await firstAfter(services, whose, stretch, bookables)) }
}

async function bookablesOf(
  { db }: Pick<Services, 'db'>,
  whose: Pick<ShareRow, 'agentId' | 'teamId'>,
  stretch: Wanted,
): Promise<Bookable[]> {
  const bookables = await readBookables(db, stretch, agentsOf(whose))
  const { moving } = stretch
  return moving ? bookables.map((one) => forMove(one, moving)) : bookables
}

/** Of whoever is free, each time once. A team's members may take different times for one: the shortest is offered, and booked (`hold`). */
function slotsOfAny(bookables: Bookable[], stretch: Wanted): Slot[] {
  const durations = new Map<number, number>()
  for (const one of bookables)
    for (const start of startsOf(one, stretch))
      if (start !== stretch.moving?.startAt.getTime())
        durations.set(start, Math.min(durations.get(start) ?? Infinity, one.settings.durationMinutes))
  if (bookables.length <= 1)
    return slotsAt([...durations.keys()], bookables[0]?.settings.durationMinutes ?? 0)
  return [...durations]
    .sort(([a], [b]) => a - b)
    .flatMap(([start, durationMinutes]) => slotsAt([start], durationMinutes))
}

async function firstAfter(
  services: Pick<Services, 'db'>,
  whose: Pick<ShareRow, 'agentId' | 'teamId'>,
  stretch: Wanted,
  bookables: Bookable[],
): Promise<Slot | null> {
  const end = Math.max(...bookables.map((one) => horizonOf(one, stretch.now)))
  if (!(end > stretch.to)) return null
  const rest = { ...stretch, from: stretch.to, to: end }
  return slotsOfAny(await bookablesOf(services, whose, rest), rest)[0] ?? null
}

/** Where each agent's next free time is, those of one question together. */
export async function nextFreeOf(
  db: Services['db'],
  now: Date,
  agentIds: string[],
): Promise<Map<string, Slot | null>> {
  const near = { now, from: now.getTime(), to: now.getTime() + 7 * dayMs }
  const found = new Map<string, Slot | null>()
  const later: string[] = []
  for (const one of await readBookables(db, near, sql`a.id = any (${agentIds}::uuid[])`)) {
    const [start] = startsOf(one, near)
    if (start !== undefined) found.set(one.id, slotsAt([start], one.settings.durationMinutes)[0] ?? null)
    else if (one.reason === null && horizonOf(one, now) > near.to) later.push(one.id)
  }
  if (later.length === 0) return found
  const far = { now, from: near.to, to: now.getTime() + 366 * dayMs }
  for (const one of await readBookables(db, far, sql`a.id = any (${later}::uuid[])`)) {
    const [start] = startsOf(one, { ...far, to: horizonOf(one, now) })
    if (start !== undefined) found.set(one.id, slotsAt([start], one.settings.durationMinutes)[0] ?? null)
  }
  return found
}
