import { sql } from 'kysely'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type Change, change, type Services } from '../../services.ts'
import { daysBefore } from '../retention/ago.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'

export interface KnownVisitor {
  id: string
  siteId: string
  /** Who the site's signature says this is; null for somebody anonymous. */
  subject: string | null
}

/** Whose token this is; null for nobody's: unknown, taken back, or unused for too long. */
export async function findVisitor(
  { clock, settings }: Pick<Services, 'clock' | 'settings'>,
  db: Db | Tx,
  token: string,
): Promise<KnownVisitor | null> {
  const endedBy = daysBefore(clock.now(), settings.retention.visitorTokenDays)
  const { rows } = await sql<KnownVisitor>`${plannedOnce}
    select v.id, v.site_id, v.identity_subject as subject
    from visitor_tokens t join visitors v on v.id = t.visitor_id
    where t.token_hash = ${hashToken(token)} and t.used_at > ${endedBy}`.execute(db)
  return rows[0] ?? null
}

/** A further token for a visitor who is there already. A new one for each browser, and whenever the browser's person
 *  changes: who knew the old one must not come along. */
export async function giveToken(tx: Tx, now: Date, visitorId: string): Promise<string> {
  const token = newToken()
  await sql`
    insert into visitor_tokens (token_hash, visitor_id, created_at, used_at)
    values (${hashToken(token)}, ${visitorId}, ${now}, ${now})`.execute(tx)
  return token
}

/** Puts off a token's end. Written once a day at most. */
export async function noteUse(db: Db, now: Date, token: string): Promise<void> {
  await sql`
    update visitor_tokens set used_at = ${now}
    where token_hash = ${hashToken(token)} and used_at < ${daysBefore(now, 1)}`.execute(db)
}

/** Takes back every token of a visitor, with the change that makes it necessary. */
export async function revokeTokens(change: Change, services: Services, visitorId: string): Promise<void> {
  await sql`
    with gone as (delete from visitor_tokens where visitor_id = ${visitorId})
    update visitors set token_hash = null where id = ${visitorId}`.execute(change.tx)
  tellTokensChanged(change, services, visitorId)
}

/** The browser forgets its visitor: this token opens nothing any more, here or for whoever has a copy of it. Other
 *  browsers of the same person are untouched. */
export function endVisitorSession(services: Services, visitorId: string, token: string): Promise<void> {
  return change(services, async (change) => {
    const hash = hashToken(token)
    await sql`
      with gone as (delete from visitor_tokens where token_hash = ${hash})
      update visitors set token_hash = null where token_hash = ${hash}`.execute(change.tx)
    tellTokensChanged(change, services, visitorId)
  })
}

/** Open sockets are looked at after the commit, in every process; they would find out by themselves a little later. */
export function tellTokensChanged({ after }: Change, { bus }: Services, visitorId: string): void {
  after(() => bus.publish('control', JSON.stringify({ type: 'visitor_tokens_changed', visitorId })))
}

/** Which of these tokens still mean somebody, by their hashes in hex. */
export async function liveTokens(db: Db, hashes: Buffer[]): Promise<Set<string>> {
  const { rows } = await sql<{ hash: string }>`
    select encode(token_hash, 'hex') as hash from visitor_tokens where token_hash = any (${hashes})`.execute(
    db,
  )
  return new Set(rows.map(({ hash }) => hash))
}
