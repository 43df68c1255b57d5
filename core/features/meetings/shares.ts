import { randomUUIDv7 } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { accountDomains } from '../../contracts/free-mail.ts'
import type { BookingTarget, SharedCalendar } from '../../contracts/meetings.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, ConversationEndedError, NotFoundError } from '../../errors.ts'
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
  /** Whose calendar it is, is told when something is booked, not before. */
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
export function shareCalendar(
  services: Services,
  agent: Viewer,
  conversationId: string,
  agentId: string,
): Promise<SharedCalendar> {
  return change(services, async (change) => {
    const { tx, now } = change
    const row = await conversations.lock(tx, conversationId)
    const isOwn = row.agentId === agent.id
    if (!isOwn && (row.status === 'active' || row.status === 'waiting' || row.blocked))
      throw new NotFoundError('conversation')
    if (row.status !== 'active') throw new ConversationEndedError()
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
      visitorId: row.visitorId,
      sharedBy: agent.id,
      discreet: false,
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
}

/**
 * What the widget's *Book a meeting* leads to, as the visitor's site has it. What was booked by it comes again while it is ahead, so
 * that it can be moved; the same link also while nothing was booked by it, about the chat there is by now.
 * @throws {ConflictError} `booking_not_offered`
 */
export function bookingLinkFor(
  services: Services,
  visitor: { id: string; siteId: string },
): Promise<{ token: string }> {
  return change(services, async (change) => {
    const { tx } = change
    const booked = await linkOfMeetingAhead(change, visitor.id)
    if (booked) return booked
    const site = await findSiteOf(tx, visitor.siteId)
    const target = site?.settings.booking ?? null
    const found = target && (await resolveTarget(tx, visitor.id, target))
    if (!found) throw new ConflictError('booking_not_offered', 'Nothing can be booked here at the moment.')
    const { rows: chats } = await sql<{ id: string }>`
      select id from conversations where visitor_id = ${visitor.id} order by requested_at desc limit 1`.execute(
      tx,
    )
    const conversationId = chats[0]?.id ?? null
    const { rows } = await sql<{ token: string }>`
      update calendar_shares set conversation_id = ${conversationId}, discreet = ${found.discreet}
      where id = (
        select s.id from calendar_shares s
        where s.visitor_id = ${visitor.id} and s.shared_by is null and s.agent_id is not distinct from ${found.agentId}::uuid
          and s.team_id is not distinct from ${found.teamId}::uuid
          and not exists (select from meetings m where m.share_id = s.id)
        order by s.created_at desc limit 1)
      returning token`.execute(tx)
    if (rows[0]) return rows[0]
    const token = await addShare(change, {
      ...found,
      conversationId,
      visitorId: visitor.id,
      sharedBy: null,
    })
    return { token }
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

type Target = Pick<ShareRow, 'agentId' | 'teamId' | 'discreet'>

async function resolveTarget(tx: Tx, visitorId: string, target: BookingTarget): Promise<Target | null> {
  if (target.by === 'agent') return { agentId: target.agentId, teamId: null, discreet: false }
  if (target.by === 'team')
    return (await isTeam(tx, target.teamId))
      ? { agentId: null, teamId: target.teamId, discreet: false }
      : null
  const { email, company, proven } = await readSelf(tx, visitorId)
  // the same for owners and for whoever stands in for them, or its absence would tell
  const discreet = !proven && (email !== null || company !== null)
  const owner = await ownerOf(tx, email, company)
  if (owner) return { agentId: owner, teamId: null, discreet }
  if (target.teamId && (await isTeam(tx, target.teamId)))
    return { agentId: null, teamId: target.teamId, discreet }
  return target.agentId ? { agentId: target.agentId, teamId: null, discreet } : null
}

/** By what an owner is looked for: what a signature said and nothing else, or what the visitor and those who talked with them typed. */
async function readSelf(tx: Tx, visitorId: string) {
  const { rows } = await sql<{ email: string | null; company: string | null; proven: boolean }>`
    select email_verified as proven,
           case when email_verified then email else coalesce(corrections ->> 'email', email) end as email,
           case when email_verified then null else coalesce(corrections ->> 'company', company) end as company
    from visitors where id = ${visitorId}`.execute(tx)
  return rows[0] ?? { email: null, company: null, proven: false }
}

async function isTeam(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select from teams where id = ${id}`.execute(tx)
  return rows.length > 0
}

/** The account list, then the person's owner, then the company's, as routing has it. */
async function ownerOf(tx: Tx, email: string | null, company: string | null): Promise<string | null> {
  const domains = accountDomains(email)
  const { rows } = await sql<{ agentId: string | null }>`
    with account as (${ownerOfAccount(domains, company)}),
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
}

async function addShare({ tx, now }: Change, share: NewShare): Promise<string> {
  const token = newToken()
  await sql`
    insert into calendar_shares (id, token, agent_id, team_id, conversation_id, visitor_id, shared_by, discreet, created_at)
    values (${randomUUIDv7()}, ${token}, ${share.agentId}, ${share.teamId}, ${share.conversationId}, ${share.visitorId},
            ${share.sharedBy}, ${share.discreet}, ${now})`.execute(tx)
  return token
}
