import type { Availability } from '../../core/contracts/availability.ts'
import type { Format } from '../messages/format.ts'
import type { Messages } from '../messages/language.ts'

/** Why and until when: "by schedule until 17:00", "set by you until midnight". */
export function reasonInWords(
  availability: Availability,
  text: Messages,
  format: Format,
  now: number,
): string {
  const { reason } = availability
  const words = text.availability
  switch (reason.code) {
    case 'by_schedule':
      return words.bySchedule
    case 'by_schedule_until':
      return words.byScheduleUntil(untilInWords(reason.until, reason.timeZone, text, format, now))
    case 'set_by_you_until':
      return words.setByYouUntil(untilInWords(reason.until, reason.timeZone, text, format, now))
    case 'set_by_supervisor_until':
      return words.setBySupervisorUntil(untilInWords(reason.until, reason.timeZone, text, format, now))
    case 'missed_offers_until':
      return words.missedOffers
    default:
      return reason satisfies never
  }
}

/** "17:00", "Wed 09:00", or "midnight" when it is midnight for agent and reader alike. */
function untilInWords(until: string, timeZone: string, text: Messages, format: Format, now: number): string {
  const ms = new Date(until).getTime()
  const next = new Date(now)
  next.setHours(24, 0, 0, 0)
  if (ms === next.getTime() && isMidnight(ms, timeZone)) return text.availability.midnight
  return format.timeOrDay(until, now)
}

function isMidnight(ms: number, timeZone: string): boolean {
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return time.format(ms) === '00:00'
}
