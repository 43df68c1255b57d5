import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import { ConflictError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { describeAvailability } from '../availability/service.ts'
import { requestConversation } from '../conversations/service.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { readSites } from '../sites/repository.ts'

const text =
  'Hello! This is a test chat that you sent to yourself. Accept it, answer, write a note, end it: no customer sees any of it.'
/** Longer than any chat without an answer lasts. */
const staysMs = 24 * 60 * 60_000

/** A pretend visitor asks for a person, and the agent who wanted it is asked first.
 *  @throws {ConflictError} `not_available` or `no_site` */
export async function sendTestChat(services: Services, agentId: string): Promise<void> {
  const { db, clock } = services
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
