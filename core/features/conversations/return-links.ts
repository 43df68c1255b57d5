import { sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { findSiteOf, type SiteRow } from '../sites/repository.ts'

/** For how long a mail opens the chat it is about. */
const goodForMs = 14 * 86_400_000

/** The address that opens one conversation in the widget again, for the mail to the visitor who was in it. On the page
 *  they were on, if it is the site's; a page that a stranger named must not get into a mail of the company's, so where
 *  the site has not said which pages are its own, it is a page of Foyer's.
 *  @returns null when nobody knows Foyer's own address. */
export async function makeReturnLink(
  { config }: Pick<Services, 'config'>,
  tx: Tx,
  now: Date,
  conversation: { id: string; siteId: string; page: { url: string } | null },
): Promise<string | null> {
  const site = await findSiteOf(tx, conversation.siteId)
  const page = site && pageOf(site, conversation.page?.url ?? null, config.publicUrl)
  if (!page) return null
  const token = newToken()
  await sql`
    insert into return_links (token_hash, conversation_id, created_at, expires_at)
    values (${hashToken(token)}, ${conversation.id}, ${now}, ${new Date(now.getTime() + goodForMs)})`.execute(
    tx,
  )
  // in the fragment, which no server and no log of one gets to see; the loader takes it out of the address
  return `${page}#foyer-chat=${token}`
}

/** Whose visitor and which conversation a link opens; null for one that opens nothing (any more), or of another site.
 *  Whoever was named by a signature has to be named again: the link alone does not open what is theirs. */
export async function findReturn(
  db: Db,
  now: Date,
  siteId: string,
  token: string,
): Promise<{ conversationId: string; visitorId: string; subject: string | null } | null> {
  const { rows } = await sql<{ conversationId: string; visitorId: string; subject: string | null }>`
    select c.id as conversation_id, c.visitor_id, v.identity_subject as subject
    from return_links l join conversations c on c.id = l.conversation_id join visitors v on v.id = c.visitor_id
    where l.token_hash = ${hashToken(token)} and l.expires_at > ${now} and c.site_id = ${siteId}`.execute(db)
  return rows[0] ?? null
}

function pageOf(site: SiteRow, page: string | null, publicUrl: string | null): string | null {
  const url = page === null ? null : URL.parse(page)
  const own = publicUrl === null ? [] : [new URL(publicUrl).origin]
  if (url && /^https?:$/.test(url.protocol) && [...site.allowedOrigins, ...own].includes(url.origin)) {
    url.hash = ''
    return url.href
  }
  if (site.allowedOrigins[0]) return `${new URL(site.allowedOrigins[0]).origin}/`
  return publicUrl === null ? null : `${publicUrl}/chat?site=${encodeURIComponent(site.key)}`
}
