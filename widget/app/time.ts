import type { Reachability } from '#core/contracts/widget.ts'
import { locale, t, words } from './words.ts'

const format = (at: Date | number, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat(locale, options).format(at)

/** Hours and minutes, as the visitor's language writes them. */
export const clockTime = (at: Date | number) => format(at, { timeStyle: 'short' })
/** With weekday, date and year. */
export const exactTime = (at: Date | number) => format(at, { dateStyle: 'full', timeStyle: 'short' })
const dayKey = (at: Date | number) => new Date(at).toDateString()
/** In the zone of this browser. */
export const sameDay = (a: Date | number, b: Date | number) => dayKey(a) === dayKey(b)

export const dayMs = 24 * 60 * 60_000
const daysApart = (from: number, to: number) =>
  Math.round((new Date(to).setHours(0, 0, 0, 0) - new Date(from).setHours(0, 0, 0, 0)) / dayMs)

/** "Friday 14 November", as the head of a day. */
export const dayName = (at: number) => format(at, { weekday: 'long', day: 'numeric', month: 'long' })

/** A time of day today, a weekday within the last six days, else a date. */
export const shortDay = (at: number, now: number) => {
  const days = daysApart(at, now)
  if (days <= 0) return clockTime(at)
  return days < 7 ? format(at, { weekday: 'long' }) : format(at, { dateStyle: 'medium' })
}

/** As browsers still call places that have changed their names; those of the inbox are in `inbox-ui/messages/format.ts`. */
const formerNames: Record<string, string> = {
  Asmera: 'Asmara',
  Calcutta: 'Kolkata',
  Enderbury: 'Kanton',
  Faeroe: 'Faroe',
  Godthab: 'Nuuk',
  Katmandu: 'Kathmandu',
  Kiev: 'Kyiv',
  Ponape: 'Pohnpei',
  Rangoon: 'Yangon',
  Saigon: 'Ho Chi Minh',
  Truk: 'Chuuk',
}

/** An IANA zone as people know it: "Asia/Ho Chi Minh". */
export const zoneName = (zone: string) =>
  zone.replaceAll('_', ' ').replace(/[^/]+$/, (city) => formerNames[city] ?? city)

/** The city of it: "Ho Chi Minh". */
export const zoneCity = (zone = Intl.DateTimeFormat().resolvedOptions().timeZone) =>
  zoneName(zone).split('/').at(-1) ?? zone

/** When somebody is back, in the reader's own zone: a heading and a line under it. `now` is Foyer's, in ms. */
export const backAgain = ({ backAt }: Reachability, now: number): { title: string; text: string } => {
  if (backAt === null) return { title: words.backUnknown, text: words.backUnknownHint }
  const at = Date.parse(backAt)
  const days = daysApart(now, at)
  const time = clockTime(at)
  const day = format(at, days < 7 ? { weekday: 'long' } : { day: 'numeric', month: 'long' })
  const minutes = Math.max(1, Math.round((at - now) / 60_000))
  const wait =
    minutes < 60
      ? t('inMinutes', { count: minutes })
      : minutes < 36 * 60
        ? t('inHours', { count: Math.round(minutes / 60) })
        : t('inDays', { count: Math.round(minutes / 1440) })
  const title =
    days <= 0
      ? t('backToday', { time })
      : days === 1
        ? t('backTomorrow', { time })
        : t('backOn', { day, time })
  return { title, text: t('yourTime', { place: zoneCity(), wait }) }
}
