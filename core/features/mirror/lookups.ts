import { sql } from 'kysely'
import { refreshPerson } from '../../contracts/jobs.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import { type Change, change, type Services } from '../../services.ts'
import { enqueue } from '../outbox/outbox.ts'
import { knownEmail } from '../visitors/known.ts'

/** What was read this lately is fresh enough. */
const freshMs = 60_000
/** A question that nobody has answered by then is asked again. */
const askedAtMostMs = 60_000

/**
 * Asks each active CRM for the person with the visitor's address, where the last answer is older than a minute: in jobs, one
 * for each CRM, so that no chat waits for one and no CRM for another. Whoever talks with the visitor is told what they
 * find.
 * @param options.askedBy an agent who looks at the visitor and is told too. @param options.force however fresh.
 */
export async function requestRefresh(
  services: Services,
  { tx, now, after }: Pick<Change, 'tx' | 'now' | 'after'>,
  visitorId: string,
  { askedBy = null, force = false }: { askedBy?: string | null; force?: boolean } = {},
): Promise<void> {
  // a Foyer without a CRM, or with one that is not installed any more, has nobody to ask
  const connectors = [...services.connectors.values()].filter(({ crm }) => crm).map(({ id }) => id)
  if (connectors.length === 0) return
  const stale = new Date(now.getTime() - (force ? 0 : freshMs))
  const { rows } = await sql<{ connectionId: string }>`${plannedOnce}
    insert into person_lookups as l (connection_id, email, asked_at)
    select c.id, ${knownEmail()}, ${now} from visitors v, connections c
    where v.id = ${visitorId} and ${knownEmail()} is not null and c.state = 'active' and c.connector = any (${connectors})
    order by c.id
    on conflict (connection_id, email) do update set asked_at = excluded.asked_at
    where coalesce(greatest(l.answered_at, l.failed_at) <= ${stale}, true)
      and (l.asked_at <= coalesce(greatest(l.answered_at, l.failed_at), '-infinity')
        or l.asked_at <= ${new Date(now.getTime() - askedAtMostMs)} or ${askedBy}::uuid is not null)
    returning connection_id`.execute(tx)
  for (const { connectionId } of rows)
    await enqueue(tx, services.clock, {
      task: refreshPerson,
      payload: { connectionId, visitorId, askedBy },
    })
  if (rows.length > 0) after(services.wakeJobs)
}

const askedAgainAtOnce = 3

/**
 * Asks a CRM once more for those whom somebody talks with and whose question has no whole answer, the longest unanswered first, a few
 * each time: it was over a limit or did not answer for a moment, and the chat goes on. To be called when it has answered.
 */
export function requestAgain(services: Services, connectionId: string): Promise<void> {
  return change(services, async ({ tx, now, after }) => {
    const { rows } = await sql<{ visitorId: string }>`
      with unread as (
        select distinct on (l.email) l.email, l.asked_at, v.id as visitor_id from conversations c
        join visitors v on v.id = c.visitor_id
        join connections n on n.id = ${connectionId}
        join person_lookups l on l.connection_id = n.id and l.email = ${knownEmail()}
        left join people_mirror m on m.connector = n.connector and m.external_id = l.external_id
        where c.status in ('waiting', 'active')
          and (l.failed_at >= l.asked_at or l.asked_at <= ${new Date(now.getTime() - askedAtMostMs)})
          and (coalesce(l.answered_at < l.asked_at, true) or l.failed_at > l.answered_at
            or (m.external_id is not null and coalesce(m.activities_at < l.asked_at, true)))
        order by l.email
      )
      update person_lookups l set asked_at = ${now}
      from (select * from unread order by asked_at, email limit ${askedAgainAtOnce}) u
      where l.connection_id = ${connectionId} and l.email = u.email and l.asked_at = u.asked_at
      returning u.visitor_id`.execute(tx)
    for (const { visitorId } of rows)
      await enqueue(tx, services.clock, {
        task: refreshPerson,
        payload: { connectionId, visitorId, askedBy: null },
      })
    if (rows.length > 0) after(services.wakeJobs)
  })
}

export interface Lookup {
  email: string
  askedAt: Date
  answeredAt: Date | null
  failedAt: Date | null
  /** Whom the CRM knows by it is in the mirror, and their history was read last then. */
  isKnown: boolean
  historyAt: Date | null
}

/** The address a visitor is looked up by, and how far that has come with a connection. */
export async function readLookup(
  db: Tx | Services['db'],
  connectionId: string,
  visitorId: string,
): Promise<Lookup | null> {
  const { rows } = await sql<Lookup>`
    select l.email, l.asked_at, l.answered_at, l.failed_at, m.external_id is not null as is_known, m.activities_at as history_at
    from visitors v
    join person_lookups l on l.connection_id = ${connectionId} and l.email = ${knownEmail()}
    join connections n on n.id = l.connection_id
    left join people_mirror m on m.connector = n.connector and m.external_id = l.external_id
    where v.id = ${visitorId}`.execute(db)
  return rows[0] ?? null
}

/** @param id of the record the vendor chose; null: there is nobody. */
export async function noteAnswer(
  tx: Tx,
  connectionId: string,
  email: string,
  answer: { at: Date; id: string | null },
): Promise<void> {
  await sql`
    insert into person_lookups as l (connection_id, email, asked_at, answered_at, external_id)
    values (${connectionId}, ${email}, ${answer.at}, ${answer.at}, ${answer.id})
    on conflict (connection_id, email) do update set answered_at = excluded.answered_at,
      external_id = excluded.external_id, failed_at = null, failure = null
    where l.answered_at is null or l.answered_at <= excluded.answered_at`.execute(tx)
}

export async function noteNoAnswer(
  tx: Tx | Services['db'],
  connectionId: string,
  email: string,
  failure: { at: Date; why: string },
): Promise<void> {
  await sql`
    update person_lookups set failed_at = ${failure.at}, failure = ${failure.why}
    where connection_id = ${connectionId} and email = ${email}`.execute(tx)
}
