import { localTime, nameOfToday, offsetMinutes } from '../availability/days.ts'
import { zoneNamed } from '../availability/zone.ts'

/** "Monday, 1 June 2026, 09:00–09:30 (Europe/Rome, UTC+2)": the zone stands with every time, and its offset too, which tells the two
 *  02:30 of an autumn night apart; in a meeting that outlasts a change of clocks, with each of its ends. */
export function timeInWords(start: Date, end: Date, timeZone: string): string {
  const zone = zoneNamed(timeZone).name
  const date = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  }).format(start)
  const clock = (at: Date) => localTime(zone, at.getTime()).slice(11)
  const [ahead, aheadAtEnd] = [start, end].map((at) => offsetInWords(offsetMinutes(zone, at.getTime())))
  return ahead === aheadAtEnd
    ? `${date}, ${clock(start)}–${clock(end)} (${nameOfToday(timeZone)}, ${ahead})`
    : `${date}, ${clock(start)} ${ahead} – ${clock(end)} ${aheadAtEnd} (${nameOfToday(timeZone)})`
}

export function offsetInWords(minutes: number): string {
  if (minutes === 0) return 'UTC'
  const hours = Math.floor(Math.abs(minutes) / 60)
  const rest = Math.abs(minutes) % 60
  return `UTC${minutes < 0 ? '−' : '+'}${hours}${rest ? `:${String(rest).padStart(2, '0')}` : ''}`
}

/** What stands for {{name}} and the like; what is not known leaves no hole, nor the mark that joined it. */
export function fillIn(template: string, values: Record<string, string | null>): string {
  return template
    .replace(/{{([^{}]*)}}/g, (_whole, name: string) => values[name.trim()] ?? '')
    .split('\n')
    .map((line) => line.replace(/[ \t]{2,}/g, ' ').replace(/^[\s,–-]+|[\s,–-]+$/g, ''))
    .join('\n')
    .trim()
}
