import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { moveBlocks } from '../blocks/repository.ts'
import { endByVisitor } from '../conversations/endings.ts'
import { currentOf } from '../conversations/for-visitor.ts'
import { moveFiles } from '../files/repository.ts'
import { lockBookings } from '../meetings/hold.ts'
import { moveMeetings } from '../meetings/joined.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { tellAgentOf } from '../visitors/service.ts'
import { moveWrites } from '../write-back/orders.ts'
import { findVisitor, giveToken, revokeTokens, tellTokensChanged } from './tokens.ts'

/** What a site's signature says of a person. */
export interface SignedIdentity {
  sub: string
  email?: string | undefined
  name?: string | undefined
}

/** A visitor nobody knows anything of. @returns the token of their browser. */
export async function addVisitor(tx: Db | Tx, now: Date, siteId: string, visitorId: string): Promise<string> {
  const token = newToken()
  // the table keeps it as the visitor's first token, see migration 0007
  await sql`
    insert into visitors (id, site_id, token_hash, created_at, seen_at)
    values (${visitorId}, ${siteId}, ${hashToken(token)}, ${now}, ${now})`.execute(tx)
  return token
}

/**
 * Who a signed identity is, the same in every browser. What this browser's token stands for joins in, if it is nobody
 * else's: its owner has just proven who they are. One who was somebody else stays apart.
 * @param token from this browser, if it has one.
 * @returns the visitor, and the token for this browser: another one whenever its person has changed.
 */
export async function identify(
  services: Services,
  siteId: string,
  signed: SignedIdentity,
  token: string | undefined,
): Promise<{ visitorId: string; token: string }> {
  for (;;) {
    const done = await change(services, (change) => recognise(services, change, siteId, signed, token))
    if ('token' in done) return done
    // one open conversation a visitor: the chat on the person's other device goes on
    await endByVisitor(services, done.visitorId, done.endFirst).catch(orGoneAlready)
  }
}

/** Another tab of this browser came as the same person at the same time. */
function orGoneAlready(error: unknown): void {
  if (!(error instanceof NotFoundError)) throw error
}

type Recognised = { visitorId: string; token: string } | { visitorId: string; endFirst: string }

async function recognise(
  services: Services,
  change: Change,
  siteId: string,
  signed: SignedIdentity,
  token: string | undefined,
): Promise<Recognised> {
  const { tx, now } = change
  // two browsers that come as the same new person at once must find each other
  await sql`select pg_advisory_xact_lock(hashtextextended(${`identity ${siteId} ${signed.sub}`}, 0))`.execute(
    tx,
  )
  const held = token === undefined ? null : await findVisitor(services, tx, token)
  const isHere = held?.siteId === siteId && (held.subject === null || held.subject === signed.sub)
  const here = isHere ? held : null
  const known = await findBySubject(tx, siteId, signed.sub)

  if (token !== undefined && here && here.id === known) {
    await keepIdentity(change, known, signed)
    return { visitorId: known, token }
  }
  if (here && known) {
    const endFirst = await join(services, change, here.id, known)
    if (endFirst) return { visitorId: here.id, endFirst }
  }
  const visitorId = known ?? here?.id ?? randomUUIDv7()
  if (!known && here) await revokeTokens(change, services, here.id)
  const given =
    known || here ? await giveToken(tx, now, visitorId) : await addVisitor(tx, now, siteId, visitorId)
  await keepIdentity(change, visitorId, signed)
  return { visitorId, token: given }
}

async function findBySubject(tx: Tx, siteId: string, subject: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from visitors where site_id = ${siteId} and identity_subject = ${subject}
    order by created_at, id limit 1`.execute(tx)
  return rows[0]?.id ?? null
}

async function keepIdentity(change: Change, id: string, { sub, email, name }: SignedIdentity): Promise<void> {
  const at = change.now.toISOString()
  const times = { ...(name === undefined ? {} : { name: at }), ...(email === undefined ? {} : { email: at }) }
  await sql`
    update visitors set name = coalesce(${name ?? null}, name), email = coalesce(${email ?? null}, email),
           email_verified = email_verified or ${email !== undefined}, identity_subject = ${sub}, given_at = given_at || ${JSON.stringify(times)}::jsonb
    where id = ${id}`.execute(change.tx)
  await tellAgentOf(change, id)
}

/** Makes one visitor of two: what `from` said, saw, gave, sent and booked, and what is to be written of them into CRMs, becomes
 *  `to`'s, and `from` is gone with its tokens.
 *  @returns the conversation of `from` that has to end first, because both have an open one; then nothing was done. */
async function join(services: Services, change: Change, from: string, to: string): Promise<string | null> {
  const { tx, now } = change
  await lockBookings(tx, from)
  // as whoever asks for a conversation does; in one order, so that two joins do not wait for each other
  await sql`select from visitors where id in (${from}, ${to}) order by id for update`.execute(tx)
  const { rows: open } = await sql<{ id: string; visitorId: string }>`
    select id, visitor_id from conversations
    where visitor_id in (${from}, ${to}) and status in ('waiting', 'active')`.execute(tx)
  const ending = open.find(({ visitorId }) => visitorId === from)
  if (ending && open.length > 1) return ending.id

  // whoever is adding a line, or ordering what is to be written, is waited for by itself: what they added is seen by the next statement
  await sql`select from conversations where visitor_id = ${from} order by id for update`.execute(tx)
  await sql`
    with moved as (
      update conversations c set
        visitor_id = ${to},
        visitor_seen_at = case when c.status = 'waiting' then ${now} else c.visitor_seen_at end,
        client_id = case when exists (
          select from conversations o where o.visitor_id = ${to} and o.client_id = c.client_id
        ) then c.id::text else c.client_id end
      where c.visitor_id = ${from} returning c.id
    ), seen as (
      update visits set visitor_id = ${to} where visitor_id = ${from}
    )
    -- a message that is sent once more must find itself
    update entries e set sender_id = ${to} from moved
    where e.conversation_id = moved.id and e.sender_type = 'visitor' and e.sender_id = ${from}`.execute(tx)
  await sql`
    update visitors v set
      name = coalesce(v.name, f.name), email = coalesce(v.email, f.email),
      job_title = coalesce(v.job_title, f.job_title), phone = coalesce(v.phone, f.phone),
      company = coalesce(v.company, f.company), corrections = f.corrections || v.corrections,
      given_at = f.given_at || v.given_at, corrected_at = f.corrected_at || v.corrected_at,
      referrer = coalesce(v.referrer, f.referrer), utm = coalesce(v.utm, f.utm)
    from visitors f where v.id = ${to} and f.id = ${from}`.execute(tx)
  await moveFiles(tx, from, to)
  await moveMeetings(change, from, to)
  await moveWrites(tx, from, to)
  await moveBlocks(tx, from, to)
  await sql`delete from visitors where id = ${from}`.execute(tx)
  tellTokensChanged(change, services, from)
  if (ending) {
    const conversation = await currentOf(tx, to)
    if (conversation) change.tellVisitor(to, { type: 'conversation', conversation })
  }
  return null
}
