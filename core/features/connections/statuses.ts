import type { ConnectionRow } from './repository.ts'

/** The CRM's own word for a status of Foyer's, for people of a type: the first that is called so. One that nothing is called is
 *  given as it is. */
export function statusInCrm(
  { mapping, statusNames, description }: Pick<ConnectionRow, 'mapping' | 'statusNames' | 'description'>,
  type: string,
  status: string,
): string {
  const field = mapping[type]?.crmStatus
  const options = description?.types[type]?.fields.find(({ name }) => name === field)?.options ?? []
  const labels = options.map(({ label }) => label)
  return (
    [...labels, ...Object.keys(statusNames)].find((label) => (statusNames[label] ?? label) === status) ??
    status
  )
}
