import { createHmac, randomUUIDv7, timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import { z } from 'zod'
import { EmailAddress, Text } from '../../contracts/common.ts'
import type { KnownFields, OpenSession, WidgetConversation, WidgetSession } from '../../contracts/widget.ts'
import type { Db } from '../../db/pool.ts'
import { FoyerError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { currentOf, forVisitor } from '../conversations/for-visitor.ts'
import { canMail } from '../conversations/letters.ts'
import { findReturn } from '../conversations/return-links.ts'
import { findSiteByKey } from '../sites/repository.ts'
import { addVisitor, identify } from './identify.ts'
import type { ReachabilityWatch } from './reachability.ts'
import { findVisitor, giveToken, noteUse } from './tokens.ts'
import { recordPage } from './visitor.ts'

/** The start of everything a visitor does. A signed identity is the same visitor in every browser. Without one, a
 *  token of this site goes on as the same visitor, as long as nobody was named for it: whoever was named has to be
 *  named again, or the next person at this browser would read what they said. Anything else begins as a new one, so a
 *  forged or foreign token gains nothing and fails nothing.
 *  @throws {NotFoundError} no site has this key
 *  @throws {FoyerError} 422 `invalid_identity` */
export async function openVisitorSession(
  services: Services,
  reachability: ReachabilityWatch,
  request: z.output<typeof OpenSession>,
): Promise<WidgetSession> {
  const { db, clock } = services
  const site = await findSiteByKey(db, request.siteKey)
  if (!site) throw new NotFoundError('site')
  const signed = request.identity ? readIdentity(request.identity, site.identitySecret, clock.now()) : null

  const link = request.resume ? await findReturn(db, clock.now(), site.id, request.resume) : null
  const { visitorId, token } = signed
    ? await identify(services, site.id, signed, request.token)
    : await goOn(services, site.id, request.token, link?.subject === null ? link.visitorId : null)
  const now = clock.now()
  await sql`
    update visitors set seen_at = ${now}, time_zone = coalesce(${timeZoneOf(request.timeZone)}, time_zone),
           language = coalesce(${request.language ?? null}, language)
    where id = ${visitorId}`.execute(db)
  if (token === request.token) await noteUse(db, now, token)
  if (request.page) await recordPage(services, visitorId, request.page)

  const [known, conversation, reachable, faces] = await Promise.all([
    readKnown(db, visitorId),
    currentOf(db, visitorId),
    reachability.current(),
    readFaces(db),
  ])
  return {
    token,
    visitorId,
    now: clock.now().toISOString(),
    site: site.settings,
    known,
    reachability: reachable,
    faces,
    canMail: canMail(services),
    conversation:
      link?.visitorId === visitorId ? await returnedTo(db, link.conversationId, conversation) : conversation,
  }
}

/** One that is open now comes first. */
async function returnedTo(
  db: Db,
  conversationId: string,
  current: WidgetConversation | null,
): Promise<WidgetConversation | null> {
  if (current?.status === 'waiting' || current?.status === 'active') return current
  return forVisitor(db, conversationId)
}

/** As the anonymous visitor of before, or as a new one.
 *  @param returning who followed the link of a mail of ours; then it is that visitor, with a token for this browser. */
async function goOn(
  services: Services,
  siteId: string,
  token: string | undefined,
  returning: string | null,
): Promise<{ visitorId: string; token: string }> {
  const { db, clock } = services
  const found = token === undefined ? null : await findVisitor(services, db, token)
  if (token !== undefined && found?.siteId === siteId && found.subject === null)
    if (returning === null || returning === found.id) return { visitorId: found.id, token }
  if (returning !== null)
    return {
      visitorId: returning,
      token: await db.transaction().execute((tx) => giveToken(tx, clock.now(), returning)),
    }
  const visitorId = randomUUIDv7()
  return { visitorId, token: await addVisitor(db, clock.now(), siteId, visitorId) }
}

async function readKnown(db: Db, visitorId: string): Promise<KnownFields> {
  const { rows } = await sql<KnownFields>`
    select name, email, job_title, phone, company from visitors where id = ${visitorId}`.execute(db)
  return rows[0] ?? { name: null, email: null, jobTitle: null, phone: null, company: null }
}

/** First names only: whoever opens the page need not learn more about the staff. */
async function readFaces(db: Db): Promise<{ id: string; name: string }[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select id, split_part(name, ' ', 1) as name from agents where active and profile = 'live_agent'
    order by position limit 3`.execute(db)
  return rows
}

function timeZoneOf(name: string | undefined): string | null {
  if (name === undefined) return null
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return null
  }
}

const maxIdentityAgeMs = 60 * 60_000

const Identity = z.object({
  sub: Text.pipe(z.string().min(1).max(200)),
  email: EmailAddress.optional(),
  name: Text.pipe(z.string().trim().min(1).max(100)).optional(),
  exp: z.number(),
  iat: z.number().optional(),
})
const Header = z.object({ alg: z.literal('HS256') })

/** Reads a JWT that the site's own server signed (RFC 7519, HS256 only).
 *  @throws {FoyerError} 422 `invalid_identity` in words that tell the site's developer what to mend */
function readIdentity(jwt: string, secret: string, now: Date): z.infer<typeof Identity> {
  const refuse = (why: string) =>
    new FoyerError(422, 'invalid_identity', `The signed identity was refused: ${why}`)
  const [header, payload, signature, ...rest] = jwt.split('.')
  if (!header || !payload || !signature || rest.length > 0) throw refuse('it is not a JWT.')
  const expected = createHmac('sha256', secret).update(`${header}.${payload}`).digest()
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw refuse('its signature does not match this site’s secret.')
  if (!Header.safeParse(decode(header)).success) throw refuse('only HS256 is accepted.')
  const identity = Identity.safeParse(decode(payload))
  if (!identity.success)
    throw refuse('it needs "sub" and "exp", and "email" and "name" must be valid where given.')
  const expiresMs = identity.data.exp * 1_000
  if (expiresMs <= now.getTime()) throw refuse('it has expired.')
  if (expiresMs - now.getTime() > maxIdentityAgeMs) throw refuse('it must expire within an hour.')
  return identity.data
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    return null
  }
}
