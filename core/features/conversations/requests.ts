import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import type { VisitorFields, WidgetConversation } from '../../contracts/widget.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { isBlocked } from '../blocks/repository.ts'
import { noteMissed } from '../mail/batches.ts'
import { routeOn } from '../routing/route.ts'
import { tellAgentOf } from '../visitors/service.ts'
import { orderWrites } from '../write-back/orders.ts'
import { countBegun } from './begun-limit.ts'
import { missUnseen, tellCounts } from './endings.ts'
import { forVisitor, listForVisitor } from './for-visitor.ts'
import * as conversations from './repository.ts'
import { say } from './service.ts'
import { takePlace } from './waiting-limit.ts'

interface Request {
  siteId: string
  visitorId: string
  fields: VisitorFields
  text: string
  clientId: string
  page: Page | null
  /** From where, as `countedAs` gives it; limits how many may wait, and how many are begun. */
  address?: string
  /** The privacy notice that was ticked with it, as the site has it now. */
  accepted?: { notice: string; url: string | null } | null
}

/** A visitor asks for a person. One open conversation at a time: asked again with the same client id, the answer is
 *  the conversation made then; with another one, what was filled in joins the one that is open, so nothing typed is
 *  lost.
 *  @param first an agent to ask before anybody else.
 *  @returns `created`: false where the conversation was there already.
 *  @throws {ConflictError} `too_many_waiting`
 *  @throws {RateLimitedError} as {@link countBegun} */
export async function requestConversation(
  services: Services,
  request: Request,
  first: string | null = null,
): Promise<{ conversation: WidgetConversation; created: boolean }> {
  const { conversation, created } = await change(services, async (change) => {
    const { tx } = change
    await lockVisitor(tx, request.visitorId)
    const existing = await findExisting(tx, request)
    if (existing) {
      if (isOpen(existing)) {
        // another tab's form counts all the same
        await keepFields(change, request.visitorId, request.fields)
        await orderWrites(services, change, request.visitorId, { kind: 'person' })
        await tellAgentOf(change, request.visitorId)
      }
      return { conversation: existing, created: false }
    }
    await keepFields(change, request.visitorId, request.fields)
    const { row, shown } = await insert(services, change, request, 'waiting')
    await takePlace(tx, row.id, request.address ?? null, services.settings.limits.addressWaiting)
    if (await isBlocked(tx, request.visitorId)) {
      await missUnseen(change, row)
      return { conversation: await forVisitor(tx, row.id), created: true }
    }
    if (first) await sql`update conversations set wanted_agent_id = ${first} where id = ${row.id}`.execute(tx)
    await routeOn(services, change, row)
    // an offer changes nothing that the visitor sees, and others wait for this commit
    return { conversation: row.status === 'waiting' ? shown : await forVisitor(tx, row.id), created: true }
  })
  if (!created && isOpen(conversation))
    await say(services, {
      conversationId: conversation.id,
      senderType: 'visitor',
      senderId: request.visitorId,
      clientId: request.clientId,
      text: request.text,
    })
  return { conversation, created }
}

const isOpen = ({ status }: WidgetConversation) => status === 'waiting' || status === 'active'

interface LeftMessage {
  conversationId?: string
  fields: VisitorFields
  text?: string
  clientId: string
  page: Page | null
  /** From where, as `countedAs` gives it. */
  address?: string
  accepted?: Request['accepted']
}

/** A message for later. While the request waits it keeps its place, and so it does when an agent has just accepted;
 *  otherwise it joins the conversation that was missed, or makes a missed one of its own. Repeating it changes nothing.
 *  @throws {NotFoundError} the conversation is not the visitor's
 *  @throws {RateLimitedError} it would begin one; as {@link countBegun} */
export async function leaveMessage(
  services: Services,
  visitorId: string,
  siteId: string,
  message: LeftMessage,
): Promise<WidgetConversation> {
  return change(services, async (change) => {
    const { tx, now } = change
    await lockVisitor(tx, visitorId)
    await keepFields(change, visitorId, message.fields)
    const blocked = await isBlocked(tx, visitorId)
    const begun = await findByClientId(tx, visitorId, message.clientId)
    const row =
      begun === null ? await findForLeaving(tx, visitorId, message) : await conversations.lock(tx, begun)
    // where agents see it a blocked visitor says nothing more
    const isUnseen = blocked && !row?.blocked
    if (row && (await isLeft(tx, row, message))) return forVisitor(tx, row.id)
    if (row && isUnseen && begun !== null) return forVisitor(tx, row.id)
    if (!row || isUnseen) {
      const { row: made } = await insert(
        services,
        change,
        { ...message, text: message.text ?? '', visitorId, siteId },
        'missed',
      )
      if (blocked) await sql`update conversations set blocked = true where id = ${made.id}`.execute(tx)
      else await tellMissed(services, change, made)
      return forVisitor(tx, made.id)
    }
    const { id } = row
    await sql`
      update conversations set message_left = true,
             end_reason = case when status = 'missed' then 'left_message' else end_reason end,
             -- said after an answer, it waits for somebody again
             claimed_by = case when replied_at is null then claimed_by end, replied_at = null,
             -- by this it is found by those whom the frame did not reach
             claim_changed_at = case when status = 'missed' then ${now}::timestamptz else claim_changed_at end
      where id = ${id}`.execute(tx)
    if (message.text && !(await isStored(tx, id, visitorId, message.clientId)))
      await appendLeft(services, change, row, message.text, message.clientId)
    if (row.status === 'missed' && !row.blocked) await tellMissed(services, change, row)
    if (row.status === 'active') await tellAgentOf(change, visitorId)
    const conversation = await forVisitor(tx, id)
    change.tellVisitor(visitorId, { type: 'conversation', conversation })
    return conversation
  })
}

/** The conversation it belongs to, locked. An ended one is read-only: what is left after it stands by itself. */
async function findForLeaving(
  tx: Tx,
  visitorId: string,
  { conversationId }: LeftMessage,
): Promise<conversations.ConversationRow | null> {
  if (conversationId) {
    const row = await conversations.lock(tx, conversationId)
    if (row.visitorId !== visitorId) throw new NotFoundError('conversation')
    if (row.status !== 'ended') return row
  }
  const id = await findOpen(tx, visitorId)
  return id === null ? null : conversations.lock(tx, id)
}

/** Whether it was left there before: its answer was lost. */
async function isLeft(
  tx: Tx,
  { id, visitorId }: conversations.ConversationRow,
  { text, clientId }: LeftMessage,
): Promise<boolean> {
  if (!text || !(await isStored(tx, id, visitorId, clientId))) return false
  const { rows } = await sql`select from conversations where id = ${id} and message_left`.execute(tx)
  return rows.length > 0
}

/** A tab that has not heard of the request another one made leaves its message there: one open conversation a visitor. */
async function findOpen(tx: Tx, visitorId: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from conversations where visitor_id = ${visitorId} and status in ('waiting', 'active')`.execute(
    tx,
  )
  return rows[0]?.id ?? null
}

async function appendLeft(
  services: Services,
  change: Change,
  row: conversations.ConversationRow,
  text: string,
  clientId: string,
): Promise<void> {
  const { tx, now } = change
  const sender = { type: 'visitor', id: row.visitorId } as const
  const entry = await conversations.append(tx, row, now, { kind: 'message', sender, text, clientId })
  const idleAt = row.status === 'active' ? new Date(row.lastAt.getTime() + services.settings.idleEndMs) : null
  await sql`
    with line as (
      insert into search_backlog (conversation_ids, seqs, at) values (${[row.id]}, ${[entry.seq]}, ${now})
    )
    update conversations set last_text = left(${text}, 200), last_sender = 'visitor',
           waiting_since = coalesce(waiting_since, last_at), idle_at = ${idleAt}, idle_warned = false
    where id = ${row.id}`.execute(tx)
  const frame = { type: 'entry', conversationId: row.id, entry } as const
  change.tellVisitor(row.visitorId, frame)
  if (row.agentId) change.tellAgent(row.agentId, frame)
}

/** Requests of one visitor come one after the other, however many tabs ask at once. */
async function lockVisitor(tx: Tx, visitorId: string): Promise<void> {
  await sql`${plannedOnce} select from visitors where id = ${visitorId} for update`.execute(tx)
}

/** What this request opened when it was first made, else what is open now. */
async function findExisting(tx: Tx, { visitorId, clientId }: Request): Promise<WidgetConversation | null> {
  const own = sql`c.visitor_id = ${visitorId}`
  const [asked] = await listForVisitor(tx, sql`${own} and c.client_id = ${clientId}`)
  if (asked) return asked
  const [open] = await listForVisitor(tx, sql`${own} and c.status in ('waiting', 'active')`)
  return open ?? null
}

async function findByClientId(tx: Tx, visitorId: string, clientId: string): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from conversations where visitor_id = ${visitorId} and client_id = ${clientId}`.execute(tx)
  return rows[0]?.id ?? null
}

async function isStored(
  tx: Tx,
  conversationId: string,
  visitorId: string,
  clientId: string,
): Promise<boolean> {
  const { rows } = await sql`
    select from entries where conversation_id = ${conversationId} and sender_type = 'visitor'
      and sender_id = ${visitorId} and client_id = ${clientId}`.execute(tx)
  return rows.length > 0
}

/** What the visitor gave now replaces what they gave before; what they left empty stays. A signed address stays too. */
async function keepFields({ tx, now }: Change, visitorId: string, fields: VisitorFields): Promise<void> {
  const given = Object.keys(fields).filter((field) => fields[field as keyof VisitorFields])
  const times = Object.fromEntries(given.map((field) => [field, now.toISOString()]))
  await sql`${plannedOnce}
    update visitors set
      name = coalesce(${fields.name ?? null}, name),
      email = case when email_verified then email else coalesce(${fields.email ?? null}, email) end,
      job_title = coalesce(${fields.jobTitle ?? null}, job_title),
      phone = coalesce(${fields.phone ?? null}, phone),
      company = coalesce(${fields.company ?? null}, company),
      given_at = given_at || ${JSON.stringify(times)}::jsonb
    where id = ${visitorId}`.execute(tx)
}

/** What a visitor says of themselves elsewhere than in the form of a chat, such as where they book. It counts as given there.
 *  @param isStillSo asked under the visitor's lock, which an erasure takes as well */
export const keepGiven = (
  services: Services,
  visitorId: string,
  fields: VisitorFields,
  isStillSo: (tx: Tx) => Promise<boolean>,
): Promise<void> =>
  change(services, async (change) => {
    await lockVisitor(change.tx, visitorId)
    if (!(await isStillSo(change.tx))) return
    await keepFields(change, visitorId, fields)
    await orderWrites(services, change, visitorId, { kind: 'person' })
    await tellAgentOf(change, visitorId)
  })

/** Makes the conversation with its first line; `tx` holds the visitor's lock.
 *  @returns its row, which nobody else sees before the commit, and what the visitor was told of it. */
async function insert(
  services: Services,
  change: Change,
  request: Request,
  status: 'waiting' | 'missed',
): Promise<{ row: conversations.ConversationRow; shown: WidgetConversation }> {
  const { tx, now, tellVisitor } = change
  await countBegun(services, change, request.visitorId, request.address ?? null)
  const id = randomUUIDv7()
  const page = request.page ? JSON.stringify(request.page) : null
  const left = status === 'missed'
  const said = request.text === '' ? 0 : 1
  const { accepted = null } = request
  const { rows } = await sql<conversations.ConversationRow>`${plannedOnce}
    with previous as (
      select id from conversations where visitor_id = ${request.visitorId} order by requested_at desc limit 1
    ), made as (
      insert into conversations (id, site_id, visitor_id, status, previous_id, client_id, requested_at, ended_at, end_reason,
                                 first_text, page, last_seq, last_at, last_text, last_sender, waiting_since,
                                 visitor_read_seq, visitor_received_seq, visitor_seen_at, message_left,
                                 notice_accepted_at, notice_text, notice_url)
      values (${id}, ${request.siteId}, ${request.visitorId}, ${status}, (select id from previous), ${request.clientId},
              ${now}, ${left ? now : null}, ${left ? 'left_message' : null}, ${request.text},
              coalesce(${page}::jsonb, (select page from visitors where id = ${request.visitorId})), ${said}, ${now},
              left(${request.text}, 200), 'visitor', ${now}, ${said}, ${said}, ${now}, ${left},
              ${accepted && now}, ${accepted?.notice ?? null}, ${accepted?.url ?? null})
      returning ${conversations.rowColumns}
    ), line as (
      insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
      select ${id}::uuid, 1, 'message', 'visitor', ${request.visitorId}::uuid, ${request.clientId}, ${now}::timestamptz, ${request.text}
      where ${said} = 1
    ), backlog as (
      insert into search_backlog (conversation_ids, seqs, at)
      select array[${id}::uuid], array[1], ${now}::timestamptz where ${said} = 1
    )
    select * from made`.execute(tx)
  const [row] = rows
  if (!row) throw new NotFoundError('conversation')
  const shown = await forVisitor(tx, id)
  tellVisitor(request.visitorId, { type: 'conversation', conversation: shown })
  return { row, shown }
}

async function tellMissed(services: Services, change: Change, { id }: { id: string }): Promise<void> {
  const conversation = await conversations.summary(change.tx, change.now, id)
  change.tellAgents({ type: 'conversation', conversation })
  await noteMissed(services, change, id)
  change.after(() => tellCounts(services))
}
