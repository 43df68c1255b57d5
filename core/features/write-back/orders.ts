import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { writeToCrm } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import type { Change, Services } from '../../services.ts'
import { enqueue, reorder } from '../outbox/outbox.ts'
import { knownEmail } from '../visitors/known.ts'

/** What is to be written of a visitor. */
export type Order =
  /** Whoever it is: found by their address, made where there is nobody, filled where it is empty. */
  | { kind: 'person' }
  /** What an agent corrected. @param emailBefore what the record that the panel showed was found by. */
  | { kind: 'correction'; fields: string[]; emailBefore: string | null }
  /** A chat that has ended, or its new outcome. */
  | { kind: 'conversation'; conversationId: string }

interface Ordered {
  id: string
  connectionId: string
  orderKey: string
}

/**
 * Promises to write something into each CRM that is written to, in the transaction that made it true; as it stands then,
 * not as it is now. Ordered once more it is written once more, over what was written before. Nothing is promised of
 * whoever never had a chat that an agent accepted, or is blocked.
 */
export async function orderWrites(
  services: Services,
  { tx, now, after }: Pick<Change, 'tx' | 'now' | 'after'>,
  visitorId: string,
  order: Order,
): Promise<void> {
  if (services.connectors.size === 0) return
  const about = order.kind === 'conversation' ? order.conversationId : visitorId
  const key = `foyer-${order.kind === 'conversation' ? 'chat' : order.kind}-${about}`
  const fields = order.kind === 'correction' ? order.fields : []
  const emailBefore = order.kind === 'correction' ? order.emailBefore : null
  const { rows } = await sql<{ id: string; connectionId: string; email: string | null }>`
    with ordered as (
      insert into crm_writes as w (id, connection_id, key, kind, visitor_id, conversation_id, fields, person_type, person_id,
        created_at, changed_at)
      select gen_random_uuid(), c.id, ${key}, ${order.kind}, v.id,
        ${order.kind === 'conversation' ? order.conversationId : null}::uuid, ${fields}::text[], m.type, m.external_id, ${now}, ${now}
      from visitors v
      join connections c on c.writing_on and c.agent_id is null and c.state in ('active', 'paused', 'broken')
      left join person_lookups l on l.connection_id = c.id and l.email = ${emailBefore}
      left join people_mirror m on m.connector = c.connector and m.external_id = l.external_id
      where v.id = ${visitorId} and ${isAllowed(order)}
        and (${knownEmail()} is not null or m.external_id is not null)
        and exists (select from conversations t where t.visitor_id = v.id and t.agent_id is not null and not t.blocked)
      order by c.id
      on conflict (connection_id, key) do update set
        ${orderedAgain},
        fields = array(select distinct unnest(w.fields || excluded.fields)),
        person_type = coalesce(excluded.person_type, w.person_type), person_id = coalesce(excluded.person_id, w.person_id)
      returning id, connection_id
    )
    select o.id, o.connection_id, ${knownEmail()} as email from ordered o, visitors v where v.id = ${visitorId}`.execute(
    tx,
  )
  for (const { id, connectionId, email } of rows)
    await promise(services, tx, { id, connectionId, orderKey: orderKeyOf(connectionId, email ?? visitorId) })
  if (rows.length > 0) after(services.wakeJobs)
}

/**
 * Promises to write a meeting into each CRM that is written to; to be called in the transaction that books, moves or cancels it.
 * What is written is the meeting as its row says then: logged where it is booked, moved or marked as cancelled where it was
 * logged before, and nothing of one that was never booked. The guest is found by the address they booked with, and made
 * where there is nobody. Any number of calls are one entry there.
 */
export async function promiseMeetingLog(
  services: Services,
  { tx, now, after }: Pick<Change, 'tx' | 'now' | 'after'>,
  meetingId: string,
): Promise<void> {
  if (services.connectors.size === 0) return
  const { rows } = await sql<{ id: string; connectionId: string; email: string }>`
    with ordered as (
      insert into crm_writes as w (id, connection_id, key, kind, visitor_id, conversation_id, meeting_id, created_at, changed_at)
      select gen_random_uuid(), c.id, ${`foyer-meeting-${meetingId}`}, 'meeting', m.visitor_id, m.conversation_id, m.id, ${now}, ${now}
      from meetings m
      join connections c on c.writing_on and c.agent_id is null and c.state in ('active', 'paused', 'broken')
      where m.id = ${meetingId} and ${rule('meetings')}
        and not exists (select from conversations t where t.visitor_id = m.visitor_id and t.blocked)
      order by c.id
      on conflict (connection_id, key) do update set ${orderedAgain}
      returning id, connection_id
    )
    select o.id, o.connection_id, m.email from ordered o, meetings m where m.id = ${meetingId}`.execute(tx)
  for (const { id, connectionId, email } of rows)
    await promise(services, tx, { id, connectionId, orderKey: orderKeyOf(connectionId, email) })
  if (rows.length > 0) after(services.wakeJobs)
}

const orderedAgain = sql`
  visitor_id = coalesce(excluded.visitor_id, w.visitor_id), wanted = w.wanted + 1, state = 'open', reason = null, held = false, attempts = 0, changed_at = excluded.changed_at`

const rule = (name: string) => sql`coalesce((c.write_back ->> ${sql.lit(name)})::boolean, true)`

function isAllowed({ kind }: Order) {
  if (kind === 'conversation') return rule('conversations')
  if (kind === 'correction') return rule('corrections')
  return sql`(${rule('fillEmpty')} or coalesce((c.write_back -> 'create' ->> 'on')::boolean, true))`
}

/** What is written of one person goes one after the other, so that nobody is made twice. The outbox keeps no addresses. */
const orderKeyOf = (connectionId: string, person: string) =>
  `crm ${connectionId} ${createHash('sha256').update(person).digest('base64url').slice(0, 22)}`

const promise = (services: Services, tx: Tx, { id, connectionId, orderKey }: Ordered) =>
  enqueue(tx, services.clock, { task: writeToCrm, payload: { writeId: id, connectionId }, orderKey })

/** Promises once more what was put aside while its connection could not be used, in the order it came. What belongs to a
 *  connection that is over is given up. */
export async function resumeHeld(services: Services): Promise<void> {
  const { db, clock } = services
  await sql`${plannedOnce}
    update crm_writes w set state = 'skipped', held = false, reason = 'The connection is over.', changed_at = ${clock.now()}
    from connections c
    where w.state = 'open' and w.held and c.id = w.connection_id and c.state = 'disconnected'`.execute(db)
  await db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: string; connectionId: string; person: string }>`${plannedOnce}
      with free as (
        select w.id from crm_writes w join connections c on c.id = w.connection_id and c.state = 'active'
        where w.state = 'open' and w.held order by w.created_at, w.id limit 200 for update of w skip locked
      ), taken as (
        update crm_writes w set held = false from free where w.id = free.id
        returning w.id, w.connection_id, w.visitor_id, w.meeting_id, w.created_at
      )
      select t.id, t.connection_id, ${personOf} as person from taken t ${withPerson} order by t.created_at, t.id`.execute(
      tx,
    )
    for (const { id, connectionId, person } of rows)
      await promise(services, tx, { id, connectionId, orderKey: orderKeyOf(connectionId, person) })
  })
  services.wakeJobs()
}

/** Whom a write `t` is about, as its order goes by. */
const personOf = sql`coalesce(g.email, ${knownEmail()}, t.visitor_id::text, t.meeting_id::text)`
const withPerson = sql`left join visitors v on v.id = t.visitor_id left join meetings g on g.id = t.meeting_id`

/** Two visitors turn out to be one: what is to be written of `from` is written of `to`, in one order with what is to be written of
 *  them already. The keys stay, since by them a CRM knows what it has. */
export async function moveWrites(tx: Tx, from: string, to: string): Promise<void> {
  const { rows } = await sql<{ id: string; connectionId: string; person: string }>`
    select t.id, t.connection_id, coalesce(g.email, ${knownEmail()}, v.id::text) as person
    from crm_writes t join visitors v on v.id = ${to} left join meetings g on g.id = t.meeting_id
    where t.visitor_id in (${from}, ${to}) and t.state = 'open' and not t.held`.execute(tx)
  // the jobs first, as a worker does that has written one: neither waits for the other
  for (const { id, connectionId, person } of rows)
    await reorder(tx, {
      task: writeToCrm,
      payload: { writeId: id, connectionId },
      orderKey: orderKeyOf(connectionId, person),
    })
  await sql`update crm_writes set visitor_id = ${to} where visitor_id = ${from}`.execute(tx)
}

/** A person tries again what was given up. @returns false when it is not (any more). */
export async function retryWrite(
  services: Services,
  { tx, now, after }: Change,
  connectionId: string,
  writeId: string,
): Promise<boolean> {
  const { rows } = await sql<{ person: string }>`
    with again as (
      update crm_writes set state = 'open', reason = null, attempts = 0, changed_at = ${now}
      where id = ${writeId} and connection_id = ${connectionId} and state = 'failed'
      returning visitor_id, meeting_id
    )
    select ${personOf} as person from again t ${withPerson}`.execute(tx)
  const [row] = rows
  if (!row) return false
  const orderKey = orderKeyOf(connectionId, row.person)
  await promise(services, tx, { id: writeId, connectionId, orderKey })
  after(services.wakeJobs)
  return true
}
