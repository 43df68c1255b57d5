import type { Connection, ConnectionDescription, Mapping } from '../../core/contracts/connections.ts'

/** The statuses that a CRM offers, as people see them there, with the types of people that have them. */
export function statusesOf(
  description: ConnectionDescription,
  mapping: Mapping,
): { label: string; types: string[] }[] {
  const byLabel = new Map<string, string[]>()
  for (const { type, label: typeLabel, fields } of description.types) {
    const field = fields.find(({ name }) => name === mapping[type]?.crmStatus)
    for (const { label } of field?.options ?? [])
      byLabel.set(label, [...new Set([...(byLabel.get(label) ?? []), typeLabel])])
  }
  return [...byLabel].map(([label, types]) => ({ label, types }))
}

/** The names that a new person of a type can have as status; none where the CRM gives it by itself. */
export function statusesToGive(
  { mapping, statusNames }: Pick<Connection, 'mapping' | 'statusNames'>,
  type: ConnectionDescription['types'][number] | undefined,
): string[] {
  const field = type?.fields.find(({ name }) => name === mapping[type.type]?.crmStatus)
  if (!field?.mayWrite) return []
  return [...new Set(field.options.map(({ label }) => statusNames[label] ?? label))]
}
