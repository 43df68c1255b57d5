import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { SaveRule } from '../../contracts/routing-rules.ts'
import type { Tx } from '../../db/pool.ts'
import { gatherFacts, keepFacts, type RequestOf } from '../routing-rules/facts.ts'
import { insert } from '../routing-rules/repository.ts'

/** Rules to try out, and what was known of last week's requests, so that a replay has something to show. The shop's
 *  requests go to everybody in turn until somebody lets the site ask the rules. */
export async function sampleRouting(
  tx: Tx,
  now: Date,
  agentIds: { dana: string; marco: string; aiko: string },
): Promise<void> {
  const rules: SaveRule[] = [
    {
      name: 'Italian and German speakers',
      enabled: true,
      conditions: {
        type: 'group',
        match: 'all',
        conditions: [
          { type: 'condition', fact: 'visitor.language', operator: 'in_list', value: ['it', 'de'] },
        ],
      },
      target: { type: 'agents', agentIds: [agentIds.marco] },
    },
    {
      name: 'Trade customers',
      enabled: true,
      conditions: {
        type: 'group',
        match: 'any',
        conditions: [
          { type: 'condition', fact: 'page.path', operator: 'contains', value: 'trade' },
          { type: 'condition', fact: 'crm.status', operator: 'in_list', value: ['Opportunity', 'Customer'] },
        ],
      },
      target: { type: 'agents', agentIds: [agentIds.dana, agentIds.marco] },
    },
    {
      name: 'Late in the evening',
      enabled: false,
      conditions: {
        type: 'group',
        match: 'any',
        conditions: [
          { type: 'condition', fact: 'local.time', operator: 'at_least', value: '20:00' },
          { type: 'condition', fact: 'local.time', operator: 'less', value: '07:00' },
        ],
      },
      target: { type: 'agents', agentIds: [agentIds.aiko] },
    },
  ]
  for (const [index, rule] of rules.entries())
    await insert(tx, now, { ...rule, id: randomUUIDv7(), priority: index + 1 })

  const weekAgo = new Date(now.getTime() - 7 * 86_400_000)
  const { rows } = await sql<RequestOf & { id: string; requestedAt: Date }>`
    select id, site_id, visitor_id, page, requested_at from conversations
    where requested_at >= ${weekAgo} and end_reason is distinct from 'left_message'`.execute(tx)
  for (const request of rows)
    await keepFacts(tx, request.id, request.requestedAt, await gatherFacts(tx, request.requestedAt, request))
}
