import type { Visitor } from '../../core/contracts/visitors.ts'
import type { Format } from '../messages/format.ts'
import { pathOf } from '../parts/address.ts'

/** "google / cpc, spring-trade" from UTM, else the referrer's host; null when neither is known. */
export function sourceOf({ utm, referrer }: Pick<Visitor, 'utm' | 'referrer'>): string | null {
  const tag = (name: string) => utm?.[name] ?? utm?.[`utm_${name}`]
  const where = [tag('source'), tag('medium')].filter(Boolean).join(' / ')
  const parts = [where, tag('campaign')].filter(Boolean)
  if (parts.length > 0) return parts.join(', ')
  if (!referrer) return null
  return URL.canParse(referrer) ? new URL(referrer).host + trimmed(pathOf(referrer), referrer) : referrer
}

const trimmed = (path: string, address: string) => (path === new URL(address).host ? '' : path)

/** "10:47, Rome"; null when the zone is unknown to this browser or to anybody. */
export function localTime(timeZone: string | null, now: number, format: Format): string | null {
  if (!timeZone) return null
  try {
    const place = timeZone.split('/').at(-1)?.replaceAll('_', ' ') ?? timeZone
    return `${format.timeIn(timeZone, now)}, ${place}`
  } catch {
    return null
  }
}
