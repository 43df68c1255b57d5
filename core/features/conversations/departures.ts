import { sql } from 'kysely'
import { mailDeparted } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { isOnline } from '../../realtime/presence-sql.ts'
import { change, eachByItself, type Services } from '../../services.ts'
import { enqueueOnce } from '../outbox/outbox.ts'
import { canMail, knownAddress, writeTo } from './letters.ts'
import * as conversations from './repository.ts'

/** What agents write and send to visitors who have left is mailed to them: all that stands there `visitorMailMs` after it was
 *  noticed, in one mail; what comes after that in another one. Whoever comes back meanwhile reads it in the chat. */

/** A chat that ended is looked at for a while: the last words were often said to nobody. */
const endedMs = 600_000

/** The agents' messages, files and shared calendars that have reached nobody. @param c the conversations row */
const unreached = sql`
  from entries e where e.conversation_id = c.id and e.kind in ('message', 'file', 'calendar_shared') and e.sender_type = 'agent'
    and e.seq > greatest(c.visitor_received_seq, c.mailed_seq)`

/** Notices departures, and mails what is due. Called every second or so by one worker, and by a job at the deadline.
 *  @throws the first of what went wrong, when all the rest is done */
export async function sweepDepartures(services: Services): Promise<void> {
  if (!canMail(services)) return
  await change(services, async ({ tx, now, after }) => {
    for (const { id, mailDueAt } of await noteDepartures(services, tx, now)) {
      const payload = { conversationId: id }
      await enqueueOnce(tx, services.clock, { task: mailDeparted, payload, runAt: mailDueAt })
      after(services.wakeJobs)
    }
  })
  const due = await dueBy(services.db, services.clock.now())
  const failures = await eachByItself(due, ({ id }) => mailIfDeparted(services, id))
  if (failures.length > 0) throw failures[0]
}

/** Does what the deadline asks for, if it has passed and the visitor is still away. May run any number of times. */
export function mailIfDeparted(services: Services, conversationId: string): Promise<void> {
  return change(services, async (change) => {
    const { tx, now } = change
    const [conversation] = await conversations.lockAll(tx, [conversationId])
    const isDue = (await dueBy(tx, now, conversationId)).length > 0
    if (!conversation || !isDue) return
    const messages = await unreachedOf(tx, now, conversationId)
    const to = await knownAddress(tx, conversation.visitorId)
    const last = messages.at(-1)
    await sql`
      update conversations set mail_due_at = null, mailed_seq = ${to && last ? last.seq : sql`mailed_seq`}
      where id = ${conversationId}`.execute(tx)
    if (!to || !last) return
    await writeTo(services, change, conversation, to, {
      subject: (organisation) => `${organisation}: you have a new message`,
      body: [`You had left when ${last.name} wrote to you:`, ...messages.map(inWords), last.name],
      replyTo: last.email,
    })
    const summary = await conversations.summary(tx, now, conversationId)
    if (conversation.status === 'active' && conversation.agentId)
      change.tellAgent(conversation.agentId, { type: 'conversation', conversation: summary })
    else change.tellAgents({ type: 'conversation', conversation: summary })
  })
}

/** A file itself stays in the chat, which the mail's link opens. */
const inWords = ({ kind, text, name }: Unreached) =>
  kind === 'file' ? `${name} sent you a file: ${text}` : text

async function noteDepartures(
  services: Services,
  tx: Tx,
  now: Date,
): Promise<{ id: string; mailDueAt: Date }[]> {
  const ended = new Date(now.getTime() - endedMs)
  const { rows } = await sql<{ id: string; mailDueAt: Date }>`${plannedOnce}
    with departed as (
      select c.id from conversations c join visitors v on v.id = c.visitor_id
      where c.mail_due_at is null and c.last_seq > greatest(c.visitor_received_seq, c.mailed_seq)
        and (c.status = 'active' or (c.status = 'ended' and c.ended_at > ${ended}))
        and coalesce(v.corrections ->> 'email', v.email) is not null
        and not ${isOnline('visitor', sql`c.visitor_id`, now)}
        and exists (select ${unreached})
      limit 200
    )
    update conversations c
    set mail_due_at = ${new Date(now.getTime() + services.settings.visitorMailMs)}
    from departed d where d.id = c.id and c.mail_due_at is null
    returning c.id, c.mail_due_at`.execute(tx)
  return rows
}

async function dueBy(db: Db | Tx, now: Date, only: string | null = null): Promise<{ id: string }[]> {
  const { rows } = await sql<{ id: string }>`
    select id from conversations
    where mail_due_at <= ${now} and (${only}::uuid is null or id = ${only}) order by mail_due_at limit 200`.execute(
    db,
  )
  return rows
}

interface Unreached {
  seq: number
  kind: 'message' | 'file' | 'calendar_shared'
  text: string
  name: string
  email: string
}

/** Nothing where the visitor is back: the chat brings it. */
async function unreachedOf(tx: Tx, now: Date, conversationId: string): Promise<Unreached[]> {
  const { rows } = await sql<Unreached>`
    select m.seq, m.kind, m.text, a.name, a.email
    from conversations c, lateral (select e.seq, e.kind, e.text, e.sender_id ${unreached}) m
    join agents a on a.id = m.sender_id
    where c.id = ${conversationId} and not ${isOnline('visitor', sql`c.visitor_id`, now)}
    order by m.seq`.execute(tx)
  return rows
}
