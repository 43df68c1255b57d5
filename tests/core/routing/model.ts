import { expect } from 'vitest'
import type { AnAgent } from '#tests/support/factories.ts'
import type { RoutingWorld } from './world.ts'

/** Routing as PRODUCT.md tells it, in memory and one thing at a time: what the database must say after each step. */

export const cap = 2
export const tries = 2
export const missesInARow = 2
export const offerTimeoutMs = 100_000
const graceMs = 30_000

export interface ModelAgent {
  active: boolean
  available: boolean
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
}

export interface ModelChat {
  id: string
  visitorId: string
  status: 'waiting' | 'active' | 'ended' | 'missed'
  agent: number | null
  reason: string | null
  offers: ModelOffer[]
  round: number
}

export interface Model {
  agents: ModelAgent[]
  chats: ModelChat[]
  /** Who was offered the last chat. */
  last: number
}

export interface Real {
  world: RoutingWorld
  agents: AnAgent[]
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
  model.last = next
  chat.offers.push({ agent: next, state: 'pending', id: '', expiresAt: 0, round: chat.round })
}

/** As {@link routeAgain} does it. */
export function routeAgain(model: Model, chat: ModelChat, now: number): void {
  chat.status = 'waiting'
  chat.agent = null
  chat.round += 1
  route(model, chat, now)
}

const askedFor = (chat: ModelChat) => chat.offers.filter((offer) => offer.round === chat.round)

function candidate(model: Model, chat: ModelChat, now: number): number | null {
  for (let step = 1; step <= model.agents.length; step++) {
    const index = (model.last + step) % model.agents.length
    const agent = model.agents[index]
    if (!agent?.active || !agent.available || !reachable(agent, now)) continue
    if (load(model, index) >= cap) continue
    if (askedFor(chat).some((offer) => offer.agent === index)) continue
    return index
  }
  return null
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
      offers: made.map((offer) => [names.get(offer.agentId), offer.state]),
    }).toEqual({
      status: chat.status,
      agent: chat.agent,
      reason: chat.reason,
      offers: chat.offers.map((offer) => [offer.agent, offer.state]),
    })
    // what only the database knows, for the steps to come
    for (const [place, offer] of chat.offers.entries()) {
      offer.id = made[place]?.id ?? ''
      offer.expiresAt = made[place]?.expiresAt.getTime() ?? 0
    }
  }
  expect(stored.size).toBe(model.chats.length)
}
