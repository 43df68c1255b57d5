import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { arrivingMs } from '../files/repository.ts'
import { forgetOldActivities } from '../mirror/activities.ts'
import { daysBefore, monthsBefore } from './ago.ts'

/** Rows a statement: a batch holds its locks for some milliseconds, so nobody waits for the broom. */
const atOnce = 500
/** A conversation brings its lines, notes, offers and words along. */
const conversationsAtOnce = 50
const visitorsAtOnce = 2_000
const linkKeptDays = 1
/** For the trace of a request, and for browsers that come back with a subscription that is gone. */
const pushesKeptDays = 30
const batchesKeptDays = 7
/** For whoever looks into whether something was mailed. */
const mailsKeptDays = 30
/** What was known of a request, for replaying the last week of them. */
const factsKeptDays = 30

/** Who was asked for; what is mirrored stays. */
const lookupsKeptDays = 30
/** Between deleting somebody and saying that it was for privacy. */
const goneAddressesKeptDays = 30
/** Longer than vendors repeat an event. */
const eventsKeptDays = 7

/** How many rows went, by what they were. */
export type Forgotten = Record<string, number>

/**
 * Deletes what has been kept long enough, in small batches: ended and missed conversations with all that hangs on
 * them, anonymous visitors without a conversation and their visits, the audit log, and what opens nothing any more.
 * May be broken off and run again at any time. What an agent talks about now is never touched.
 * @param signal aborted, it ends after the batch in hand.
 */
export async function forgetOld(
  { db, clock, settings }: Pick<Services, 'db' | 'clock' | 'settings'>,
  signal: AbortSignal,
): Promise<Forgotten> {
  const now = clock.now()
  const { conversationMonths, anonymousVisitorDays, auditMonths, visitorTokenDays } = settings.retention
  const kept = monthsBefore(now, conversationMonths)
  const clear = (batch: () => Promise<number>, size: number) => inBatches(batch, size, signal)
  return {
    conversations: await clear(() => forgetConversations(db, kept), conversationsAtOnce),
    visitors: await forgetVisitors(db, daysBefore(now, anonymousVisitorDays), kept, signal),
    auditLog: await clear(
      () => forget(db, 'audit_log', 'id', sql`at < ${monthsBefore(now, auditMonths)} order by at`),
      atOnce,
    ),
    visitorTokens: await clear(
      () =>
        forget(
          db,
          'visitor_tokens',
          'token_hash',
          sql`used_at <= ${daysBefore(now, visitorTokenDays)} order by used_at`,
        ),
      atOnce,
    ),
    mirroredActivities: await clear(() => forgetOldActivities(db, now, atOnce), atOnce),
    personLookups: await clear(
      () =>
        forget(
          db,
          'person_lookups',
          'ctid',
          sql`asked_at < ${daysBefore(now, lookupsKeptDays)} order by asked_at`,
        ),
      atOnce,
    ),
    goneAddresses: await clear(() => forgetGoneAddresses(db, daysBefore(now, goneAddressesKeptDays)), atOnce),
    webhookEvents: await clear(
      () =>
        forget(
          db,
          'webhook_events',
          'id',
          sql`received_at < ${daysBefore(now, eventsKeptDays)} order by received_at`,
        ),
      atOnce,
    ),
    sessions: await clear(() => forget(db, 'sessions', 'token_hash', sql`expires_at <= ${now}`), atOnce),
    pushes: await clear(
      () =>
        forget(db, 'pushes', 'id', sql`created_at < ${daysBefore(now, pushesKeptDays)} order by created_at`),
      atOnce,
    ),
    goneDevices: await clear(
      () => forget(db, 'push_subscriptions', 'id', sql`gone_at < ${daysBefore(now, pushesKeptDays)}`),
      atOnce,
    ),
    mails: await clear(
      () => forget(db, 'mails', 'id', sql`sent_at < ${daysBefore(now, mailsKeptDays)} order by sent_at`),
      atOnce,
    ),
    // while there is the mail, its batch says whom it is about
    mailBatches: await clear(
      () =>
        forget(
          db,
          'mail_batches',
          'id',
          sql`closed_at < ${daysBefore(now, batchesKeptDays)} and mail_id is null`,
        ),
      atOnce,
    ),
    setUpLinks: await clear(
      () => forget(db, 'setup_links', 'token_hash', sql`expires_at <= ${daysBefore(now, linkKeptDays)}`),
      atOnce,
    ),
    returnLinks: await clear(
      () => forget(db, 'return_links', 'token_hash', sql`expires_at <= ${now} order by expires_at`),
      atOnce,
    ),
    routingRequests: await clear(
      () =>
        forget(
          db,
          'routing_requests',
          'conversation_id',
          sql`at < ${daysBefore(now, factsKeptDays)} order by at`,
        ),
      atOnce,
    ),
    arrivingFiles: await clear(
      () => forget(db, 'files', 'id', sql`seq is null and at <= ${new Date(now.getTime() - arrivingMs)}`),
      atOnce,
    ),
    fileAddresses: await clear(
      () => forget(db, 'file_addresses', 'file_id', sql`at <= ${daysBefore(now, 1)}`),
      atOnce,
    ),
    bookingTurns: await clear(
      () => forget(db, 'booking_turns', 'id', sql`at <= ${daysBefore(now, 1)}`),
      atOnce,
    ),
    chatTurns: await clear(() => forget(db, 'chat_turns', 'id', sql`at <= ${daysBefore(now, 1)}`), atOnce),
    addresses: await clear(
      () =>
        forget(
          db,
          'request_addresses',
          'conversation_id',
          sql`not exists (select from conversations c where c.id = conversation_id and c.status = 'waiting')`,
        ),
      atOnce,
    ),
  }
}

async function inBatches(batch: () => Promise<number>, size: number, signal: AbortSignal): Promise<number> {
  let all = 0
  for (let gone = size; gone === size && !signal.aborted; ) {
    gone = await batch()
    all += gone
  }
  return all
}

/** One batch. Rows that somebody holds stay for the next time. */
async function forget(db: Db, table: string, key: string, which: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql`
    delete from ${sql.table(table)} where ${sql.ref(key)} in (
      select ${sql.ref(key)} from ${sql.table(table)} where ${which} limit ${atOnce} for update skip locked)
    returning ${sql.ref(key)}`.execute(db)
  return rows.length
}

/** That somebody was deleted stays known, their address does not. */
async function forgetGoneAddresses(db: Db, before: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    update mirror_gone set emails = '{}' where ctid = any (array(
      select ctid from mirror_gone where emails <> '{}' and at < ${before} limit ${atOnce}))`.execute(db)
  return Number(numAffectedRows)
}

/** Those that went on from one of them stand by themselves then. */
function forgetConversations(db: Db, before: Date): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select id from conversations where status in ('ended', 'missed') and ended_at < ${before}
      order by ended_at, id limit ${conversationsAtOnce} for update skip locked`.execute(tx)
    const ids = rows.map(({ id }) => id)
    if (ids.length === 0) return 0
    await sql`update conversations set previous_id = null where previous_id = any (${ids}::uuid[])`.execute(
      tx,
    )
    await sql`delete from conversations where id = any (${ids}::uuid[])`.execute(tx)
    return ids.length
  })
}

/** In order of id, because an index on when somebody was last seen would have to be written with every page they look
 *  at. Those whom a signature names are no strangers: they stay as long as a conversation would. */
async function forgetVisitors(
  db: Db,
  anonymousBefore: Date,
  namedBefore: Date,
  signal: AbortSignal,
): Promise<number> {
  let all = 0
  for (let after: string | null = '00000000-0000-0000-0000-000000000000'; after && !signal.aborted; ) {
    const { rows }: { rows: { last: string | null; gone: number }[] } = await sql<{
      last: string | null
      gone: number
    }>`
      with stretch as materialized (
        select id, seen_at, identity_subject from visitors where id > ${after}::uuid order by id limit ${visitorsAtOnce}
      ), idle as materialized (
        select v.id from visitors v join stretch s on s.id = v.id
        where v.seen_at < case when v.identity_subject is null then ${anonymousBefore}::timestamptz else ${namedBefore}::timestamptz end
          and not exists (select from conversations c where c.visitor_id = v.id)
        for update of v skip locked
      ), gone as (
        delete from visitors v using idle where v.id = idle.id returning v.id
      )
      select (select id from stretch order by id desc limit 1) as last, (select count(*) from gone) as gone`.execute(
      db,
    )
    all += rows[0]?.gone ?? 0
    after = rows[0]?.last ?? null
  }
  return all
}
