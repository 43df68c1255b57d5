import { randomUUIDv7 } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { accountDomains } from '../../contracts/free-mail.ts'
import type { SharedCalendar } from '../../contracts/meetings.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, ConversationEndedError, NotFoundError } from '../../errors.ts'
import { sealingOf } from '../../sealing.ts'
import { type Change, change, type Services } from '../../services.ts'
import * as conversations from '../conversations/repository.ts'
import type { Viewer } from '../conversations/visibility.ts'
import { firstAgent, ownerOfAccount, ownersOfCompany, ownersOfPerson } from '../routing/owners.ts'
import { newToken } from '../sign-in/tokens.ts'
import { findSiteOf } from '../sites/repository.ts'
import { readBookables } from './bookable.ts'
import { tellEntry } from './telling.ts'

export interface ShareRow {
  id: string
  token: string
  agentId: string | null
  teamId: string | null
  teamName: string | null
  conversationId: string | null
  visitorId: string | null
  /** It was found by an address that somebody only typed: whose calendar it is, is told when something is booked under the address that
   *  leads to it, not before. */
  discreet: boolean
}

/** @param token as a stranger wrote it. @throws {NotFoundError} */
export async function shareOf(db: Db | Tx, token: string): Promise<ShareRow> {
  if (token.includes('\0')) throw new NotFoundError('booking link')
  const { rows } = await sql<ShareRow>`${plannedOnce}
    select s.id, s.token, s.agent_id, s.team_id, t.name as team_name, s.conversation_id, s.visitor_id, s.discreet
    from calendar_shares s left join teams t on t.id = s.team_id where s.token = ${token}`.execute(db)
  const [row] = rows
  if (!row) throw new NotFoundError('booking link')
  return row
}

/** Whose calendars it leads to, a condition over `a` (agents). */
export const agentsOf = ({ agentId, teamId }: Pick<ShareRow, 'agentId' | 'teamId'>): RawBuilder<unknown> =>
  agentId
    ? sql`a.id = ${agentId}`
    : sql`a.active and exists (select from team_members tm where tm.agent_id = a.id and tm.team_id = ${teamId})`

/**
 * An agent shares a calendar, their own or another's, in a chat of their own: a card appears in it.
 * @throws {NotFoundError} it is not theirs, or there is no such agent @throws {ConversationEndedError}
 * @throws {ConflictError} `calendar_broken`, in words
 */
export async function shareCalendar(
  services: Services,
  agent: Viewer,
  conversationId: string,
  agentId: string,
): Promise<SharedCalendar> {
  for (;;) {
    const shared = await shareUnlessJoined(services, agent, conversationId, agentId)
    if (shared) return shared
  }
}

/** @returns null, and nothing was done: the visitor has become another one meanwhile, who would have to be locked first */
const shareUnlessJoined = (
  services: Services,
  agent: Viewer,
  conversationId: string,
  agentId: string,
): Promise<SharedCalendar | null> =>
  change(services, async (change) => {
    const { tx, now } = change
    const visitorId = await lockVisitorOf(tx, conversationId)
    const row = await conversations.lock(tx, conversationId)
    const isOwn = row.agentId === agent.id
    if (!isOwn && (row.status === 'active' || row.status === 'waiting' || row.blocked))
      throw new NotFoundError('conversation')
    if (row.status !== 'active') throw new ConversationEndedError()
    if (row.visitorId !== visitorId) return null
    const [host] = await readBookables(
      tx,
      { now, from: now.getTime(), to: now.getTime() },
      sql`a.id = ${agentId} and a.active`,
    )
    if (!host) throw new NotFoundError('agent')
    if (host.reason !== null) throw new ConflictError('calendar_broken', host.reason)
    const token = await addShare(change, {
      agentId,
      teamId: null,
      conversationId,
      visitorId,
      sharedBy: agent.id,
      discreet: false,
      foundBy: null,
    })
    const entry = await conversations.append(tx, row, now, {
      kind: 'calendar_shared',
      sender: { type: 'agent', id: agent.id },
      text: `${host.name}’s calendar was shared.`,
      data: { token, agentId, name: host.name },
    })
    await tellEntry(change, row, entry)
    return { token, seq: entry.seq, agent: { id: host.id, name: host.name } }
  })

/** As the row of a share that names them does, but before their chat is locked. @returns undefined: there is no such chat, or they have
 *  become another visitor while this waited */
async function lockVisitorOf(tx: Tx, conversationId: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select v.id from conversations c join visitors v on v.id = c.visitor_id
    where c.id = ${conversationId} for key share of v`.execute(tx)
  return rows[0]?.id
}

/**
 * What the widget's *Book a meeting* leads to, as the visitor's site has it. What was booked by it comes again while it is ahead, so
 * that it can be moved; the same link also while nothing was booked by it, about the chat there is by now. By another address that is
 * typed it is another link, wherever it leads: the same one would tell that two have one owner.
 * @throws {ConflictError} `booking_not_offered`
 */
export function bookingLinkFor(
  services: Services,
  visitor: { id: string; siteId: string },
): Promise<{ token: string }> {
  return change(services, async (change) => {
    const { tx } = change
    // the row of a share locks the chat first, and then its visitor
    await sql`select from visitors where id = ${visitor.id} for key share`.execute(tx)
    const booked = await linkOfMeetingAhead(change, visitor.id)
    if (booked) return booked
    const found = await resolveTarget(tx, visitor.id)
    if (!found) throw new ConflictError('booking_not_offered', 'Nothing can be booked here at the moment.')
    const { agentId, teamId } = found
    const discreet = found.typed !== null
    const foundBy = found.typed && foundByOf(services, visitor.id, found.typed)
    const { rows: chats } = await sql<{ id: string }>`
      select id from conversations where visitor_id = ${visitor.id} order by requested_at desc limit 1`.execute(
      tx,
    )
    const conversationId = chats[0]?.id ?? null
    const { rows } = await sql<{ token: string }>`
      update calendar_shares set conversation_id = ${conversationId}, discreet = ${discreet}
      where id = (
        select s.id from calendar_shares s
        where s.visitor_id = ${visitor.id} and s.shared_by is null and s.agent_id is not distinct from ${agentId}::uuid
          and s.team_id is not distinct from ${teamId}::uuid and s.found_by is not distinct from ${foundBy}::text
          and not exists (select from meetings m where m.share_id = s.id)
        order by s.created_at desc limit 1)
      returning token`.execute(tx)
    if (rows[0]) return rows[0]
    const token = await addShare(change, {
      agentId,
      teamId,
      conversationId,
      visitorId: visitor.id,
      sharedBy: null,
      discreet,
      foundBy,
    })
    return { token }
  })
}

/** By what address a link was found, for telling it from another one: made with the secret key, and of no use without the visitor. */
const foundByOf = (services: Services, visitorId: string, email: string): string =>
  sealingOf(services).tokenFor('booking link', `${visitorId} ${email}`)

/**
 * Where a discreet link leads whoever books under an address: to whom that address leads, as if it had been typed at first, for the
 * answer and the mails name the host. Whoever types an address that is not theirs learns nobody's name under one that is.
 * @returns null: to nobody any more
 */
export async function shareFor(services: Services, share: ShareRow, email: string): Promise<ShareRow | null> {
  if (!share.discreet) return share
  const { visitorId } = share
  if (visitorId === null) return null
  return change(services, async ({ tx }) => {
    const found = await resolveTarget(tx, visitorId, email)
    if (!found) return null
    const { agentId, teamId, typed } = found
    if (agentId === share.agentId && teamId === share.teamId) return share
    // what is free is asked by the same link from now on
    await sql`
      update calendar_shares set agent_id = ${agentId}, team_id = ${teamId},
        found_by = ${typed && foundByOf(services, visitorId, typed)}
      where id = ${share.id}`.execute(tx)
    return { ...share, agentId, teamId }
  })
}

async function linkOfMeetingAhead(
  { tx, now }: Change,
  visitorId: string,
): Promise<{ token: string } | undefined> {
  const { rows } = await sql<{ token: string }>`
    select s.token from calendar_shares s join meetings m on m.share_id = s.id
    where s.visitor_id = ${visitorId} and s.shared_by is null and m.state in ('held', 'booked') and m.end_at > ${now}
    order by m.start_at limit 1`.execute(tx)
  return rows[0]
}

interface Target {
  agentId: string | null
  teamId: string | null
  /** The address that it was looked for by, if nothing proves it; null: it would be the same by any. */
  typed: string | null
}

/** Whom the visitor's site leads them to. @param bookedUnder an address that was typed since */
async function resolveTarget(
  tx: Tx,
  visitorId: string,
  bookedUnder: string | null = null,
): Promise<Target | null> {
  const { siteId, email, proven } = await readSelf(tx, visitorId, bookedUnder)
  const site = siteId === null ? null : await findSiteOf(tx, siteId)
  const target = site?.settings.booking
  if (!target) return null
  if (target.by === 'agent') return { agentId: target.agentId, teamId: null, typed: null }
  if (target.by === 'team')
    return (await isTeam(tx, target.teamId)) ? { agentId: null, teamId: target.teamId, typed: null } : null
  // the same for owners and for whoever stands in for them, or its absence would tell
  const typed = proven ? null : email
  const owner = await ownerOf(tx, email)
  if (owner) return { agentId: owner, teamId: null, typed }
  if (target.teamId && (await isTeam(tx, target.teamId)))
    return { agentId: null, teamId: target.teamId, typed }
  return target.agentId ? { agentId: target.agentId, teamId: null, typed } : null
}

/**
 * By what address an owner is looked for: what a signature said and nothing else; or what the visitor typed, as those who talked with
 * them corrected it. A company's name is nobody's address, to which a mail could tell that somebody uses it: it leads to no one.
 */
async function readSelf(tx: Tx, visitorId: string, bookedUnder: string | null) {
  const { rows } = await sql<{ siteId: string; email: string | null; proven: boolean }>`
    select site_id, email_verified as proven,
           case when email_verified then email
                else coalesce(nullif(${bookedUnder}::text, email), corrections ->> 'email', email) end as email
    from visitors where id = ${visitorId}`.execute(tx)
  return rows[0] ?? { siteId: null, email: null, proven: false }
}

async function isTeam(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select from teams where id = ${id}`.execute(tx)
  return rows.length > 0
}

/** The account list, then the person's owner, then the company's, as routing has it. */
async function ownerOf(tx: Tx, email: string | null): Promise<string | null> {
  const domains = accountDomains(email)
  const { rows } = await sql<{ agentId: string | null }>`
    with account as (${ownerOfAccount(domains, null)}),
      person as (${ownersOfPerson(email)}),
      company as (${ownersOfCompany(email, domains)})
    select a.id as agent_id
    from (values (1, (select agent_id from account)), (2, ${firstAgent('person')}), (3, ${firstAgent('company')})) as o (place, id)
    join agents a on a.id = o.id and a.active
    order by o.place limit 1`.execute(tx)
  return rows[0]?.agentId ?? null
}

interface NewShare {
  agentId: string | null
  teamId: string | null
  conversationId: string | null
  visitorId: string | null
  sharedBy: string | null
  discreet: boolean
  foundBy: string | null
}

async function addShare({ tx, now }: Change, share: NewShare): Promise<string> {
  const token = newToken()
  await sql`
    insert into calendar_shares (id, token, agent_id, team_id, conversation_id, visitor_id, shared_by, discreet, found_by, created_at)
    values (${randomUUIDv7()}, ${token}, ${share.agentId}, ${share.teamId}, ${share.conversationId}, ${share.visitorId},
            ${share.sharedBy}, ${share.discreet}, ${share.foundBy}, ${now})`.execute(tx)
  return token
}
