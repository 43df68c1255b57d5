import { randomUUIDv7 } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { expireOffer } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Change, Services } from '../../services.ts'
import { isVisitorGone, miss } from '../conversations/endings.ts'
import { forVisitor } from '../conversations/for-visitor.ts'
import { append, type ConversationRow } from '../conversations/repository.ts'
import { requestRefresh } from '../mirror/lookups.ts'
import { enqueued } from '../outbox/outbox.ts'
import { pushOffer } from '../push/pushes.ts'
import { chooseByRules } from '../routing-rules/book.ts'
import { factsOf } from '../routing-rules/facts.ts'
import { lockRouting, stagesFor } from './choose.ts'
import { lookAhead, rememberReach } from './look-ahead.ts'
import { withdrawPending } from './offers.ts'
import { type Considered, consider } from './order.ts'
import { describeRequest } from './repository.ts'
import { readRequest } from './request.ts'
import { keepSteps, stepsOf } from './trace.ts'

/**
 * Moves a waiting conversation, whose row the change has locked, one step on: asks the next agent, or gives the
 * visitor the fallback when enough offers have run out or nobody is left to ask. With an offer still pending, or the
 * conversation not waiting any more, it does nothing; so it may be called again by anybody at any time. Who was
 * considered, and why they were passed over, is kept (see trace.ts).
 */
export async function routeOn(
  services: Services,
  change: Change,
  conversation: ConversationRow,
): Promise<void> {
  if (conversation.status !== 'waiting') return
  const { tx, now } = change
  const { offerTries, agentCap } = services.settings
  const found = await readRequest(tx, conversation)
  if (!found || found.pending > 0) return
  const { request, expired, asked, hasCrm } = found
  if (expired >= offerTries) return miss(services, change, conversation, 'no_answer')

  // From the lock to the commit every other request waits: what can be read before is, and what is left is written at
  // once. With fifty requests a second a trip to the database more under it is felt by all.
  // kept with the first choice, so that a rule can later be tried on it
  const facts = asked === 0 || request.route.by === 'rules' ? await factsOf(tx, now, conversation) : null
  const offered = await describeRequest(tx, conversation.id)
  const after = await lockRouting(tx)
  const rule = facts && request.route.by === 'rules' ? await chooseByRules(services, tx, facts) : null
  const look = async (limit: number | null) => {
    const stages = await stagesFor(tx, now, request, { after, rule, limit })
    return { stages, ...firstFree(consider(stages, now, agentCap)) }
  }
  const limit = lookAhead(services.db)
  let seen = await look(limit)
  if (!seen.chosen && limit !== null) seen = await look(null)
  const { stages, considered, chosen } = seen
  rememberReach(services.db, considered)
  if (!chosen) {
    await keepSteps(conversation, now, stepsOf(stages, considered, null)).execute(tx)
    return miss(services, change, conversation, asked > 0 ? 'no_answer' : 'nobody_available')
  }

  const id = randomUUIDv7()
  const expiresAt = new Date(now.getTime() + services.settings.offerTimeoutMs)
  const { candidate } = chosen
  await sql`${plannedOnce}
    with made as (
      insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at, round)
      values (${id}, ${conversation.id}, ${candidate.id}, 'pending', ${now}, ${expiresAt}, ${conversation.round})
    ), kept as (${keepSteps(conversation, now, stepsOf(stages, considered, id))}
    ), ends as (${enqueued(services.clock, { task: expireOffer, payload: { offerId: id }, runAt: expiresAt })})
    ${moveOn(chosen)}`.execute(tx)
  change.after(services.wakeJobs)
  if (offered)
    change.tellAgent(candidate.id, {
      type: 'offer',
      offer: {
        id,
        conversationId: conversation.id,
        state: 'pending',
        offeredAt: now.toISOString(),
        expiresAt: expiresAt.toISOString(),
        ...offered,
        handover: null,
      },
    })
  // a device that came in between is found by the sweep
  if (candidate.hasDevice) await pushOffer(services, change, { id, agentId: candidate.id })
  if (hasCrm) await requestRefresh(services, change, conversation.visitorId)
}

function firstFree(candidates: Iterable<Considered>): {
  considered: Considered[]
  chosen: Considered | null
} {
  const considered: Considered[] = []
  for (const one of candidates) {
    considered.push(one)
    if (one.verdict.free) return { considered, chosen: one }
  }
  return { considered, chosen: null }
}

/** A round robin moves to whom it has chosen, and only for that. */
function moveOn({ stage, turnOf, candidate: { position } }: Considered): RawBuilder<unknown> {
  if (stage === 'round_robin') return sql`update organisation set last_offered_position = ${position}`
  if (turnOf === null) return sql`select 1`
  return sql`
    insert into round_robins (of_id, last_offered_position) values (${turnOf}, ${position})
    on conflict (of_id) do update set last_offered_position = excluded.last_offered_position`
}

/** Takes an active chat, whose row the change has locked, from its agent, and finds somebody else for it in a new round.
 *  The log stays as it is, what nobody has answered included; the visitor reads that a colleague is being found. */
export async function routeAgain(
  services: Services,
  change: Change,
  conversation: ConversationRow,
): Promise<void> {
  const { tx, now } = change
  await withdrawPending(change, conversation.id)
  if (conversation.agentId)
    change.tellAgent(conversation.agentId, {
      type: 'conversation_left',
      conversationId: conversation.id,
      to: null,
    })
  conversation.status = 'waiting'
  conversation.agentId = null
  conversation.round += 1
  await sql`
    update conversations set status = 'waiting', agent_id = null, accepted_at = null, idle_at = null,
           idle_warned = false, round = ${conversation.round}, routed_at = ${now}
    where id = ${conversation.id}`.execute(tx)
  const entry = await append(tx, conversation, now, {
    kind: 'handed_over',
    sender: { type: 'system', id: null },
    data: { name: null },
  })
  change.tellVisitor(conversation.visitorId, { type: 'entry', conversationId: conversation.id, entry })
  change.tellVisitor(conversation.visitorId, {
    type: 'conversation',
    conversation: await forVisitor(tx, conversation.id),
  })
  // nobody is asked for somebody who has left; it is kept as missed
  if (await isVisitorGone(services, change, conversation.id))
    return miss(services, change, conversation, 'visitor_left')
  return routeOn(services, change, conversation)
}
