import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { CrmWrite, ListWrites } from '../../contracts/sync.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { record } from '../connections/record.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { knownEmail } from '../visitors/known.ts'
import { sameVisitor } from '../visitors/repository.ts'
import { visitorVisibleTo } from '../visitors/visibility.ts'
import { retryWrite } from './orders.ts'

interface Row extends Omit<CrmWrite, 'createdAt' | 'changedAt' | 'writtenAt'> {
  createdAt: Date
  changedAt: Date
  writtenAt: Date | null
}

const atMost = 200

/** What was written, or is to be, through one connection, the newest first. */
export const listWrites = (
  { db, clock }: Services,
  viewer: Viewer,
  connectionId: string,
  { state }: z.output<typeof ListWrites>,
): Promise<CrmWrite[]> =>
  read(
    db,
    seenBy(viewer, clock.now()),
    sql`w.connection_id = ${connectionId} and ${state ? sql`w.state = ${state}` : sql`true`}`,
  )

/** What Foyer wrote of a visitor into CRMs: also the list of what is there when they want to be erased.
 *  @throws {NotFoundError} also when the visitor is not the viewer's to see */
export async function writesOf(
  { db, clock }: Services,
  viewer: Viewer,
  visitorId: string,
): Promise<CrmWrite[]> {
  const { rows } = await sql`
    select from visitors v where v.id = ${visitorId} and ${visitorVisibleTo(viewer, clock.now())}`.execute(db)
  if (rows.length === 0) throw new NotFoundError('visitor')
  return read(
    db,
    seenBy(viewer, clock.now()),
    sql`w.visitor_id in (select other from visitors v, lateral (${sameVisitor()}) s (other) where v.id = ${visitorId})`,
  )
}

interface Seen {
  /** Whose name may be told, of the visitor `v`. */
  named: RawBuilder<unknown>
  /** Which chat may be told, of the conversation `chat`: a meeting may have been booked in a colleague's that goes on. */
  chat: RawBuilder<unknown>
}
const seenBy = (viewer: Viewer, now: Date): Seen => ({
  named: visitorVisibleTo(viewer, now),
  chat: visibleTo(viewer, 'chat'),
})

async function read(db: Db | Tx, seen: Seen, where: RawBuilder<unknown>): Promise<CrmWrite[]> {
  const { rows } = await sql<Row>`
    select w.id, w.connection_id, c.connector, w.kind, w.visitor_id, case when ${seen.named} then coalesce(v.corrections ->> 'name', v.name, ${knownEmail()}) end as visitor_name,
      (select chat.id from conversations chat where chat.id = w.conversation_id and ${seen.chat}) as conversation_id, w.state, w.reason, w.attempts,
      w.created_person, w.url, w.created_at, w.changed_at, w.written_at
    from crm_writes w join connections c on c.id = w.connection_id left join visitors v on v.id = w.visitor_id
    where ${where} order by w.changed_at desc, w.id limit ${atMost}`.execute(db)
  return rows.map(({ createdAt, changedAt, writtenAt, ...row }) => ({
    ...row,
    createdAt: createdAt.toISOString(),
    changedAt: changedAt.toISOString(),
    writtenAt: writtenAt?.toISOString() ?? null,
  }))
}

/** @throws {NotFoundError} @throws {ConflictError} `not_failed` */
export function tryAgain(services: Services, agent: Viewer, id: string): Promise<CrmWrite> {
  const seen = seenBy(agent, services.clock.now())
  return change(services, async (change) => {
    const [write] = await read(change.tx, seen, sql`w.id = ${id}`)
    if (!write) throw new NotFoundError('write')
    if (!(await retryWrite(services, change, write.connectionId, id)))
      throw new ConflictError('not_failed', 'It has not failed, or somebody is trying it again already.')
    await record(change.tx, change.now, agent.id, 'connection.write_retried', write.connectionId, {
      write: id,
    })
    const [again] = await read(change.tx, seen, sql`w.id = ${id}`)
    return again ?? write
  })
}
