import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { CrmPerson, WebhookEvent } from '#connectors/sdk/crm.ts'
import { applyWebhookEvent } from '../../contracts/jobs.ts'
import { change, type Services } from '../../services.ts'
import type { OpenConnection } from '../connections/open.ts'
import { readOrGone } from '../mirror/refresh.ts'
import { forgetPeople, storePeople } from '../mirror/store.ts'
import { enqueue } from '../outbox/outbox.ts'
import { eraseByCrm } from '../people/erase.ts'
import { tellAgentsAbout } from '../visitors/service.ts'
import { mirrorOf } from './changes.ts'
import { readWatched } from './watched.ts'

export interface StoredEvent {
  connectionId: string
  change: WebhookEvent['change']
  mergedIds: string[]
  receivedAt: Date
}

/** Of one event so many records at most are read; whatever else was merged the feed tells. */
const mergedAtMost = 20

/**
 * Keeps what a vendor told, each event once however often it comes, and promises to look at it: one job for all that a
 * request says of a record. When this returns the vendor may be answered.
 */
export function receiveEvents(
  services: Services,
  connectionId: string,
  events: WebhookEvent[],
): Promise<void> {
  return change(services, async ({ tx, now, after }) => {
    const given = events.map(({ id, change, mergedIds }) => ({
      id: randomUUID(),
      event_id: id.slice(0, 500),
      change,
      merged: mergedIds.slice(0, mergedAtMost),
    }))
    const { rows } = await sql<{ id: string }>`
      with given as (
        select * from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as g (id uuid, event_id text, change jsonb, merged text[])
        -- two requests with the same events wait for each other in one order
        order by event_id
      ), kept as (
        insert into webhook_events (id, connection_id, event_id, change, merged_ids, received_at)
        select id, ${connectionId}, event_id, change, merged, ${now} from given
        on conflict (connection_id, event_id) do nothing
        returning id, change, merged_ids
      )
      select distinct on (change, merged_ids) id from kept`.execute(tx)
    for (const { id } of rows)
      await enqueue(tx, services.clock, {
        task: applyWebhookEvent,
        payload: { eventId: id, connectionId },
      })
    after(services.wakeJobs)
  })
}

export async function readEvent({ db }: Services, eventId: string): Promise<StoredEvent | null> {
  const { rows } = await sql<StoredEvent>`
    select connection_id, change, merged_ids, received_at from webhook_events where id = ${eventId}`.execute(
    db,
  )
  return rows[0] ?? null
}

/** After so long the vendor's word counts for more than what can be read of somebody it told was erased. */
const erasedAnywayAfterMs = 24 * 3_600_000
const lookedAtAgainWithinMs = { least: 2_000, most: 3_600_000 }

/** The vendor told that it erased somebody whom it still shows: what can be read lags behind. */
export class StillThereError extends Error {
  readonly afterMs: number
  constructor(afterMs: number) {
    super('The CRM told that this person was erased, and still shows them.')
    this.afterMs = afterMs
  }
}

/** What the vendor told is a hint: the record is read, and what it says now counts. So an event that comes twice, late or
 *  after a later one changes nothing. @throws {StillThereError} somebody erased can still be read: to be repeated, until they are gone
 *  @throws {ConnectorError} */
export async function applyEvent(
  services: Services,
  open: OpenConnection,
  event: StoredEvent,
): Promise<void> {
  const { change: hint, mergedIds } = event
  if (hint.type === 'activities_changed') return readWatched(services, open, [hint.ref])
  const isErasure = hint.type === 'gone' && hint.erase
  if (!isErasure && mergedIds.length === 0 && (await isReadSince(services, open, event))) return
  const { connector, crm } = open
  const declared = connector.crm
  if (!declared || !crm) return
  const readAt = services.clock.now()
  const found = new Map<string, CrmPerson | null>()
  // the merged ones too: they are whoever the vendor says they are, or nobody
  for (const id of new Set([hint.ref.id, ...mergedIds]))
    found.set(id, await readOrGone(() => declared.readPerson(crm, { ...hint.ref, id })))
  const there = [...found.values()].filter((person) => person !== null)
  const gone = [...found].filter(([, person]) => person === null).map(([id]) => id)
  const toldForMs = readAt.getTime() - event.receivedAt.getTime()
  if (isErasure && there.length > 0 && toldForMs < erasedAnywayAfterMs) {
    const { least, most } = lookedAtAgainWithinMs
    throw new StillThereError(Math.min(Math.max(least, toldForMs), most))
  }
  const mirror = mirrorOf(open)
  const emails = await change(services, async (change) => {
    const { tx, now } = change
    if (isErasure) {
      await eraseByCrm(services, change, mirror.connector, hint.ref.id)
      return []
    }
    const forgotten = await forgetPeople(tx, mirror.connector, gone, now)
    return [...forgotten, ...(await storePeople(tx, mirror, there, { readAt, direct: true }))]
  })
  if (emails.length > 0) await change(services, (change) => tellAgentsAbout(change, emails))
}

/** Of a burst of events about one person the first reads what all of them tell of. */
async function isReadSince(
  { db }: Services,
  { row }: OpenConnection,
  { change: { ref }, receivedAt }: StoredEvent,
): Promise<boolean> {
  const { rows } = await sql`
    select from people_mirror
    where connector = ${row.connector} and external_id = ${ref.id} and read_at > ${receivedAt}
    union all
    select from mirror_gone where connector = ${row.connector} and external_id = ${ref.id} and at > ${receivedAt}`.execute(
    db,
  )
  return rows.length > 0
}
