import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { PageView } from '../../contracts/widget.ts'
import type { Db } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { activeChats } from '../visitors/repository.ts'
import { tellAgentOf } from '../visitors/service.ts'

/** @throws {NotFoundError} unless the conversation is this visitor's */
export async function ownConversation(db: Db, visitorId: string, conversationId: string): Promise<void> {
  const { rows } = await sql`
    select from conversations where id = ${conversationId} and visitor_id = ${visitorId}`.execute(db)
  if (!rows[0]) throw new NotFoundError('conversation')
}

const visitEndsAfterMs = 30 * 60_000
const pagesAVisit = 50

/** Adds a page to the visitor's visit, or begins a new one after half an hour without a sign. Whoever talks with the
 *  visitor sees where they are now. */
export async function recordPage(services: Services, visitorId: string, page: PageView): Promise<void> {
  const { db, clock } = services
  const now = clock.now()
  const utm = readUtm(page.url)
  const shown = JSON.stringify({ url: page.url, title: page.title })
  await db.transaction().execute(async (tx) => {
    // the visitor's row first: two tabs opened together are one visit
    const { rows } = await sql`
      update visitors set
        seen_at = ${now}, page = ${shown}::jsonb,
        referrer = coalesce(referrer, ${page.referrer}),
        utm = coalesce(utm, ${Object.keys(utm).length > 0 ? JSON.stringify(utm) : null}::jsonb)
      where id = ${visitorId} returning id`.execute(tx)
    if (!rows[0]) return
    await sql`
      with going_on as (
        update visits set
          last_at = ${now},
          page_count = page_count + case when pages -> -1 ->> 'url' = ${page.url} then 0 else 1 end,
          pages = case when pages -> -1 ->> 'url' = ${page.url} or page_count >= ${pagesAVisit} then pages
                       else pages || jsonb_build_array(${shown}::jsonb) end
        where id = (
          select id from visits where visitor_id = ${visitorId}
            and last_at > ${new Date(now.getTime() - visitEndsAfterMs)} order by last_at desc limit 1)
        returning id
      )
      insert into visits (id, visitor_id, started_at, last_at, pages, page_count)
      select ${randomUUIDv7()}::uuid, ${visitorId}::uuid, ${now}::timestamptz, ${now}::timestamptz,
             jsonb_build_array(${shown}::jsonb), 1
      where not exists (select from going_on)`.execute(tx)
  })
  // most who look around are in no chat, and cost no transaction
  const chats = await activeChats(db, sql`v.id = ${visitorId}`)
  if (chats.length > 0) await change(services, (change) => tellAgentOf(change, visitorId))
}

/** Where the visitor came from, as campaigns write it into addresses. What is no address has none. */
function readUtm(url: string): Record<string, string> {
  const source = URL.parse(url, 'http://unknown.invalid')
  const named = [...(source?.searchParams ?? [])].filter(([name]) => name.startsWith('utm_'))
  // %00 decodes to what PostgreSQL cannot store
  return Object.fromEntries(named.slice(0, 10).map((pair) => pair.map((text) => text.replaceAll('\0', ''))))
}
