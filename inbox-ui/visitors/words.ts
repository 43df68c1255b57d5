import type { FactSource, Visitor, VisitorCrm } from '../../core/contracts/visitors.ts'
import { type Format, placeOf } from '../messages/format.ts'
import type { Messages } from '../messages/language.ts'
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
    return `${format.timeIn(timeZone, now)}, ${placeOf(timeZone)}`
  } catch {
    return null
  }
}

/** As people call it: "HubSpot"; a connector nobody here has heard of by its id, "my-crm" as "My crm". */
export function sourceName(source: string, text: Messages): string {
  const known = (text.visitor.sources as Record<string, string>)[source]
  if (known !== undefined) return known
  const words = source.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Where a fact comes from and how old it is: "HubSpot, 40 s ago". */
export function factInWords(
  fact: FactSource | undefined,
  text: Messages,
  format: Format,
  now: number,
): string | undefined {
  if (!fact) return undefined
  const name = sourceName(fact.source, text)
  return fact.at === null ? name : text.visitor.fresh(name, format.ago(fact.at, now))
}

/** "HubSpot, 40 s ago", "Salesforce: reconnect needed". */
export function crmInWords(crm: VisitorCrm, text: Messages, format: Format, now: number): string {
  const name = sourceName(crm.source, text)
  const words = text.visitor.crm
  if (crm.state !== 'active') return words[crm.state](name)
  if (crm.refreshing && crm.readAt === null) return words.asking(name)
  if (crm.problem) return words.problem(name)
  if (crm.readAt === null) return words.notAsked(name)
  const ago = format.ago(crm.readAt, now)
  return crm.known ? text.visitor.fresh(name, ago) : words.nobody(name, ago)
}
