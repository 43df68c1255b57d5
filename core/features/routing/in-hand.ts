import { sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { FoyerError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import * as conversations from '../conversations/repository.ts'
import { lockRouting } from './choose.ts'
import { handOn } from './handover.ts'
import { withdrawPending } from './offers.ts'
import { routeAgain, routeOn } from './route.ts'

/** What an agent has in hand: conversations that wait for their answer to an offer, and active chats of theirs. */
type InHand = 'waiting' | 'active'

const mostAttempts = 20

/**
 * A change to an agent, or several, after which others may have to take what is in the agent's hand. All of that happens in one
 * transaction, so no process can die between the two. `work` runs under the lock of whoever chooses agents, and holds
 * the conversations given to it, oldest request first: neither can the agent be asked meanwhile, nor an offer of those
 * be accepted. Locks are taken in everybody's order, conversations before the choice; what was offered between the two
 * makes it begin anew, so `work` may run more than once.
 */
export async function changeInHand<T>(
  services: Services,
  agentIds: string | readonly string[],
  which: readonly InHand[],
  work: (change: Change, held: conversations.ConversationRow[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; attempt <= mostAttempts; attempt++)
    try {
      return await change(services, async (change) => {
        const { tx } = change
        const held = await conversations.lockAll(tx, await idsInHand(tx, agentIds, which))
        await lockRouting(tx)
        // looked at again: what was seen before the locks may be out of the agent's hand, or no longer all
        const ids = new Set(await idsInHand(tx, agentIds, which))
        const still = held.filter(({ id }) => ids.has(id))
        if (still.length < ids.size) throw new OvertakenError()
        still.sort((a, b) => a.requestedAt.getTime() - b.requestedAt.getTime())
        return work(change, still)
      })
    } catch (error) {
      if (!(error instanceof OvertakenError)) throw error
    }
  throw new FoyerError(503, 'unavailable', 'Too much is going on at this moment. Please try again.')
}

/** Another chat was offered between the two locks. */
class OvertakenError extends Error {
  override name = 'OvertakenError'
}

async function idsInHand(
  tx: Tx,
  agentIds: string | readonly string[],
  which: readonly InHand[],
): Promise<string[]> {
  const agents = sql`any (${[agentIds].flat()}::uuid[])`
  const { rows } = await sql<{ id: string }>`
    select conversation_id as id from offers where agent_id = ${agents} and state = 'pending'
    union all
    select id from conversations
    where agent_id = ${agents} and status = 'active' and ${which.includes('active')}`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Takes back what is offered of the held conversations, and asks the next ones: the agent cannot be chosen any more. */
export async function withdrawOffers(
  services: Services,
  change: Change,
  held: conversations.ConversationRow[],
): Promise<void> {
  for (const conversation of held) {
    await withdrawPending(change, conversation.id)
    // an active one was to be handed over to the agent, and stays where it is
    if (conversation.status === 'active') await handOn(services, change, conversation)
    else await routeOn(services, change, conversation)
  }
}

/** The agent is gone for good: finds somebody else for the active chats, whose visitors are in the middle of something,
 *  then for what was only offered. */
export async function takeAllAway(
  services: Services,
  change: Change,
  agentId: string,
  held: conversations.ConversationRow[],
): Promise<void> {
  const offered = held.filter((conversation) => conversation.agentId !== agentId)
  for (const conversation of held)
    if (conversation.agentId === agentId) await routeAgain(services, change, conversation)
  await withdrawOffers(services, change, offered)
}
