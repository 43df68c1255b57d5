/** A dated path means the same as the one it takes the place of (../../../shared/contracts/hubspot/versions.json); what lies behind is built once.
 *  `/crm/objects/2026-09/contacts` → `/crm/v3/objects/contacts` */
export function undated(path: string): string {
  const [, family, kind, date, ...rest] = path.split('/')
  if (family === 'oauth' && kind && isDate(kind)) return ['/oauth', date, ...rest].filter(Boolean).join('/')
  if (family !== 'crm' || !kind || !date || !isDate(date)) return path
  const isAssociation = kind === 'associations' || (kind === 'objects' && rest[2] === 'associations')
  return ['/crm', isAssociation ? 'v4' : 'v3', kind, ...rest].join('/')
}

const isDate = (part: string) => /^\d{4}-\d{2}$/.test(part)
