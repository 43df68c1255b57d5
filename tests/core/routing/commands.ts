import fc from 'fast-check'
import { expect } from 'vitest'
import { setAvailability } from '#core/features/availability/service.ts'
import { expire, sweepOffers } from '#core/features/routing/offers.ts'
import {
  endOfSwitch,
  isAvailable,
  kinds,
  type Model,
  type ModelChat,
  type ModelOffer,
  miss,
  missesInARow,
  pendingOf,
  route,
  routeAgain,
  setSwitch,
} from './model.ts'
import { ownerSteps, routeSteps, ruleSteps, teamSteps } from './order-commands.ts'
import { factsOf } from './rules-model.ts'
import { pick, step } from './steps.ts'

/** Offers in the given states, the newest last. */
const offersIn = (model: Model, ...states: ModelOffer['state'][]) =>
  model.chats
    .flatMap((chat) => chat.offers.map((offer) => ({ chat, offer })))
    .filter(({ offer }) => states.includes(offer.state))

const request = (from: number) =>
  step(`a visitor asks, of kind ${from}`, async (model, { world }) => {
    const kind = pick(kinds, from) ?? {}
    const { id, visitorId } = await world.asks(kind)
    begin(model, { id, visitorId, kind }, world.clock.shown)
  })

/** Somebody whose chat is over comes back. */
const askAgain = (n: number) =>
  step(`the visitor of closed chat ${n} asks again`, async (model, { world }) => {
    const isOpen = ({ visitorId }: ModelChat) =>
      model.chats.some((chat) => chat.visitorId === visitorId && /waiting|active/.test(chat.status))
    const closed = model.chats.filter((chat) => !isOpen(chat))
    // with those who talked with somebody first: theirs is another way
    const before = pick(
      closed.toSorted((a, b) => Number(a.agent === null) - Number(b.agent === null)),
      n,
    )
    if (!before) return
    const { visitorId, kind } = before
    const { id } = await world.asks({ visitorId })
    begin(model, { id, visitorId, kind }, world.clock.shown)
  })

function begin(model: Model, of: Pick<ModelChat, 'id' | 'visitorId' | 'kind'>, now: number): void {
  const chat: ModelChat = {
    ...of,
    facts: {},
    status: 'waiting',
    agent: null,
    reason: null,
    offers: [],
    round: 1,
  }
  chat.facts = factsOf(model, chat, now)
  model.chats.push(chat)
  route(model, chat, now)
}

const accept = (n: number) =>
  step(`offer ${n} is accepted`, async (model, { world, agents }) => {
    const found = pick(offersIn(model, 'pending'), n)
    const agent = found && agents[found.offer.agent]
    if (!agent) return
    const { chat, offer } = found
    if (offer.expiresAt <= world.clock.shown)
      return expect(world.accepts(agent, offer.id)).rejects.toMatchObject({ code: 'offer_expired' })
    offer.state = 'accepted'
    forgive(model, offer.agent)
    chat.status = 'active'
    chat.agent = offer.agent
    await world.accepts(agent, offer.id)
    // a second tab
    await world.accepts(agent, offer.id)
  })

const decline = (n: number) =>
  step(`offer ${n} is declined`, async (model, { world, agents }) => {
    const found = pick(offersIn(model, 'pending'), n)
    const agent = found && agents[found.offer.agent]
    if (!agent || found.offer.expiresAt <= world.clock.shown) return
    await world.declines(agent, found.offer.id)
    found.offer.state = 'declined'
    forgive(model, found.offer.agent)
    route(model, found.chat, world.clock.shown)
    await world.declines(agent, found.offer.id)
  })

/** Why a closed offer cannot be accepted, in the words of the contract. */
const acceptLate = (n: number) =>
  step(`closed offer ${n} is accepted`, async (model, { world, agents }) => {
    const found = pick(offersIn(model, 'declined', 'expired', 'withdrawn'), n)
    const agent = found && agents[found.offer.agent]
    if (!agent) return
    const { chat, offer } = found
    const taken = chat.agent !== null && chat.agent !== offer.agent
    const code = taken ? 'offer_taken' : offer.state === 'expired' ? 'offer_expired' : 'offer_withdrawn'
    await expect(world.accepts(agent, offer.id)).rejects.toMatchObject({ status: 409, code })
  })

const endByAgent = (n: number) =>
  step(`active chat ${n} is ended by its agent`, async (model, { world, agents }) => {
    const chat = pick(
      model.chats.filter(({ status }) => status === 'active'),
      n,
    )
    const agent = chat && chat.agent !== null && agents[chat.agent]
    if (!agent) return
    await world.agentEnds(agent, chat.id)
    chat.status = 'ended'
    chat.reason = 'agent'
  })

const endByVisitor = (n: number) =>
  step(`chat ${n} is ended by its visitor`, async (model, { world }) => {
    const chat = pick(model.chats, n)
    if (!chat) return
    await world.visitorEnds(chat.visitorId, chat.id)
    if (chat.status === 'waiting') miss(chat, 'cancelled')
    if (chat.status !== 'active') return
    chat.status = 'ended'
    chat.reason = 'visitor'
  })

const toggle = (n: number, available: boolean) =>
  step(`agent ${n} goes ${available ? 'available' : 'unavailable'}`, async (model, { world, agents }) => {
    const agent = agents[n]
    const known = model.agents[n]
    if (!agent || !known) return
    setSwitch(known, available, world.clock.shown)
    known.misses = 0
    await setAvailability(world.services, agent.id, { status: available ? 'available' : 'unavailable' })
    if (available) return
    withdraw(model, n, world.clock.shown)
  })

/** What was put to this agent is put to others, the oldest request first. */
function withdraw(model: Model, agent: number, now: number): void {
  for (const { chat, offer } of offersIn(model, 'pending').filter((found) => found.offer.agent === agent)) {
    offer.state = 'withdrawn'
    route(model, chat, now)
  }
}

const forgive = (model: Model, agent: number) => {
  const known = model.agents[agent]
  if (known) known.misses = 0
}

/** The request is put to somebody else; after the second in a row so is everything else that was put to this agent, the
 *  oldest request first. */
function runOut(model: Model, { chat, offer }: { chat: ModelChat; offer: ModelOffer }, now: number): void {
  offer.state = 'expired'
  const agent = model.agents[offer.agent]
  if (!agent) return
  agent.misses++
  if (agent.misses < missesInARow) return route(model, chat, now)
  agent.misses = 0
  if (!isAvailable(agent, now)) return route(model, chat, now)
  agent.override = { available: false, until: endOfSwitch(agent, now) }
  for (const one of model.chats) {
    const pending = pendingOf(one)
    if (pending?.agent === offer.agent) pending.state = 'withdrawn'
    else if (one !== chat) continue
    route(model, one, now)
  }
}

const hire = (n: number, active: boolean) =>
  step(`agent ${n} is ${active ? 'activated' : 'deactivated'}`, async (model, { world, agents }) => {
    const agent = agents[n]
    const known = model.agents[n]
    if (!agent || !known) return
    known.active = active
    if (active) return world.activates(agent)
    await world.deactivates(agent)
    for (const chat of model.chats)
      if (chat.status === 'active' && chat.agent === n) routeAgain(model, chat, world.clock.shown)
    withdraw(model, n, world.clock.shown)
  })

const connect = (n: number, open: boolean) =>
  step(`agent ${n} ${open ? 'connects' : 'drops'}`, async (model, { world, agents }) => {
    const agent = agents[n]
    const known = model.agents[n]
    if (!agent || !known || known.socket.open === open) return
    if (open) await world.connect('agent', agent.id)
    else await world.drop(agent.id)
    known.socket = { open, droppedAt: world.clock.shown }
  })

/** Time passes, and what is due by then is done, oldest first; twice, because jobs may run twice. */
const advance = (ms: number) =>
  step(`${ms} ms pass`, async (model, { world }) => {
    world.clock.advance(ms)
    for (;;) {
      const due = offersIn(model, 'pending')
        .filter(({ offer }) => offer.expiresAt > 0 && offer.expiresAt <= world.clock.shown)
        .sort((a, b) => a.offer.expiresAt - b.offer.expiresAt)[0]
      if (!due) break
      await expire(world.services, due.offer.id)
      runOut(model, due, world.clock.shown)
      await expire(world.services, due.offer.id)
    }
    await sweepOffers(world.services)
  })

const restart = step('everything is restarted', (_model, { world }) => world.restart())

const some = fc.nat({ max: 9 })
const someAgent = fc.nat({ max: 3 })
// far enough from the limits that the clock's own ticks decide nothing; the limits themselves have tests of their own
const someTime = fc.constantFrom(1_000, 25_000, 60_000, 110_000, 5 * 3_600_000)

/** Everything that happens. */
export const steps = [
  some.map(request),
  some.map(request),
  some.map(request),
  some.map(askAgain),
  fc.constant(askAgain(0)),
  routeSteps,
  ruleSteps,
  teamSteps,
  ownerSteps,
  some.map(accept),
  some.map(accept),
  some.map(decline),
  some.map(acceptLate),
  some.map(endByAgent),
  some.map(endByVisitor),
  fc.tuple(someAgent, fc.boolean()).map(([agent, available]) => toggle(agent, available)),
  fc.tuple(someAgent, fc.boolean()).map(([agent, open]) => connect(agent, open)),
  fc.tuple(someAgent, fc.boolean()).map(([agent, active]) => hire(agent, active)),
  someTime.map(advance),
  fc.constant(restart),
]

/** Those that custom rules decide about, and what changes the rules meanwhile. */
export const stepsOfRules = [
  some.map(request),
  some.map(request),
  some.map(request),
  some.map(request),
  ruleSteps,
  ruleSteps,
  ruleSteps,
  teamSteps,
  some.map(accept),
  some.map(decline),
  some.map(decline),
  some.map(endByVisitor),
  some.map(endByVisitor),
  someTime.map(advance),
]
