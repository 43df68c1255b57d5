import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { erasePerson, workOnMeeting } from '../../contracts/jobs.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { type Change, change, type Services } from '../../services.ts'
import { forgetNotices } from '../mail/batches.ts'
import { erasedEmail, forAgent, giveBackTimes, readMeetings } from '../meetings/repository.ts'
import { lastEnd, restOfLease } from '../meetings/states.ts'
import { tellMeeting } from '../meetings/telling.ts'
import { forgetPeople } from '../mirror/store.ts'
import { enqueue } from '../outbox/outbox.ts'
import { knownEmail } from '../visitors/known.ts'

const conversationsAtOnce = 50

/**
 * A CRM has erased somebody for the sake of privacy: the mirror of it forgets them at once and for good, whatever is
 * heard of them later, and a job erases what Foyer itself holds.
 */
export async function eraseByCrm(
  services: Services,
  { tx, now, after }: Change,
  connector: string,
  externalId: string,
): Promise<void> {
  const { rows } = await sql<{ id: string; emails: string[] }>`
    select m.external_id as id, m.emails from people_mirror m
    where m.connector = ${connector} and m.external_id = ${externalId}
    union all
    select former_id, '{}' from people_mirror_former where connector = ${connector} and external_id = ${externalId}
    union all
    -- deleted before it was erased
    select external_id, emails from mirror_gone where connector = ${connector} and external_id = ${externalId}
    union all
    -- longer ago: known by whom it was found for, and what was written
    select l.external_id, array[l.email] from person_lookups l join connections c on c.id = l.connection_id
    where c.connector = ${connector} and l.external_id = ${externalId}
    union all
    select w.person_id, array[${knownEmail()}] from crm_writes w
    join connections c on c.id = w.connection_id join visitors v on v.id = w.visitor_id
    where c.connector = ${connector} and w.person_id = ${externalId} and ${knownEmail()} is not null`.execute(
    tx,
  )
  await forgetPeople(tx, connector, [externalId, ...rows.map(({ id }) => id)], now, { erased: true })
  const emails = [...new Set(rows.flatMap((row) => row.emails))]
  if (emails.length === 0) return
  const id = randomUUID()
  await sql`insert into erasures (id, emails, asked_at) values (${id}, ${emails}, ${now})`.execute(tx)
  await enqueue(tx, services.clock, { task: erasePerson, payload: { erasureId: id } })
  after(services.wakeJobs)
}

/**
 * Erases what Foyer holds of a person: the directory's row, chats with all that hangs on them, visits, what they gave and
 * what agents corrected, mail to them. A chat that goes on is erased when it has ended. Blocks stay.
 * @returns whether that is all; else it is to be called again.
 */
export async function eraseEverywhere(services: Services, erasureId: string): Promise<boolean> {
  const { db } = services
  const { rows } = await sql<{ emails: string[] }>`
    select emails from erasures where id = ${erasureId} and finished_at is null`.execute(db)
  const emails = rows[0]?.emails
  if (!emails) return true
  const ofPerson = sql`${knownEmail()} = any (${emails})`
  while ((await eraseConversations(db, ofPerson)) === conversationsAtOnce);
  return change(services, async (change) => {
    const { tx, now } = change
    await sql`delete from people where email = any (${emails})`.execute(tx)
    await sql`delete from person_lookups where email = any (${emails})`.execute(tx)
    // first, since it waits for whoever books or moves one: those promise mails as well
    await eraseMeetings(services, change, emails)
    // what was mailed to agents about them says whom they may answer
    await sql`delete from mails where to_address = any (${emails}) or reply_to = any (${emails})`.execute(tx)
    const { rows: visitors } = await sql<{ id: string }>`
      select v.id from visitors v where ${ofPerson}
        and not exists (select from conversations c where c.visitor_id = v.id) for update`.execute(tx)
    const ids = visitors.map(({ id }) => id)
    await sql`delete from visits where visitor_id = any (${ids}::uuid[])`.execute(tx)
    await sql`
      update visitors set name = null, email = null, email_verified = false, identity_subject = null, job_title = null, phone = null,
        company = null, corrections = '{}', given_at = '{}', corrected_at = '{}', page = null, referrer = null, utm = null
      where id = any (${ids}::uuid[])`.execute(tx)
    const { rows: left } = await sql`select from visitors v where ${ofPerson} limit 1`.execute(tx)
    if (left.length > 0) return false
    await sql`update erasures set emails = '{}', finished_at = ${now} where id = ${erasureId}`.execute(tx)
    return true
  })
}

/** What was is deleted; what is ahead ends, in a connected calendar too, says no more whose it was, and its host sees so. */
async function eraseMeetings({ clock }: Services, change: Change, emails: string[]) {
  const { tx, now } = change
  await sql`
    delete from meetings where email = any (${emails})
      and (state = 'failed' or end_at <= ${now}) and event_due is null`.execute(tx)
  const { rows } = await sql<{ id: string; agentId: string; workedUntil: Date | null }>`
    update meetings set state = 'cancelled', cancelled_at = coalesce(cancelled_at, ${now}), cancelled_by = coalesce(cancelled_by, 'agent'),
      failed_at = null, event_due = 'cancel', event_until = coalesce(event_until, ${lastEnd}), moving_to = null, remind_at = null, worked_until = ${restOfLease(now)}, name = 'Erased',
      email = ${erasedEmail}, note = null, title = 'Erased', body = '',
      notice_accepted_at = null, notice_text = null, notice_url = null, changed_at = ${now}
    where email = any (${emails}) returning id, agent_id, worked_until`.execute(tx)
  // in one order, so that two who erase do not wait for each other
  for (const { id, agentId, workedUntil } of rows.sort((a, b) => a.agentId.localeCompare(b.agentId))) {
    await giveBackTimes(tx, { id, agentId })
    await enqueue(tx, clock, { task: workOnMeeting, payload: { meetingId: id }, runAt: workedUntil ?? now })
  }
  const erased = await readMeetings(tx, sql`m.id = any (${rows.map(({ id }) => id)}::uuid[])`)
  for (const meeting of erased) tellMeeting(change, forAgent(meeting))
}

function eraseConversations(db: Db, ofPerson: ReturnType<typeof sql>): Promise<number> {
  return db.transaction().execute(async (tx: Tx) => {
    const { rows } = await sql<{ id: string }>`
      select c.id from conversations c join visitors v on v.id = c.visitor_id
      where c.status in ('ended', 'missed') and ${ofPerson} order by c.id limit ${conversationsAtOnce} for update of c`.execute(
      tx,
    )
    const ids = rows.map(({ id }) => id)
    if (ids.length === 0) return 0
    await forgetNotices(tx, ids)
    await sql`update conversations set previous_id = null where previous_id = any (${ids}::uuid[])`.execute(
      tx,
    )
    await sql`delete from conversations where id = any (${ids}::uuid[])`.execute(tx)
    return ids.length
  })
}
