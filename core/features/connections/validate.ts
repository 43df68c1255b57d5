import { whyNotOutbound } from '#connectors/sdk/addresses.ts'
import type { ConnectorDeclaration, SettingDeclaration } from '#connectors/sdk/contract.ts'
import type { CrmDescription, FieldMapping } from '#connectors/sdk/crm.ts'
import type { WriteBackRules } from '../../contracts/connections.ts'
import { InvalidInputError } from '../../errors.ts'

/** What may be called although it is in our own network, since the operator has named it. */
interface Named {
  standIn?: string | undefined
  internalHosts?: readonly string[]
}

/** @returns the settings as the connector takes them. @throws {InvalidInputError} */
export function checkSettings(
  { settings }: ConnectorDeclaration,
  given: Record<string, string>,
  named: Named = {},
): Record<string, string> {
  for (const key of Object.keys(given))
    if (!settings.some((setting) => setting.key === key))
      throw invalid(`settings.${key}`, `There is no setting "${key}".`)
  return Object.fromEntries(
    settings.flatMap((setting) => {
      const value = given[setting.key] || setting.initial
      if (value) return [[setting.key, checkSetting(setting, value, named)]]
      if (setting.required) throw invalid(`settings.${setting.key}`, `${setting.label} is needed.`)
      return []
    }),
  )
}

function checkSetting(
  { key, label, kind, options, domains }: SettingDeclaration,
  value: string,
  { standIn, internalHosts }: Named,
): string {
  const field = `settings.${key}`
  if (kind === 'choice' && !options?.some((option) => option.value === value))
    throw invalid(field, `${label}: choose one of those offered.`)
  if (kind === 'address') {
    const address = value.includes('://') ? value : `https://${value}`
    const why = whyNotOutbound(address, standIn, internalHosts)
    if (why) throw invalid(field, `${label}: ${why}`)
    return address
  }
  if (kind !== 'origin') return value
  const url = URL.parse(value.includes('://') ? value : `https://${value}`)
  // whether it leads into our own network is looked at with every call
  if (url?.protocol !== 'https:' || url.username || url.pathname !== '/' || url.search || url.hash)
    throw invalid(field, `${label} should be an address without a path, such as https://example.com.`)
  if (domains && !domains.some((domain) => url.hostname.endsWith(`.${domain}`)))
    throw invalid(field, `${label} should end with ${domains.map((domain) => `.${domain}`).join(', ')}.`)
  return url.origin
}

/** @param description null: not known yet, so only types are looked at. @throws {InvalidInputError} */
export function checkMapping(
  { crm }: ConnectorDeclaration,
  mapping: FieldMapping,
  description: CrmDescription | null,
): void {
  for (const [type, fields] of Object.entries(mapping)) {
    const known = crm?.personTypes.find((one) => one.type === type)
    if (!known) throw invalid(`mapping.${type}`, `The CRM has no people of type "${type}".`)
    const visible = description?.types[type]?.fields
    if (!visible) continue
    for (const [field, name] of Object.entries(fields))
      if (!visible.some((one) => one.name === name))
        throw invalid(`mapping.${type}.${field}`, `${known.label} has no field "${name}" that Foyer may see.`)
  }
}

/** @throws {InvalidInputError} */
export function checkWriteBack({ crm }: ConnectorDeclaration, { create }: WriteBackRules): void {
  if (create.type !== null && !crm?.personTypes.some(({ type }) => type === create.type))
    throw invalid('writeBack.create.type', `The CRM has no people of type "${create.type}".`)
}

const invalid = (field: string, message: string) => new InvalidInputError(message, [{ field, message }])
