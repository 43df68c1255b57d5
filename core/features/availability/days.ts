import type { LocalDay, LocalDays, TimeZoneList } from '#core/contracts/schedules.ts'
import { canonicalTimeZone, dayMs, minuteMs, timeZoneDatabaseVersion, weekdayOf, zoneNamed } from './zone.ts'

/** The dates of a zone from an instant on, for a browser to draw. Dates that the calendar skips are left out. */
export function localDays(timeZone: string, now: Date, from: Date, count: number): LocalDays {
  const zone = zoneNamed(timeZone)
  const days: LocalDay[] = []
  for (let day = zone.dayAt(from.getTime()); days.length < count; day++) {
    if (!zone.hasDate(day)) continue
    const startsAt = zone.startOf(day)
    const endsAt = zone.startOf(day + 1)
    const clockChanges: LocalDay['clockChanges'] = []
    for (let at = zone.changeAfter(startsAt); at < endsAt; at = zone.changeAfter(at))
      clockChanges.push({ at: iso(at), offsetMinutes: offsetMinutes(timeZone, at) })
    days.push({
      date: dateOf(day),
      weekday: weekdayOf(day),
      startsAt: iso(startsAt),
      endsAt: iso(endsAt),
      offsetMinutes: offsetMinutes(timeZone, startsAt),
      clockChanges,
    })
  }
  return { now: now.toISOString(), timeZone: zone.name, days }
}

/** Whole minutes east of UTC; offsets with seconds went out of use before anybody chatted. */
export const offsetMinutes = (timeZone: string, at: number): number =>
  Math.round(zoneNamed(timeZone).offsetAt(at) / minuteMs)

/** What a clock shows at an instant: "2026-03-03T10:00". */
export const localTime = (timeZone: string, at: number): string =>
  new Date(at + zoneNamed(timeZone).offsetAt(at)).toISOString().slice(0, 16)

export const dateOf = (day: number): string => iso(day * dayMs).slice(0, 10)

/** Intl lists some zones by names that their cities have given up; people look for those of today. */
const namesOfToday: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Coral_Harbour': 'America/Atikokan',
  'America/Cordoba': 'America/Argentina/Cordoba',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Jujuy': 'America/Argentina/Jujuy',
  'America/Louisville': 'America/Kentucky/Louisville',
  'America/Mendoza': 'America/Argentina/Mendoza',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
}

export const nameOfToday = (timeZone: string): string => namesOfToday[timeZone] ?? timeZone

/** What a picker offers, UTC first, then by name. Other aliases that a schedule may carry are no part of it. */
export const listTimeZones = (now: Date): TimeZoneList => ({
  databaseVersion: timeZoneDatabaseVersion,
  timeZones: ['UTC', ...namesListed()].map((name) => ({
    name,
    offsetMinutes: offsetMinutes(name, now.getTime()),
  })),
})

const namesListed = (): string[] => {
  const names = Intl.supportedValuesOf('timeZone').map((name) => {
    const today = nameOfToday(name)
    return canonicalTimeZone(today) === today ? today : name
  })
  return [...new Set(names)].filter((name) => name !== 'UTC').sort()
}

const iso = (at: number): string => new Date(at).toISOString()
