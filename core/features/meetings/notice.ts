import { sql } from 'kysely'
import type { BookingPage } from '../../contracts/meetings.ts'
import type { Db } from '../../db/pool.ts'
import type { ShareRow } from './shares.ts'

/** As the site has it at that moment: its words, and where the whole of it is. */
export type Notice = NonNullable<BookingPage['consent']>

/** The privacy notice that has to be accepted before a link is booked by: where the site of its visitor asks for a tick. Null also for
 *  one who has had a chat or a meeting, and so has accepted it. */
export async function noticeToAccept(
  db: Db,
  { visitorId }: Pick<ShareRow, 'visitorId'>,
): Promise<Notice | null> {
  if (visitorId === null) return null
  const { rows } = await sql<Notice>`
    select coalesce(s.settings #>> '{privacy,notice}', '') as notice, s.settings #>> '{privacy,url}' as url
    from visitors v join sites s on s.id = v.site_id
    where v.id = ${visitorId} and s.settings @> '{"privacy": {"tick": true}}'
      and not exists (select from conversations c where c.visitor_id = v.id)
      and not exists (select from meetings m where m.visitor_id = v.id and m.state <> 'failed')`.execute(db)
  return rows[0] ?? null
}
