import type { Tx } from '../../db/pool.ts'
import { audit } from '../audit/audit.ts'

/** For the audit log. @param actorId null when Foyer did it by itself */
export const record = (
  tx: Tx,
  now: Date,
  actorId: string | null,
  action: string,
  id: string,
  detail?: Record<string, unknown>,
): Promise<void> => audit(tx, { now, actorId, action, objectType: 'connection', objectId: id, detail })
