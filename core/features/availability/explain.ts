import type { Schedule } from '#core/contracts/availability.ts'
import type { AvailabilityExplanation, DatedBlock } from '#core/contracts/schedules.ts'
import { dateOf, localTime, offsetMinutes } from './days.ts'
import { timetableOf } from './occurrences.ts'
import { describeAvailability, type Override, overrideHeldAt } from './schedule.ts'
import { weekdayOf, type Zone } from './zone.ts'

/** A boundary moved out of a gap can land a date later, and a clock put back across midnight repeats a date. */
const marginDays = 2

/** Everything that took part in an answer of {@link describeAvailability}. Pure, as that is. */
export function explainAvailability(
  schedule: Schedule,
  override: Override | null,
  at: Date,
): Omit<AvailabilityExplanation, 'isNow'> {
  const timetable = timetableOf(schedule)
  const { zone } = timetable
  const instant = at.getTime()
  const today = zone.dayAt(instant)
  const given = timetable.stretchAt(instant)
  const next = given.available || given.until === Infinity ? null : given.until
  const held = override && overrideHeldAt(schedule, override, at)
  const availability = describeAvailability(schedule, override, at)
  return {
    at: at.toISOString(),
    timeZone: zone.name,
    offsetMinutes: offsetMinutes(zone.name, instant),
    localTime: localTime(zone.name, instant),
    weekday: weekdayOf(today),
    availability,
    untilLocal: availability.until && localTime(zone.name, Date.parse(availability.until)),
    scheduled: {
      available: given.available,
      until: given.until === Infinity ? null : new Date(given.until).toISOString(),
    },
    blocks: blocksNear(schedule, zone, today).filter(
      ({ startsAt, endsAt }) => Date.parse(startsAt) <= instant && instant < Date.parse(endsAt),
    ),
    dateOff: schedule.datesOff.includes(dateOf(today)) ? dateOf(today) : null,
    nextBlock:
      next === null
        ? null
        : (blocksNear(schedule, zone, zone.dayAt(next)).find(
            ({ startsAt }) => Date.parse(startsAt) === next,
          ) ?? null),
    override:
      override && held
        ? {
            status: override.status,
            setAt: override.setAt.toISOString(),
            setAtLocal: localTime(zone.name, override.setAt.getTime()),
            until: override.until?.toISOString() ?? null,
            endsAt: held.endsAt.toISOString(),
            endsAtLocal: localTime(zone.name, held.endsAt.getTime()),
            ends: held.ends,
            cause: override.cause ?? null,
          }
        : null,
  }
}

/** The blocks of the dates about one day, by start. */
function blocksNear(schedule: Schedule, zone: Zone, around: number): DatedBlock[] {
  const found: DatedBlock[] = []
  for (let day = around - marginDays; day <= around + marginDays; day++) {
    if (!zone.hasDate(day) || schedule.datesOff.includes(dateOf(day))) continue
    for (const { weekday, start, end } of schedule.blocks) {
      if (weekday !== weekdayOf(day)) continue
      const startsAt = zone.instantOf(day, minuteOf(start))
      const endsAt = zone.instantOf(day, minuteOf(end))
      if (startsAt >= endsAt) continue
      found.push({
        date: dateOf(day),
        weekday,
        start,
        end,
        startsAt: new Date(startsAt).toISOString(),
        endsAt: new Date(endsAt).toISOString(),
      })
    }
  }
  return found.sort((a, b) => a.startsAt.localeCompare(b.startsAt) || b.endsAt.localeCompare(a.endsAt))
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
