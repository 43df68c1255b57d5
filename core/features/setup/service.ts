import { randomUUIDv7 } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { sql } from 'kysely'
import type { z } from 'zod'
import type { SetUp } from '../../contracts/agents.ts'
import { canonicalTimeZone } from '../../contracts/time-zone.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { FoyerError, InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import * as agents from '../agents/repository.ts'
import { officeHours } from '../agents/service.ts'
import { audit } from '../audit/audit.ts'
import { openSession } from '../sign-in/sessions.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { addSite } from '../sites/service.ts'

const linkMs = 24 * 60 * 60_000

export async function isSetUpNeeded(db: Db | Tx): Promise<boolean> {
  const { rows } = await sql`select from organisation`.execute(db)
  return rows.length === 0
}

/** A link for whoever can read this process's output: it opens the set-up page for 24 hours and works once.
 *  @returns null when Foyer has been set up. */
export async function createSetUpLink({ db, clock }: Services, baseUrl: string): Promise<string | null> {
  if (!(await isSetUpNeeded(db))) return null
  const now = clock.now()
  const token = newToken()
  await sql`delete from setup_links where expires_at <= ${now}`.execute(db)
  await sql`
    insert into setup_links (token_hash, expires_at)
    values (${hashToken(token)}, ${new Date(now.getTime() + linkMs)})`.execute(db)
  // after the # it stays in the browser: no server, proxy or log of theirs sees it
  return `${baseUrl}/setup#token=${token}`
}

/** For the entry point: says where to go as long as nobody has been there. */
export async function printSetUpLink(
  services: Services,
  baseUrl: string,
  print: (line: string) => void = console.log,
): Promise<void> {
  const link = await createSetUpLink(services, baseUrl)
  if (link) print(`Set up Foyer here (once, within 24 hours): ${link}`)
}

/** Makes the organisation, its first admin and its first site, and signs the admin in. However many try, and with
 *  however many links, one does it.
 *  @throws {FoyerError} 410 `setup_link_used` */
export async function setUp(
  services: Services,
  form: z.output<typeof SetUp>,
  from: { address: string; userAgent: string | undefined },
): Promise<{ agentId: string; token: string; expiresAt: Date }> {
  const timeZone = readTimeZone(form.timeZone)
  const allowedOrigins = form.siteOrigin ? [readOrigin(form.siteOrigin)] : []
  // hashing is made to cost: not for whoever has no link
  await refuseUnknownLink(services, form.token)
  const passwordHash = await hash(form.password)

  return change(services, async ({ tx, now }) => {
    const { rows: used } = await sql`
      update setup_links set used_at = ${now}
      where token_hash = ${hashToken(form.token)} and used_at is null and expires_at > ${now}
      returning token_hash`.execute(tx)
    if (used.length === 0) throw linkUsed()
    const { rows: made } = await sql`
      insert into organisation (name, time_zone, created_at) values (${form.organisationName}, ${timeZone}, ${now})
      on conflict (id) do nothing returning id`.execute(tx)
    if (made.length === 0) throw linkUsed()

    const agentId = randomUUIDv7()
    const { email, name } = form
    const liveChatSchedule = officeHours(timeZone)
    await agents.insert(tx, now, {
      id: agentId,
      email,
      name,
      profile: 'admin',
      passwordHash,
      liveChatSchedule,
    })
    await addSite(tx, now, {
      name: form.siteName,
      companyName: form.organisationName,
      allowedOrigins,
      booking: { by: 'owner', agentId },
    })
    await audit(tx, { now, actorId: agentId, action: 'organisation.set_up' })
    return { agentId, ...(await openSession(tx, now, agentId, from)) }
  })
}

const linkUsed = () =>
  new FoyerError(
    410,
    'setup_link_used',
    'This link has been used, or its time is over. Foyer prints a new one when it starts, until it is set up.',
  )

async function refuseUnknownLink({ db, clock }: Services, token: string): Promise<void> {
  const { rows } = await sql`
    select from setup_links
    where token_hash = ${hashToken(token)} and used_at is null and expires_at > ${clock.now()}`.execute(db)
  if (rows.length === 0) throw linkUsed()
}

function readTimeZone(name: string): string {
  const timeZone = canonicalTimeZone(name)
  if (timeZone) return timeZone
  const message = 'This is not a time zone, such as Europe/Rome.'
  throw new InvalidInputError(message, [{ field: 'timeZone', message }])
}

/** People paste the address of a page; what counts is its origin. */
function readOrigin(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return url.origin
  const message = 'The site’s address is written like https://www.example.com.'
  throw new InvalidInputError(message, [{ field: 'siteOrigin', message }])
}
