import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import { ConflictError } from '../../errors.ts'
import { isReachable } from '../../realtime/presence-sql.ts'
import type { Services } from '../../services.ts'
import { describeAvailability } from '../availability/service.ts'
import { requestConversation } from '../conversations/requests.ts'
import { loadOf } from '../routing/load.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { readSites } from '../sites/repository.ts'

const text =
  'Hello! This is a test chat that you sent to yourself. Accept it, answer, write a note, end it: no customer sees any of it.'
/** Longer than any chat without an answer lasts. */
const staysMs = 24 * 60 * 60_000

/** A pretend visitor asks for a person, and the agent who wanted it is asked first.
 *  @throws {ConflictError} `not_available`, `not_reachable`, `full` or `no_site` */
export async function sendTestChat(services: Services, agentId: string): Promise<void> {
  const { db, clock, settings } = services
  const now = clock.now()
  const [site] = await readSites(db)
  if (!site)
    throw new ConflictError('no_site', 'There is no site yet that a visitor could come from. Add one first.')
  // a colleague should not get it instead
  if (!(await describeAvailability(db, now, agentId)).available)
    throw new ConflictError(
      'not_available',
      'Set yourself to available first, then the test chat comes to you.',
    )
  const { rows } = await sql<{ reachable: boolean; load: number }>`
    select ${isReachable('agent', sql`a.id`, now)} as reachable, ${loadOf(sql`a.id`)} as load
    from agents a where a.id = ${agentId}`.execute(db)
  if (!rows[0]?.reachable)
    throw new ConflictError('not_reachable', 'Your inbox is not connected. Reload the page, then try again.')
  if (rows[0].load >= settings.agentCap)
    throw new ConflictError('full', 'You have as many chats as you can take. End one, then try again.')
  const visitorId = randomUUIDv7()
  await sql`
    insert into visitors (id, site_id, token_hash, name, created_at, seen_at)
    values (${visitorId}, ${site.id}, ${hashToken(newToken())}, 'Test visitor', ${now}, ${now})`.execute(db)
  await requestConversation(
    services,
    { siteId: site.id, visitorId, fields: {}, text, clientId: 'test-chat', page: null },
    agentId,
  )
  // it has no socket, and must not count as gone for that
  const until = new Date(now.getTime() + staysMs)
  await sql`update conversations set visitor_seen_at = ${until} where visitor_id = ${visitorId}`.execute(db)
}
