import { expect } from 'vitest'
import type { Facts } from '#core/contracts/routing-rules.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { decidingRule, factsOf, type ModelRule } from './rules-model.ts'
import type { OfferRecord, RoutingWorld } from './world.ts'

/** Routing as PRODUCT.md tells it, in memory and one thing at a time: what the database must say after each step. */

export const cap = 2
export const tries = 2
export const missesInARow = 2
export const offerTimeoutMs = 100_000
const graceMs = 30_000

export interface ModelAgent {
  active: boolean
  /** Hours of every day, UTC, as [start, end). */
  blocks: readonly (readonly [number, number])[]
  /** What the switch was set to, by hand or by Foyer, and how long that holds. */
  override: { available: boolean; until: number } | null
  /** Offers in a row that ran out since the agent last answered one or turned the switch. */
  misses: number
  socket: { open: boolean; droppedAt: number }
}

export interface ModelOffer {
  agent: number
  state: 'pending' | 'accepted' | 'declined' | 'expired' | 'withdrawn'
  /** From the database, whose clock made it. */
  id: string
  expiresAt: number
  /** Which time the chat was routed. */
  round: number
  /** Why this one was asked, as the trace says it. */
  by: Reason
}

type OwnerStage = 'account' | 'person_owner' | 'company_owner'

interface Reason {
  stage: 'previous_agent' | OwnerStage | 'agent' | 'team' | 'rule' | 'round_robin'
  /** The name of the team or rule, or the account's domain. */
  label: string | null
}

/** Whose owners can change: the one of the account list, a person's by the address, the company's. */
export type OwnerOf =
  | 'account'
  | 'known@account.test'
  | 'known@person.test'
  | 'known@company.test'
  | 'company'

/** What a visitor gives, and who may then own them, in the order of asking. */
export interface Kind {
  email?: string
  company?: string
  owners?: OwnerOf[]
}

export const kinds: Kind[] = [
  {},
  { email: 'anybody@elsewhere.test', company: 'Halo Lamps' },
  { email: 'anybody@account.test', owners: ['account'] },
  { email: 'known@account.test', company: 'Northwind', owners: ['account', 'known@account.test'] },
  { email: 'known@person.test', owners: ['known@person.test'] },
  { email: 'anybody@company.test', company: 'Lamps & Sons', owners: ['company'] },
  { email: 'known@company.test', owners: ['known@company.test', 'company'] },
]

export interface ModelChat {
  id: string
  visitorId: string
  status: 'waiting' | 'active' | 'ended' | 'missed'
  agent: number | null
  reason: string | null
  offers: ModelOffer[]
  round: number
  kind: Kind
  /** What was known when the chat was first routed. */
  facts: Facts
}

export type ModelRoute =
  | { by: 'round_robin' }
  | { by: 'rules' }
  | { by: 'agent'; agent: number }
  | { by: 'team'; team: number }

interface ModelTeam {
  name: string
  members: readonly number[]
  last: number
}

export interface Model {
  agents: ModelAgent[]
  chats: ModelChat[]
  /** Who was offered the last chat of the round robin over all. */
  last: number
  route: ModelRoute
  /** Null: deleted. */
  teams: (ModelTeam | null)[]
  owners: Record<OwnerOf, number | null>
  /** By priority. */
  rules: ModelRule[]
}

export interface Real {
  world: RoutingWorld
  agents: AnAgent[]
  admin: AnAgent
  teamIds: string[]
  /** Teams and rules that were made: part of the next one's name. */
  made: number
}

export const pendingOf = (chat: ModelChat) => chat.offers.find((offer) => offer.state === 'pending')

export const load = (model: Model, agent: number) =>
  model.chats.filter(
    (chat) =>
      (chat.status === 'active' && chat.agent === agent) ||
      (chat.status === 'waiting' && pendingOf(chat)?.agent === agent),
  ).length

/** The next step of a waiting chat, as {@link routeOn} takes it. */
export function route(model: Model, chat: ModelChat, now: number): void {
  if (chat.status !== 'waiting' || pendingOf(chat)) return
  const asked = askedFor(chat)
  const expired = asked.filter((offer) => offer.state === 'expired').length
  if (expired >= tries) return miss(chat, 'no_answer')
  const next = candidate(model, chat, now)
  if (next === null) return miss(chat, asked.length > 0 ? 'no_answer' : 'nobody_available')
  const { agent, turnOf, by } = next
  if (turnOf) turnOf.last = agent
  chat.offers.push({ agent, state: 'pending', id: '', expiresAt: 0, round: chat.round, by })
}

/** As {@link routeAgain} does it. */
export function routeAgain(model: Model, chat: ModelChat, now: number): void {
  chat.status = 'waiting'
  chat.agent = null
  chat.round += 1
  route(model, chat, now)
}

const askedFor = (chat: ModelChat) => chat.offers.filter((offer) => offer.round === chat.round)

interface Next {
  agent: number
  by: Reason
  /** Whose turn moves on. */
  turnOf?: { last: number }
}

/** Whoever talked with this visitor the last time, the owners, where the site's route leads, everybody in turn. */
function candidate(model: Model, chat: ModelChat, now: number): Next | null {
  const everybody = model.agents.map((_, index) => index)
  const order: Next[] = [
    ...previousAgent(model, chat).map((agent) => ({ agent, by: reason('previous_agent') })),
    ...ownersOf(model, chat).map(({ agent, stage }) => ({
      agent,
      by: reason(stage, stage === 'account' ? 'account.test' : null),
    })),
    ...routed(model, chat, now),
    ...takingTurns(everybody, model, reason('round_robin')),
  ]
  return order.find(({ agent }) => isFree(model, chat, agent, now)) ?? null
}

const reason = (stage: Reason['stage'], label: string | null = null): Reason => ({ stage, label })

function previousAgent(model: Model, { visitorId }: ModelChat): number[] {
  const last = model.chats.findLast((chat) => chat.visitorId === visitorId && chat.agent !== null)
  return [last?.agent ?? []].flat()
}

export function ownersOf({ owners }: Model, { kind }: ModelChat): { agent: number; stage: OwnerStage }[] {
  return (kind.owners ?? []).flatMap((of) => {
    const agent = owners[of]
    const stage = of === 'account' ? 'account' : of === 'company' ? 'company_owner' : 'person_owner'
    return agent === null ? [] : [{ agent, stage }]
  })
}

function routed(model: Model, chat: ModelChat, now: number): Next[] {
  const { route, teams } = model
  switch (route.by) {
    case 'round_robin':
      return []
    case 'agent':
      return [{ agent: route.agent, by: reason('agent') }]
    case 'team': {
      const team = teams[route.team]
      return team ? takingTurns(team.members, team, reason('team', team.name)) : []
    }
    case 'rules':
      return byRules(model, chat, now)
    default:
      return route satisfies never
  }
}

/** Whoever declines or lets it run out, the next one is chosen by what was known at first; only a chat that is routed again
 *  is looked at anew. */
function byRules(model: Model, chat: ModelChat, now: number): Next[] {
  const rule = decidingRule(model, chat.round === 1 ? chat.facts : factsOf(model, chat, now))
  if (!rule) return []
  const by = reason('rule', rule.name)
  if ('agents' in rule.target) return takingTurns(rule.target.agents, rule, by)
  // a team has one turn, whichever way a request comes to it
  const team = model.teams[rule.target.team]
  return team ? takingTurns(team.members, team, by) : []
}

const takingTurns = (agents: readonly number[], turnOf: { last: number }, by: Reason): Next[] =>
  inTurn(agents, turnOf.last).map((agent) => ({ agent, by, turnOf }))

const inTurn = (agents: readonly number[], last: number) => [
  ...agents.filter((agent) => agent > last),
  ...agents.filter((agent) => agent <= last),
]

function isFree(model: Model, chat: ModelChat, index: number, now: number): boolean {
  const agent = model.agents[index]
  if (!agent?.active || !isAvailable(agent, now) || !reachable(agent, now)) return false
  if (load(model, index) >= cap) return false
  return !askedFor(chat).some((offer) => offer.agent === index)
}

const hour = 3_600_000
const hourOf = (now: number) => (now % (24 * hour)) / hour
const isInBlock = ({ blocks }: ModelAgent, now: number) =>
  blocks.some(([start, end]) => start <= hourOf(now) && hourOf(now) < end)

export const isAvailable = (agent: ModelAgent, now: number): boolean =>
  agent.override && now < agent.override.until ? agent.override.available : isInBlock(agent, now)

/** The switch: what the schedule says anyway is no override; anything else holds until a block starts, or midnight. */
export function setSwitch(agent: ModelAgent, available: boolean, now: number): void {
  agent.override = isInBlock(agent, now) === available ? null : { available, until: endOfSwitch(agent, now) }
}

export function endOfSwitch({ blocks }: ModelAgent, now: number): number {
  const midnight = now - (now % (24 * hour))
  const starts = blocks.map(([start]) => midnight + start * hour).filter((start) => start > now)
  return Math.min(midnight + 24 * hour, ...starts)
}

const reachable = ({ socket }: ModelAgent, now: number) => socket.open || now - socket.droppedAt < graceMs

export function miss(chat: ModelChat, reason: string): void {
  const pending = pendingOf(chat)
  if (pending) pending.state = 'withdrawn'
  chat.status = 'missed'
  chat.reason = reason
}

/** The database says what the model says, and breaks none of the rules that hold whatever the model says. */
export async function compare(model: Model, { world, agents }: Real): Promise<void> {
  expect(await world.broken(cap)).toEqual([])
  const names = new Map(agents.map((agent, index) => [agent.id, index]))
  const stored = new Map((await world.conversations()).map((row) => [row.id, row]))
  const offers = await world.offers()
  for (const chat of model.chats) {
    const row = stored.get(chat.id)
    const made = offers.filter((offer) => offer.conversationId === chat.id)
    expect({
      status: row?.status,
      agent: row?.agentId ? names.get(row.agentId) : null,
      reason: row?.endReason ?? null,
      offers: made.map((offer) => [
        names.get(offer.agentId),
        offer.state,
        offer.stage,
        offer.label,
        lifetime(offer),
      ]),
    }).toEqual({
      status: chat.status,
      agent: chat.agent,
      reason: chat.reason,
      offers: chat.offers.map(({ agent, state, by }) => [agent, state, by.stage, by.label, offerTimeoutMs]),
    })
    // what only the database knows, for the steps to come
    for (const [place, offer] of chat.offers.entries()) {
      offer.id = made[place]?.id ?? ''
      offer.expiresAt = made[place]?.expiresAt.getTime() ?? 0
    }
  }
  expect(stored.size).toBe(model.chats.length)
}

const lifetime = ({ offeredAt, expiresAt }: OfferRecord) => expiresAt.getTime() - offeredAt.getTime()
