import { sql } from 'kysely'
import { lookAfterGone } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import { isOnline } from '../../realtime/presence-sql.ts'
import { change, eachByItself, type Services } from '../../services.ts'
import * as conversations from '../conversations/repository.ts'
import { enqueueOnce } from '../outbox/outbox.ts'
import { pushGone } from '../push/pushes.ts'
import { routeAgain } from './route.ts'

/**
 * Agents who have chats and no inbox connected. `agents.gone_since` is when that was noticed, or noticed again after a
 * moment in which they were there; null as soon as a socket is there, or no chat. After `agentGonePushMs` their devices
 * tell them that chats are still open. From then on, when a visitor of theirs
 * has waited for an answer and `agentGoneMs` are over, the chat is routed again. Called every second or so by one worker
 * and by a job at the very deadline; both only look at what is true.
 * @throws the first of what went wrong, when all the rest is done
 */
export async function sweepGoneAgents(services: Services): Promise<void> {
  const { settings } = services
  await change(services, async ({ tx, now, after }) => {
    for (const { id, goneSince } of await noteGone(tx, now)) {
      const runAt = new Date(goneSince.getTime() + settings.agentGoneMs)
      await enqueueOnce(tx, services.clock, { task: lookAfterGone, payload: { agentId: id }, runAt })
      after(services.wakeJobs)
    }
    if (await pushGone(services, { tx, now })) after(services.wakeJobs)
  })
  const now = services.clock.now()
  // asked every second, and nearly always in vain: not by a join, which looks at every active chat (16 ms of a thousand)
  const gone = await sql<{ id: string }>`
    select id from agents where gone_since <= ${new Date(now.getTime() - settings.agentGoneMs)}`.execute(
    services.db,
  )
  if (gone.rows.length === 0) return
  const { rows } = await sql<{ id: string }>`
    select id from conversations
    where agent_id = any (${gone.rows.map(({ id }) => id)}::uuid[]) and status = 'active' and waiting_since is not null
    order by waiting_since limit 200`.execute(services.db)
  const failures = await eachByItself(rows, ({ id }) => leaveIfGone(services, id))
  if (failures.length > 0) throw failures[0]
}

/** Finds a colleague for a chat whose agent is still gone, under its lock: of coming back and being replaced at once one
 *  happens. */
function leaveIfGone(services: Services, conversationId: string): Promise<void> {
  return change(services, async (change) => {
    const { tx, now } = change
    const [conversation] = await conversations.lockAll(tx, [conversationId])
    if (conversation?.status !== 'active') return
    const { rows } = await sql`
      select from conversations c join agents a on a.id = c.agent_id
      where c.id = ${conversationId} and c.waiting_since is not null
        and a.gone_since <= ${new Date(now.getTime() - services.settings.agentGoneMs)}
        and not ${isOnline('agent', sql`a.id`, now)}`.execute(tx)
    if (rows.length > 0) await routeAgain(services, change, conversation)
  })
}

/** Brings `gone_since` up to date. @returns those for whom it is another instant now. */
async function noteGone(tx: Tx, now: Date): Promise<{ id: string; goneSince: Date }[]> {
  const { rows } = await sql<{ id: string; goneSince: Date | null }>`${plannedOnce}
    with looked_at as (
      -- nearly always nobody, so asked first
      select a.id, a.gone_since, ${isOnline('agent', sql`a.id`, now)} as online from agents a
      where a.gone_since is not null
         or (not ${isOnline('agent', sql`a.id`, now)}
             and exists (select from conversations c where c.agent_id = a.id and c.status = 'active'))
    ), found as (
      select a.id, case
        when h.accepted_at is null or a.online then null
        when a.gone_since >= greatest(h.accepted_at, (
          select max(s.dropped_at) from presence s where s.subject_id = a.id and s.subject_type = 'agent'
        )) then a.gone_since
        -- not when the last socket dropped: a clock that steps, or a lease that ran out, makes everybody look long gone
        else ${now} end as since
      from looked_at a, lateral (
        select max(c.accepted_at) as accepted_at from conversations c where c.agent_id = a.id and c.status = 'active') h
    )
    update agents a set gone_since = f.since from found f
    where f.id = a.id and f.since is distinct from a.gone_since
    returning a.id, a.gone_since`.execute(tx)
  return rows.flatMap(({ id, goneSince }) => (goneSince ? [{ id, goneSince }] : []))
}
