/** A record as Salesforce gives it: fields by name, relationships as objects. */
export type Row = Record<string, unknown>

/** The value at `Account.Owner.Name`; undefined where a part of the path is missing. */
export const valueAt = (row: Row, path: string): unknown =>
  path.split('.').reduce<unknown>((value, name) => (value as Row | null | undefined)?.[name], row)

/** As text; null: empty or not there. */
export function textAt(row: Row, path: string): string | null {
  const value = valueAt(row, path)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value : null
}

/** Salesforce writes zones as `+0000`, which only some parsers read. */
export function instantAt(row: Row, path: string): Date | null {
  const at = Date.parse(String(valueAt(row, path)).replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
  return Number.isNaN(at) ? null : new Date(at)
}
