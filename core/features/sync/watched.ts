import { type RawBuilder, sql } from 'kysely'
import type { KnownHistory, PersonRef } from '#connectors/sdk/crm.ts'
import { change, type Services } from '../../services.ts'
import { historyMs } from '../activities/history.ts'
import type { OpenConnection } from '../connections/open.ts'
import { readActivitiesOf, readOrGone } from '../mirror/refresh.ts'
import { forgetPeople } from '../mirror/store.ts'
import { knownEmail } from '../visitors/known.ts'
import { tellAgentsAbout } from '../visitors/service.ts'

/** Whom somebody talks with now: their histories are on a screen. Those of others are read with their next chat. */
const watchedIn = (connector: string): RawBuilder<{ externalId: string; email: string }> => sql`
  select distinct e.external_id, e.email from conversations c
  join visitors v on v.id = c.visitor_id
  join people_mirror_emails e on e.email = ${knownEmail()} and e.connector = ${connector}
  where c.status in ('waiting', 'active')`

/** The same as rows `m` of the mirror: few of many, each found by its id. */
const peopleOf = (connector: string): RawBuilder<unknown> => sql`
  (select distinct external_id from (${watchedIn(connector)}) as w) as watched
  join people_mirror m on m.connector = ${connector} and m.external_id = watched.external_id`

export async function isAnybodyWatched({ db }: Services, { row }: OpenConnection): Promise<boolean> {
  const { rows } = await sql<{ is: boolean }>`select exists (${watchedIn(row.connector)}) as is`.execute(db)
  return rows[0]?.is ?? false
}

/** Whom somebody talks with and who are known to have these activities. */
export async function watchedWith(
  { db }: Services,
  { row }: OpenConnection,
  activityIds: string[],
): Promise<PersonRef[]> {
  if (activityIds.length === 0) return []
  const { rows } = await sql<PersonRef>`
    select distinct m.type, m.external_id as id from ${peopleOf(row.connector)}
    join activities_mirror a on a.connector = m.connector and a.person_id = m.external_id
    where a.external_id = any (${activityIds})`.execute(db)
  return rows
}

/** Activities named to a CRM at once; of more the newest count, which are on the screen first. */
const askedAtOnce = 1_000

interface Known extends PersonRef {
  readAt: Date
  activityIds: string[]
  oldest: Date | null
}

/** Reads anew whose history is not as it is known here, where a CRM can tell that at less cost than by reading all. */
export async function readStale(services: Services, open: OpenConnection): Promise<void> {
  const { connector, crm, row } = open
  if (!connector.crm?.staleHistories || !crm) return
  const { rows } = await sql<Known>`
    select type, id, read_at, array_remove(array_agg(activity_id), null) as activity_ids, min(at) as oldest from (
      select m.type, m.external_id as id, m.activities_at as read_at, a.external_id as activity_id, a.at
      from ${peopleOf(row.connector)}
      left join activities_mirror a on a.connector = m.connector and a.person_id = m.external_id
      where m.activities_at is not null
      order by a.at desc nulls first limit ${askedAtOnce}) as known
    group by type, id, read_at`.execute(services.db)
  if (rows.length === 0) return
  const known = rows.map((one) => toKnown(one, cutAt(rows)))
  await readWatched(services, open, await connector.crm.staleHistories(crm, known))
}

/** From when on everything is among them; null: there was room for all. */
function cutAt(rows: Known[]): Date | null {
  const asked = rows.reduce((sum, { activityIds }) => sum + Math.max(1, activityIds.length), 0)
  if (asked < askedAtOnce) return null
  return new Date(Math.min(...rows.flatMap(({ oldest }) => oldest?.getTime() ?? [])))
}

const toKnown = ({ type, id, readAt, activityIds }: Known, cut: Date | null): KnownHistory => {
  const from = readAt.getTime() - historyMs
  return { ref: { type, id }, readAt, since: new Date(Math.max(from, cut?.getTime() ?? from)), activityIds }
}

const readAnewAfterMs = 10 * 60_000
const readAnewAtOnce = 3

/** No feed tells everything: what is deleted, or given to somebody else, leaves no trace in some. So what is on a screen is read
 *  anew now and then, the longest unread first, no more than a few each time: that costs a vendor's limits. */
export async function readLongUnread(services: Services, open: OpenConnection): Promise<void> {
  const before = new Date(services.clock.now().getTime() - readAnewAfterMs)
  const { connector } = open.row
  const { rows } = await sql<PersonRef>`
    select m.type, m.external_id as id from ${peopleOf(connector)}
    where m.activities_at <= ${before} order by m.activities_at limit ${readAnewAtOnce}`.execute(services.db)
  await readWatched(services, open, rows)
}

/** Reads anew what those did whom somebody talks with now, tells the agents, and forgets who is gone. */
export async function readWatched(
  services: Services,
  open: OpenConnection,
  refs: PersonRef[],
): Promise<void> {
  if (refs.length === 0) return
  const { row } = open
  const byId = new Map(refs.map((ref) => [ref.id, ref]))
  const { rows } = await sql<{ externalId: string; email: string }>`
    select * from (${watchedIn(row.connector)}) as watched
    where external_id = any (${[...byId.keys()]})`.execute(services.db)
  for (const { externalId, email } of rows) {
    const ref = byId.get(externalId)
    if (!ref) continue
    const isThere = await readOrGone(async () => {
      await readActivitiesOf(services, open, ref)
      return true
    })
    if (!isThere) await change(services, ({ tx, now }) => forgetPeople(tx, row.connector, [externalId], now))
    await sql`
      update person_lookups set answered_at = greatest(answered_at, ${services.clock.now()})
      where connection_id = ${row.id} and email = ${email} and external_id = ${externalId}`.execute(
      services.db,
    )
    await change(services, (change) => tellAgentsAbout(change, [email]))
  }
}
