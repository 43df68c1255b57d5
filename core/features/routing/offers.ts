import { sql } from 'kysely'
import type { Conversation, Offer } from '../../contracts/conversations.ts'
import { endIdle } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { type Change, change, eachByItself, type Services } from '../../services.ts'
import { countMissedOffer } from '../availability/service.ts'
import { forVisitor } from '../conversations/for-visitor.ts'
import * as conversations from '../conversations/repository.ts'
import { requestRefresh } from '../mirror/lookups.ts'
import { enqueue } from '../outbox/outbox.ts'
import { closePushed } from '../push/pushes.ts'
import { orderWrites } from '../write-back/orders.ts'
import { handOn, takeOver } from './handover.ts'
import { changeInHand, withdrawOffers } from './in-hand.ts'
import { routeOn } from './route.ts'

/**
 * An offer's life. `pending` from the moment it is made; then exactly one of:
 *   accepted   by its agent, before its deadline
 *   declined   by its agent; moves the request on at once and uses up no try
 *   expired    its deadline passed; moves the request on and uses up a try; two in a row set the agent unavailable
 *   withdrawn  the request ended, or its agent went unavailable or was deactivated; a block that merely ends takes
 *              nothing back
 * Every change happens under the conversation's lock, so of two that race exactly one wins.
 */
interface OfferRow {
  id: string
  conversationId: string
  agentId: string
  state: Offer['state']
  expiresAt: Date
  kind: 'request' | 'handover'
}

/** The agent takes the chat. Accepting again what one has accepted changes nothing.
 *  @throws {NotFoundError} not an offer of this agent
 *  @throws {ConflictError} `offer_taken`, `offer_expired`, `offer_withdrawn` */
export function accept(
  services: Services,
  agent: { id: string; name: string },
  offerId: string,
): Promise<Conversation> {
  return change(services, async (change) => {
    const { tx, now } = change
    const { conversation, offer } = await lockOffer(tx, offerId, agent.id)
    if (offer.state === 'accepted' && conversation.agentId === agent.id)
      return conversations.summary(tx, now, conversation.id)
    refuseClosed(offer, conversation, now)

    await close(tx, offer, 'accepted', now)
    const idleAt = new Date(now.getTime() + services.settings.idleEndMs)
    if (offer.kind === 'handover') {
      change.tellAgent(agent.id, closed(offer, 'accepted'))
      return takeOver(change, conversation, agent, idleAt)
    }
    await sql`
      update conversations set status = 'active', agent_id = ${agent.id}, accepted_at = ${now}, idle_at = ${idleAt},
             idle_warned = false
      where id = ${conversation.id}`.execute(tx)
    conversation.status = 'active'
    conversation.agentId = agent.id
    const entry = await conversations.append(tx, conversation, now, {
      kind: 'joined',
      sender: { type: 'agent', id: agent.id },
      data: { name: agent.name },
    })
    await enqueue(tx, services.clock, {
      task: endIdle,
      payload: { conversationId: conversation.id },
      runAt: new Date(idleAt.getTime() - services.settings.idleWarningMs),
    })
    await requestRefresh(services, change, conversation.visitorId)
    await orderWrites(services, change, conversation.visitorId, { kind: 'person' })
    change.after(services.wakeJobs)

    const summary = await conversations.summary(tx, now, conversation.id)
    change.tellAgent(agent.id, closed(offer, 'accepted'))
    change.tellAgent(agent.id, { type: 'conversation', conversation: summary })
    change.tellAgent(agent.id, { type: 'entry', conversationId: conversation.id, entry })
    change.tellVisitor(conversation.visitorId, { type: 'entry', conversationId: conversation.id, entry })
    change.tellVisitor(conversation.visitorId, {
      type: 'conversation',
      conversation: await forVisitor(tx, conversation.id),
    })
    return summary
  })
}

/** @throws as {@link accept}; declining again changes nothing. */
export function decline(services: Services, agentId: string, offerId: string): Promise<void> {
  return change(services, async (change) => {
    const { conversation, offer } = await lockOffer(change.tx, offerId, agentId)
    if (offer.state === 'declined') return
    refuseClosed(offer, conversation, change.now)
    await close(change.tx, offer, 'declined', change.now)
    change.tellAgent(agentId, closed(offer, 'declined'))
    if (offer.kind === 'handover') await handOn(services, change, conversation)
    else await routeOn(services, change, conversation)
  })
}

/** Does what the deadline asks for, if it has passed and nothing else happened before. May run any number of times. */
export async function expire(services: Services, offerId: string): Promise<void> {
  const known = await readOffer(services.db, offerId)
  if (!known) return
  // with all else that is put to the agent: the second in a row takes that away too
  return changeInHand(services, known.agentId, ['waiting'], async (change, held) => {
    const offer = await readOffer(change.tx, offerId)
    const conversation = held.find(({ id }) => id === known.conversationId)
    if (!conversation || offer?.state !== 'pending' || offer.expiresAt > change.now) return
    await close(change.tx, offer, 'expired', change.now)
    change.tellAgent(offer.agentId, closed(offer, 'expired'))
    const isGone = await countMissedOffer(change, offer.agentId)
    await withdrawOffers(services, change, isGone ? held : [conversation])
  })
}

/** What lost jobs and killed processes should have done. Called every second or so by one worker.
 *  @throws the first of what went wrong, when all the rest is done */
export async function sweepOffers(services: Services): Promise<void> {
  const now = services.clock.now()
  const due = await sql<{ id: string }>`${plannedOnce}
    select id from offers where state = 'pending' and expires_at <= ${now} order by expires_at, id limit 200`.execute(
    services.db,
  )
  const failures = await eachByItself(due.rows, ({ id }) => expire(services, id))
  // a waiting request always has an offer out; one without was left by a crash between two steps. What is offered is read
  // as one set: looked up for each of a thousand that wait, it took 48 ms of every second
  const stuck = await sql<{ id: string }>`${plannedOnce}
    select c.id from conversations c
    where c.status = 'waiting' and c.requested_at < ${new Date(now.getTime() - 2_000)}
      and c.id not in (select o.conversation_id from offers o where o.state = 'pending') limit 200`.execute(
    services.db,
  )
  const route = (id: string) =>
    change(services, async (change) => routeOn(services, change, await conversations.lock(change.tx, id)))
  failures.push(...(await eachByItself(stuck.rows, ({ id }) => route(id))))
  if (failures.length > 0) throw failures[0]
}

/** Takes back the pending offer of a conversation that the change has locked. Routing it on, or ending it, is next. */
export async function withdrawPending({ tx, now, tellAgent }: Change, conversationId: string): Promise<void> {
  const { rows } = await sql<OfferRow>`
    select id, conversation_id, agent_id, state, expires_at, kind from offers
    where conversation_id = ${conversationId} and state = 'pending'`.execute(tx)
  for (const offer of rows) {
    await close(tx, offer, 'withdrawn', now)
    tellAgent(offer.agentId, closed(offer, 'withdrawn'))
  }
}

async function lockOffer(tx: Tx, offerId: string, agentId: string) {
  const read = async () => {
    const offer = await readOffer(tx, offerId)
    if (offer?.agentId !== agentId) throw new NotFoundError('offer')
    return offer
  }
  const { conversationId } = await read()
  const conversation = await conversations.lock(tx, conversationId)
  // read again: what was seen before the lock may be over
  return { conversation, offer: await read() }
}

async function readOffer(db: Db | Tx, offerId: string): Promise<OfferRow | undefined> {
  const { rows } = await sql<OfferRow>`
    select id, conversation_id, agent_id, state, expires_at, kind from offers where id = ${offerId}`.execute(
    db,
  )
  return rows[0]
}

function refuseClosed(offer: OfferRow, conversation: conversations.ConversationRow, now: Date): void {
  if (offer.state === 'pending' && offer.expiresAt > now) return
  const details = { offerState: offer.state }
  const isOthers = conversation.agentId !== null && conversation.agentId !== offer.agentId
  if (isOthers && offer.kind === 'request')
    throw new ConflictError('offer_taken', 'Somebody else has taken this chat.', details)
  if (offer.state === 'withdrawn')
    throw new ConflictError('offer_withdrawn', 'This chat is not on offer any more.', details)
  if (offer.state === 'declined' || offer.state === 'accepted')
    throw new ConflictError('offer_withdrawn', `You have ${offer.state} this chat already.`, details)
  throw new ConflictError('offer_expired', 'The time to accept this chat is over.', details)
}

async function close(tx: Tx, offer: OfferRow, state: Offer['state'], now: Date): Promise<void> {
  await sql`update offers set state = ${state}, closed_at = ${now} where id = ${offer.id}`.execute(tx)
  await closePushed({ tx, now }, offer.id)
}

const closed = (offer: OfferRow, state: 'accepted' | 'declined' | 'expired' | 'withdrawn') =>
  ({ type: 'offer_closed', offerId: offer.id, conversationId: offer.conversationId, state }) as const
