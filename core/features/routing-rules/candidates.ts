import { sql } from 'kysely'
import type { Agent } from '../../contracts/agents.ts'
import type { RulePreview, RuleTarget } from '../../contracts/routing-rules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { permissionsOf } from '../agents/permissions.ts'
import { describeAgents } from '../agents/repository.ts'

/** Those a rule names in the order they would be asked at `now`, each with whether they can be and why not: the round
 *  robin of the rule, or of the team it names.
 *  @param ruleId the saved rule; one not saved yet begins with its first agent.
 *  @param cap chats of one agent at most, active and offered together. */
export async function candidatesOf(
  db: Db | Tx,
  now: Date,
  { target, ruleId, cap }: { target: RuleTarget; ruleId: string | null; cap: number },
): Promise<RulePreview['candidates']> {
  const isNamed =
    target.type === 'agents'
      ? sql`a.id = any (${target.agentIds}::uuid[])`
      : sql`exists (select from team_members m where m.team_id = ${target.teamId} and m.agent_id = a.id)`
  const { rows: turns } = await sql<{ id: string; load: number }>`
    select a.id,
           (select count(*) from conversations c where c.agent_id = a.id and c.status = 'active')
             + (select count(*) from offers o where o.agent_id = a.id and o.state = 'pending') as load
    from agents a
    left join round_robins t on t.of_id = ${target.type === 'team' ? target.teamId : ruleId}
    where ${isNamed}
    order by a.position <= coalesce(t.last_offered_position, 0), a.position`.execute(db)
  const agents = new Map((await describeAgents(db, now, isNamed)).map((agent) => [agent.id, agent]))
  let free = 0
  return turns.flatMap(({ id, load }) => {
    const agent = agents.get(id)
    if (!agent) return []
    const reason = reasonNot(agent, load, cap)
    return {
      agent: { id, name: agent.name },
      state: reason ?? (free++ === 0 ? ('first' as const) : ('next' as const)),
      until: reason === 'unavailable' ? agent.availability.until : null,
    }
  })
}

function reasonNot(agent: Agent, load: number, cap: number) {
  if (!agent.active || !permissionsOf(agent.profile).includes('conversations.reply')) return 'inactive'
  if (!agent.availability.available) return 'unavailable'
  if (!agent.reachable) return 'unreachable'
  return load >= cap ? 'full' : undefined
}
