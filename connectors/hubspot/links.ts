import type { Connection } from '../sdk/contract.ts'
import { type ObjectType, objectTypes } from './object-types.ts'

/** Where a person sees a record. */
export function recordUrl({ account }: Pick<Connection, 'account'>, type: ObjectType, id: string): string {
  const origin = account?.webOrigin ?? 'https://app.hubspot.com'
  return `${origin}/contacts/${account?.id ?? ''}/record/${objectTypes[type].typeId}/${id}`
}
