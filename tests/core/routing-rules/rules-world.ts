import { beforeEach } from 'vitest'
import type { Facts, Group, RoutingRule, RuleList } from '#core/contracts/routing-rules.ts'
import { chooseByRules } from '#core/features/routing-rules/book.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'

export const all = (...conditions: Group['conditions']) => ({
  type: 'group' as const,
  match: 'all' as const,
  conditions,
})
export const condition = (fact: string, operator: string, value?: unknown) =>
  ({ type: 'condition', fact, operator, value }) as Group['conditions'][number]

/** A Foyer with an admin and two agents for the tests of one file; each test begins without a rule. */
export function rulesWorld() {
  let foyer: TestFoyer
  let admin: AgentActor
  let dana: AgentActor
  let marco: AgentActor

  const start = async () => {
    foyer = await startFoyer({ workers: false, startsAt: new Date('2026-11-23T08:30:00Z') })
    admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
    dana = await foyer.agent({ name: 'Dana' })
    marco = await foyer.agent({ name: 'Marco', online: false })
    return { foyer, admin, dana, marco }
  }
  beforeEach(async () => {
    for (const { id } of await list()) await admin.http.call('DELETE', `/routing-rules/${id}`)
  })

  const list = async () => (await admin.http.get<RuleList>('/routing-rules')).rules
  const rule = (name: string, conditions: Group = all(), agents = [dana]) => ({
    name,
    enabled: true,
    conditions,
    target: { type: 'agents', agentIds: agents.map(({ id }) => id) },
  })
  const create = (body: ReturnType<typeof rule>) => admin.http.post<RoutingRule>('/routing-rules', body)
  /** What routing does, in a transaction of its own. */
  const choose = (facts: Facts) =>
    foyer.app.services.db.transaction().execute((tx) => chooseByRules(foyer.app.services, tx, facts))

  return { start, list, rule, create, choose }
}
