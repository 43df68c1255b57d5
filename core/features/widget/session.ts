import { createHmac, randomUUIDv7, timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import { z } from 'zod'
import { EmailAddress, Text } from '../../contracts/common.ts'
import type { KnownFields, OpenSession, WidgetSession } from '../../contracts/widget.ts'
import type { Db } from '../../db/pool.ts'
import { FoyerError, NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { currentOf } from '../conversations/for-visitor.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { findSiteByKey } from '../sites/repository.ts'
import { tellAgentOf } from '../visitors/service.ts'
import type { ReachabilityWatch } from './reachability.ts'
import { recordPage } from './visitor.ts'

/** The start of everything a visitor does. A token of this site goes on as the same visitor; anything else begins as
 *  a new one, so a forged or foreign token gains nothing and fails nothing.
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

  const found = request.token ? await findOnSite(db, site.id, request.token, signed?.sub ?? null) : null
  const token = found && request.token ? request.token : newToken()
  const visitorId = found ?? randomUUIDv7()
  const now = clock.now()
  await sql`
    insert into visitors (id, site_id, token_hash, time_zone, language, created_at, seen_at)
    values (${visitorId}, ${site.id}, ${hashToken(token)}, ${timeZoneOf(request.timeZone)}, ${request.language ?? null}, ${now}, ${now})
    on conflict (id) do update set seen_at = excluded.seen_at,
      time_zone = coalesce(excluded.time_zone, visitors.time_zone), language = coalesce(excluded.language, visitors.language)`.execute(
    db,
  )
  if (signed) await keepIdentity(services, visitorId, signed)
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
    conversation,
  }
}

async function keepIdentity(
  services: Services,
  visitorId: string,
  { sub, email, name }: z.infer<typeof Identity>,
): Promise<void> {
  await change(services, async (change) => {
    const { rows } = await sql`
      update visitors set name = coalesce(${name ?? null}, name), email = coalesce(${email ?? null}, email),
             email_verified = email_verified or ${email !== undefined}, identity_subject = ${sub}
      where id = ${visitorId} returning id`.execute(change.tx)
    if (rows.length > 0) await tellAgentOf(change, visitorId)
  })
}

/** Null as well when the browser comes back as somebody else: what the one said is not for the other. */
async function findOnSite(
  db: Db,
  siteId: string,
  token: string,
  subject: string | null,
): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from visitors where token_hash = ${hashToken(token)} and site_id = ${siteId}
      and (identity_subject is null or ${subject}::text is null or identity_subject = ${subject})`.execute(db)
  return rows[0]?.id ?? null
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
