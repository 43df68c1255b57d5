import type { PassedOverReason } from '#core/contracts/routing.ts'

/** Choosing as PRODUCT.md tells it, one agent after the other around the circle, for more of them than routing looks at first. */

/** Why somebody cannot be asked; `free` until they have as many chats as they may. Full and unavailable counts as unavailable. */
export type AgentState =
  | 'free'
  | 'full'
  | 'full_and_away'
  | 'full_and_unreachable'
  | 'away'
  | 'off_duty'
  | 'in_a_meeting'
  | 'unreachable'
  | 'inactive'

export interface Circle {
  agents: { state: AgentState; load: number }[]
  cap: number
  /** Whom the round robin over all asked last. */
  last: number
  /** The team that is asked first, in the order of the circle. */
  team: { members: number[]; last: number } | null
}

/** A line of the trace: who was passed over by name, or how many by reason, or who was asked. */
export type Line =
  | { stage: 'team' | 'round_robin'; agent: number; reason: PassedOverReason | null }
  | { stage: 'team' | 'round_robin'; others: Partial<Record<PassedOverReason, number>> }

const namedAtMost = 10

/** Asks the next agent, who has a chat more then. @param before who was asked in this round already. */
export function askNext(circle: Circle, before: number[] = []): { agent: number | null; trace: Line[] } {
  const trace: Line[] = []
  const seen = new Set<number>()
  const { agents, team } = circle
  const stages = [
    ...(team ? [{ stage: 'team', members: team.members, turn: team } as const] : []),
    { stage: 'round_robin', members: agents.map((_, place) => place), turn: circle } as const,
  ]
  for (const { stage, members, turn } of stages) {
    const others: Partial<Record<PassedOverReason, number>> = {}
    let named = 0
    let isCounted = false
    for (const place of inTurn(members, turn.last)) {
      const agent = agents[place]
      if (!agent || agent.state === 'inactive' || seen.has(place)) continue
      seen.add(place)
      const reason = before.includes(place) ? 'asked_already' : reasonFor(agent, circle.cap)
      if (reason === null) {
        agent.load++
        turn.last = place
        return { agent: place, trace: [...trace, { stage, agent: place, reason }] }
      }
      if (named++ < namedAtMost) trace.push({ stage, agent: place, reason })
      else if (reason !== 'asked_already') {
        others[reason] = (others[reason] ?? 0) + 1
        if (!isCounted) trace.push({ stage, others })
        isCounted = true
      }
    }
  }
  return { agent: null, trace }
}

/** A chat ended, or an offer was declined. */
export function hasOneLess({ agents }: Circle, place: number): void {
  const agent = agents[place]
  if (agent) agent.load--
}

const inTurn = (members: number[], last: number) => [
  ...members.filter((place) => place > last),
  ...members.filter((place) => place <= last),
]

function reasonFor({ state, load }: Circle['agents'][number], cap: number): PassedOverReason | null {
  if (['away', 'full_and_away', 'off_duty', 'in_a_meeting'].includes(state)) return 'unavailable'
  if (['unreachable', 'full_and_unreachable'].includes(state)) return 'unreachable'
  return load >= cap ? 'full' : null
}
